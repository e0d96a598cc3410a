"""The acts on a playbook: publish, close, contribute, sign, accept, and the playbook as code."""

from dataclasses import dataclass

from app.domain.access.actor import Actor, require_configuration, require_team
from app.domain.playbook import document as documents
from app.domain.playbook import lifecycle as publishing
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
from app.store.playbook import configuration as store


@dataclass(frozen=True, slots=True)
class AppliedDocument:
    """What applying a document did, or with a dry run would do. Shape: `unchanged` are (kind, key) pairs."""

    changes: tuple[ConfigurationChange, ...]
    unchanged: tuple[tuple[str, str], ...]
    revision: int


async def publish_playbook(
    service: ServiceContext, actor: Actor, key: str, precondition: Precondition = UNCONDITIONAL
) -> WrittenResource:
    """The playbook is published as its next revision. Raises: NotFoundError, NotPublishedError, ForbiddenError."""
    require_configuration(actor)
    now = service.clock()
    outcome = await write_configuration(
        service,
        actor,
        lambda configuration: publishing.publish_playbook(configuration, key, now),
        ("playbook", key, precondition),
    )
    return to_written_resource(outcome, "playbook", key)


async def close_playbook(
    service: ServiceContext, actor: Actor, key: str, precondition: Precondition = UNCONDITIONAL
) -> WrittenResource:
    """The playbook is closed. Raises: NotFoundError, NotPublishedError, ForbiddenError."""
    require_configuration(actor)
    outcome = await write_configuration(
        service,
        actor,
        lambda configuration: publishing.close_playbook(configuration, key),
        ("playbook", key, precondition),
    )
    return to_written_resource(outcome, "playbook", key)


async def record_contribution(
    service: ServiceContext,
    actor: Actor,
    contribution: Contribution,
    precondition: Precondition = UNCONDITIONAL,
) -> WrittenResource:
    """The team has contributed. Raises: NotFoundError, ForbiddenError."""
    require_team(actor, contribution.team)
    guard = ("contribution", contribution.key, precondition)
    outcome = await write_configuration(
        service,
        actor,
        lambda configuration: publishing.add_contribution(configuration, contribution),
        guard,
    )
    return to_written_resource(outcome, "contribution", contribution.key)


async def record_signoff(
    service: ServiceContext,
    actor: Actor,
    signoff: Signoff,
    precondition: Precondition = UNCONDITIONAL,
) -> WrittenResource:
    """The team has signed the current revision.

    Raises: NotFoundError, OldRevisionError, NotPublishedError, ForbiddenError.
    """
    require_team(actor, signoff.team)
    guard = ("signoff", signoff.key, precondition)
    outcome = await write_configuration(
        service, actor, lambda configuration: publishing.add_signoff(configuration, signoff), guard
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
    """The team's contribution or sign-off is withdrawn. Raises: NotFoundError, ForbiddenError."""
    require_team(actor, team)
    key = f"{playbook}/{team}"

    def remove_participation(configuration: Configuration) -> Configuration:
        publishing.get_playbook(configuration, playbook)
        if key not in configuration.resources_of(kind):
            raise NotFoundError(f"The team '{team}' has no {kind} for the playbook '{playbook}'.")
        return configuration.with_archived(kind, key)

    await write_configuration(service, actor, remove_participation, (kind, key, precondition))


async def record_acceptance(  # an acceptance is all of these
    service: ServiceContext,
    actor: Actor,
    objective: str,
    team: str,
    *,
    accepted: bool,
    accepted_by: str,
    note: str,
    precondition: Precondition = UNCONDITIONAL,
) -> WrittenResource:
    """The team has accepted, or declined, its part. Raises: NotFoundError, ForbiddenError."""
    require_team(actor, team)

    def set_acceptance(configuration: Configuration) -> Configuration:
        if objective not in configuration.objectives:
            raise NotFoundError(
                unknown_key_message("objective", objective, configuration.objectives)
            )
        return publishing.set_acceptance(
            configuration, objective, team, is_accepted=accepted, by=accepted_by, note=note
        )

    outcome = await write_configuration(
        service, actor, set_acceptance, ("responsibility", f"{objective}/{team}", precondition)
    )
    return to_written_resource(outcome, "responsibility", f"{objective}/{team}")


async def export_document(service: ServiceContext, actor: Actor, key: str) -> Document:
    """The playbook as code. Raises: NotFoundError."""
    actor.require_scope("read")
    async with service.database.read_transaction() as connection:
        configuration = await store.load_configuration(connection, actor.organization)
    return documents.render_document(configuration, key)


async def apply_document(  # the three questions of `sightline apply`
    service: ServiceContext,
    actor: Actor,
    document: Document,
    *,
    dry_run: bool,
    publish: bool,
    prune: bool,
) -> AppliedDocument:
    """The organization is as the document says, in one transaction.

    Raises: InvalidError, PruneNeededError, ForbiddenError.
    """
    require_configuration(actor)
    now = service.clock()
    is_admin = actor.has_scope("admin")

    def transform(configuration: Configuration) -> Configuration:
        changed_configuration = documents.apply_document(
            configuration, document, prune=prune, accept=is_admin
        )
        return (
            publishing.publish_playbook(changed_configuration, document.playbook.key, now)
            if publish
            else changed_configuration
        )

    outcome = await write_configuration(service, actor, transform, dry_run=dry_run)
    return _to_applied_document(outcome, document)


def _to_applied_document(outcome: WriteOutcome, document: Document) -> AppliedDocument:
    changed_names = {(change.kind, change.key) for change in outcome.changes}
    unchanged = tuple(name for name in documents.list_names(document) if name not in changed_names)
    reported_changes = tuple(change for change in outcome.changes if change.kind != "revision")
    return AppliedDocument(
        reported_changes, unchanged, outcome.after.playbooks[document.playbook.key].revision
    )
