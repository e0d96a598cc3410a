"""Publishing, closing, contributing, signing, accepting: the acts on a playbook, each a pure step."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from app.domain.playbook import serialization as codec
from app.domain.playbook.configuration import Configuration, Noun
from app.domain.playbook.playbooks import Contribution, Playbook, Revision, Signoff
from app.domain.primitives.errors import NotFoundError, NotPublishedError, OldRevisionError, unknown

# Fields that a revision does not cover: an objective's `state` it does.
STATEFUL: Final = frozenset({"state", "revision", "published_at", "status", "by", "note"})
OWN: Final = {"objective": STATEFUL - {"state"}}


def playbook_of(configuration: Configuration, key: str) -> Playbook:
    """That playbook. Raises: NotFoundError naming the nearest known one."""
    if key not in configuration.playbooks:
        raise NotFoundError(unknown("playbook", key, configuration.playbooks))
    return configuration.playbooks[key]


def content(configuration: Configuration, key: str) -> Mapping[str, Mapping[str, object]]:
    """What a revision covers: the playbook's fields, its objectives, key results, and responsibilities' role and share.

    Shape: `<kind>:<key>` to the fields as JSON.
    """
    objectives = {o.key: o for o in configuration.objectives.values() if o.playbook == key}
    covered: list[Noun] = [
        configuration.playbooks[key],
        *objectives.values(),
        *(k for k in configuration.key_results.values() if k.objective in objectives),
        *(r for r in configuration.responsibilities.values() if r.objective in objectives),
    ]
    return {
        f"{noun.kind}:{noun.key}": codec.to_json(noun, OWN.get(noun.kind, STATEFUL))
        for noun in covered
    }


def unpublished(configuration: Configuration, key: str) -> int:
    """How many of the parts differ from the current revision; all of them before the first publishing."""
    present = content(configuration, key)
    playbook = configuration.playbooks[key]
    revision = configuration.revisions.get(f"{key}/{playbook.revision}")
    published = {} if revision is None else revision.content
    return sum(
        present.get(name) != published.get(name) for name in present.keys() | published.keys()
    )


def publish(configuration: Configuration, key: str, now: datetime) -> Configuration:
    """The playbook is published; without a change since its last revision nothing happens.

    Raises: NotPublishedError.
    """
    playbook = playbook_of(configuration, key)
    if playbook.state == "closed":
        raise NotPublishedError(f"The playbook '{key}' is closed.")
    if playbook.state == "published" and unpublished(configuration, key) == 0:
        return configuration
    number = playbook.revision + 1
    published = replace(playbook, state="published", revision=number, published_at=now)
    return configuration.put(published).put(Revision(key, number, content(configuration, key)))


def close(configuration: Configuration, key: str) -> Configuration:
    """The playbook is closed; closing it twice changes nothing. Raises: NotPublishedError for a draft."""
    playbook = playbook_of(configuration, key)
    if playbook.state == "draft":
        raise NotPublishedError(f"The playbook '{key}' was never published; archive it instead.")
    return configuration.put(replace(playbook, state="closed"))


def contribute(configuration: Configuration, found: Contribution) -> Configuration:
    """The team has contributed to the playbook. Raises: NotFoundError."""
    playbook_of(configuration, found.playbook)
    _team(configuration, found.team)
    return configuration.put(found)


def sign(configuration: Configuration, found: Signoff) -> Configuration:
    """The team has signed the current revision. Raises: OldRevisionError, NotPublishedError, NotFoundError."""
    playbook = playbook_of(configuration, found.playbook)
    _team(configuration, found.team)
    if playbook.revision == 0:
        raise NotPublishedError(
            f"The playbook '{found.playbook}' is not published yet: there is no revision to sign."
        )
    if found.revision != playbook.revision:
        raise OldRevisionError(
            f"Revision {found.revision} is not the current one, which is {playbook.revision}."
        )
    return configuration.put(found)


def accept(  # an acceptance is all of these
    configuration: Configuration, objective: str, team: str, *, accepted: bool, by: str, note: str
) -> Configuration:
    """The team has accepted, or declined, its part in the objective. Raises: NotFoundError."""
    key = f"{objective}/{team}"
    found = configuration.responsibilities.get(key)
    if found is None:
        raise NotFoundError(
            f"The team '{team}' has no responsibility for the objective '{objective}'."
        )
    _team(configuration, team)
    status = "accepted" if accepted else "declined"
    return configuration.put(replace(found, status=status, by=by, note=note))


def _team(configuration: Configuration, team: str) -> None:
    if team not in configuration.teams:
        raise NotFoundError(unknown("team", team, configuration.teams))
