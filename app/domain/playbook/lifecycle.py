"""Operations on a playbook: publish, close, contribute, sign off, accept."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from app.domain.playbook import serialization
from app.domain.playbook.configuration import Configuration, Resource
from app.domain.playbook.playbooks import Contribution, Playbook, Revision, Signoff
from app.domain.primitives.errors import (
    NotFoundError,
    NotPublishedError,
    OldRevisionError,
    unknown_key_message,
)

# Fields that a revision does not cover; it does cover the `state` of an objective.
STATE_FIELDS: Final = frozenset({"state", "revision", "published_at", "status", "by", "note"})
STATE_FIELDS_BY_KIND: Final = {"objective": STATE_FIELDS - {"state"}}


def get_playbook(configuration: Configuration, key: str) -> Playbook:
    """Return a playbook.

    Raises: NotFoundError with the nearest known key.
    """
    if key not in configuration.playbooks:
        raise NotFoundError(unknown_key_message("playbook", key, configuration.playbooks))
    return configuration.playbooks[key]


def revision_content(configuration: Configuration, key: str) -> Mapping[str, Mapping[str, object]]:
    """Return the content of a revision: `<kind>:<key>` to the fields as JSON.

    A revision covers the playbook, its objectives, its key results, and the role and share of its
    responsibilities.
    """
    objectives = {
        objective.key: objective
        for objective in configuration.objectives.values()
        if objective.playbook == key
    }
    covered_resources: list[Resource] = [
        configuration.playbooks[key],
        *objectives.values(),
        *(
            key_result
            for key_result in configuration.key_results.values()
            if key_result.objective in objectives
        ),
        *(
            responsibility
            for responsibility in configuration.responsibilities.values()
            if responsibility.objective in objectives
        ),
    ]
    return {
        f"{resource.kind}:{resource.key}": serialization.to_json(
            resource, STATE_FIELDS_BY_KIND.get(resource.kind, STATE_FIELDS)
        )
        for resource in covered_resources
    }


def count_unpublished_changes(configuration: Configuration, key: str) -> int:
    """Return how many parts differ from the current revision, all before the first one."""
    current_content = revision_content(configuration, key)
    playbook = configuration.playbooks[key]
    revision = configuration.revisions.get(f"{key}/{playbook.revision}")
    published_content = {} if revision is None else revision.content
    return sum(
        current_content.get(content_key) != published_content.get(content_key)
        for content_key in current_content.keys() | published_content.keys()
    )


def publish_playbook(configuration: Configuration, key: str, now: datetime) -> Configuration:
    """Publish a playbook as a new revision, unless nothing has changed since the last one.

    Raises: NotPublishedError for a closed playbook, NotFoundError.
    """
    playbook = get_playbook(configuration, key)
    if playbook.state == "closed":
        raise NotPublishedError(f"The playbook '{key}' is closed.")
    if playbook.state == "published" and count_unpublished_changes(configuration, key) == 0:
        return configuration
    number = playbook.revision + 1
    published_playbook = replace(playbook, state="published", revision=number, published_at=now)
    return configuration.with_resource(published_playbook).with_resource(
        Revision(key, number, revision_content(configuration, key))
    )


def close_playbook(configuration: Configuration, key: str) -> Configuration:
    """Close a playbook; a closed one stays closed.

    Raises: NotPublishedError for a draft, NotFoundError.
    """
    playbook = get_playbook(configuration, key)
    if playbook.state == "draft":
        raise NotPublishedError(f"The playbook '{key}' was never published; archive it instead.")
    return configuration.with_resource(replace(playbook, state="closed"))


def add_contribution(configuration: Configuration, contribution: Contribution) -> Configuration:
    """Record that a team contributed to a playbook.

    Raises: NotFoundError.
    """
    get_playbook(configuration, contribution.playbook)
    _require_team(configuration, contribution.team)
    return configuration.with_resource(contribution)


def add_signoff(configuration: Configuration, signoff: Signoff) -> Configuration:
    """Record that a team signed the current revision.

    Raises: OldRevisionError, NotPublishedError, NotFoundError.
    """
    playbook = get_playbook(configuration, signoff.playbook)
    _require_team(configuration, signoff.team)
    if playbook.revision == 0:
        raise NotPublishedError(
            f"The playbook '{signoff.playbook}' is not published yet: there is no revision to sign."
        )
    if signoff.revision != playbook.revision:
        raise OldRevisionError(
            f"Revision {signoff.revision} is not the current one, which is {playbook.revision}."
        )
    return configuration.with_resource(signoff)


def set_acceptance(
    configuration: Configuration,
    objective: str,
    team: str,
    *,
    is_accepted: bool,
    by: str,
    note: str,
) -> Configuration:
    """Record whether a team accepts its responsibility.

    Raises: NotFoundError.
    """
    responsibility_key = f"{objective}/{team}"
    responsibility = configuration.responsibilities.get(responsibility_key)
    if responsibility is None:
        raise NotFoundError(
            f"The team '{team}' has no responsibility for the objective '{objective}'."
        )
    _require_team(configuration, team)
    status = "accepted" if is_accepted else "declined"
    return configuration.with_resource(replace(responsibility, status=status, by=by, note=note))


def _require_team(configuration: Configuration, team: str) -> None:
    if team not in configuration.teams:
        raise NotFoundError(unknown_key_message("team", team, configuration.teams))
