"""Use cases for playbooks: publish, close, contribute, sign, answer, and the playbook as code."""

from dataclasses import dataclass

from app.domain.access.actor import Actor, require_configuration, require_team
from app.domain.playbook import document as document_domain
from app.domain.playbook import lifecycle
from app.domain.playbook.configuration import Configuration, ConfigurationChange
from app.domain.playbook.document import Document
from app.domain.playbook.playbooks import Contribution, Signoff
from app.domain.primitives.errors import NotFoundError, unknown_key_message
from app.services.playbook.configuration import (
    UNCONDITIONAL,
    Precondition,
    WriteOutcome,
    WrittenResource,
    to_written_resource,
    write_configuration,
)
from app.services.runtime.context import ServiceContext
from app.store.playbook import configuration as configuration_store


@dataclass(frozen=True, slots=True)
class AppliedDocument:
    """The changes that a document made, or would make with a dry run."""

    changes: tuple[ConfigurationChange, ...]
    # The kind and key of each resource that did not change.
    unchanged: tuple[tuple[str, str], ...]
    revision: int


@dataclass(frozen=True, slots=True)
class ResponsibilityAnswer:
    """A team's answer to its part in an objective."""

    objective: str
    team: str
    is_accepted: bool
    # The name of the person who answered.
    answered_by: str
    note: str


async def publish_playbook(
    service: ServiceContext, actor: Actor, key: str, precondition: Precondition = UNCONDITIONAL
) -> WrittenResource:
    """Publish a playbook as its next revision.

    Raises: NotFoundError, NotPublishedError, ForbiddenError.
    """
    require_configuration(actor)
    now = service.clock()
    outcome = await write_configuration(
        service,
        actor,
        lambda configuration: lifecycle.publish_playbook(configuration, key, now),
        ("playbook", key, precondition),
    )
    return to_written_resource(outcome, "playbook", key)


async def close_playbook(
    service: ServiceContext, actor: Actor, key: str, precondition: Precondition = UNCONDITIONAL
) -> WrittenResource:
    """Close a playbook. Raises: NotFoundError, NotPublishedError, ForbiddenError."""
    require_configuration(actor)
    outcome = await write_configuration(
        service,
        actor,
        lambda configuration: lifecycle.close_playbook(configuration, key),
        ("playbook", key, precondition),
    )
    return to_written_resource(outcome, "playbook", key)


async def record_contribution(
    service: ServiceContext,
    actor: Actor,
    contribution: Contribution,
    precondition: Precondition = UNCONDITIONAL,
) -> WrittenResource:
    """Record a team's contribution. Raises: NotFoundError, ForbiddenError."""
    require_team(actor, contribution.team)
    guard = ("contribution", contribution.key, precondition)
    outcome = await write_configuration(
        service,
        actor,
        lambda configuration: lifecycle.add_contribution(configuration, contribution),
        guard,
    )
    return to_written_resource(outcome, "contribution", contribution.key)


async def record_signoff(
    service: ServiceContext,
    actor: Actor,
    signoff: Signoff,
    precondition: Precondition = UNCONDITIONAL,
) -> WrittenResource:
    """Record a team's sign-off of the current revision.

    Raises: NotFoundError, OldRevisionError, NotPublishedError, ForbiddenError.
    """
    require_team(actor, signoff.team)
    guard = ("signoff", signoff.key, precondition)
    outcome = await write_configuration(
        service, actor, lambda configuration: lifecycle.add_signoff(configuration, signoff), guard
    )
    return to_written_resource(outcome, "signoff", signoff.key)


async def withdraw_participation(
    service: ServiceContext,
    actor: Actor,
    kind: str,
    playbook: str,
    team: str,
    precondition: Precondition = UNCONDITIONAL,
) -> None:
    """Withdraw a team's contribution or sign-off. Raises: NotFoundError, ForbiddenError."""
    require_team(actor, team)
    participation_key = f"{playbook}/{team}"

    def remove_participation(configuration: Configuration) -> Configuration:
        lifecycle.get_playbook(configuration, playbook)
        if participation_key not in configuration.resources_of(kind):
            raise NotFoundError(f"The team '{team}' has no {kind} for the playbook '{playbook}'.")
        return configuration.with_archived(kind, participation_key)

    await write_configuration(
        service, actor, remove_participation, (kind, participation_key, precondition)
    )


async def record_answer(
    service: ServiceContext,
    actor: Actor,
    answer: ResponsibilityAnswer,
    precondition: Precondition = UNCONDITIONAL,
) -> WrittenResource:
    """Record that a team accepts or declines its part in an objective.

    Raises: NotFoundError, ForbiddenError.
    """
    require_team(actor, answer.team)
    responsibility_key = f"{answer.objective}/{answer.team}"

    def set_acceptance(configuration: Configuration) -> Configuration:
        if answer.objective not in configuration.objectives:
            raise NotFoundError(
                unknown_key_message("objective", answer.objective, configuration.objectives)
            )
        return lifecycle.set_acceptance(
            configuration,
            answer.objective,
            answer.team,
            is_accepted=answer.is_accepted,
            by=answer.answered_by,
            note=answer.note,
        )

    outcome = await write_configuration(
        service, actor, set_acceptance, ("responsibility", responsibility_key, precondition)
    )
    return to_written_resource(outcome, "responsibility", responsibility_key)


async def export_document(service: ServiceContext, actor: Actor, key: str) -> Document:
    """Return a playbook as code. Raises: NotFoundError."""
    actor.require_scope("read")
    async with service.database.read_transaction() as connection:
        configuration = await configuration_store.load_configuration(connection, actor.organization)
    return document_domain.render_document(configuration, key)


async def apply_document(
    service: ServiceContext,
    actor: Actor,
    document: Document,
    *,
    dry_run: bool,
    publish: bool,
    prune: bool,
) -> AppliedDocument:
    """Change the organization to what a document says, in one transaction.

    Raises: InvalidError, PruneNeededError, ForbiddenError.
    """
    require_configuration(actor)
    now = service.clock()
    is_admin = actor.has_scope("admin")

    def transform(configuration: Configuration) -> Configuration:
        changed_configuration = document_domain.apply_document(
            configuration, document, prune=prune, accept=is_admin
        )
        return (
            lifecycle.publish_playbook(changed_configuration, document.playbook.key, now)
            if publish
            else changed_configuration
        )

    outcome = await write_configuration(service, actor, transform, dry_run=dry_run)
    return _to_applied_document(outcome, document)


def _to_applied_document(outcome: WriteOutcome, document: Document) -> AppliedDocument:
    changed_names = {(change.kind, change.key) for change in outcome.changes}
    unchanged = tuple(
        typed_key
        for typed_key in document_domain.list_names(document)
        if typed_key not in changed_names
    )
    reported_changes = tuple(change for change in outcome.changes if change.kind != "revision")
    return AppliedDocument(
        reported_changes, unchanged, outcome.after.playbooks[document.playbook.key].revision
    )
