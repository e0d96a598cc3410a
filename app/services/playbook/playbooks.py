"""The acts on a playbook: publish, close, contribute, sign, accept, and the playbook as code."""

from dataclasses import dataclass

from app.domain.access.actor import Actor, require_configuration, require_team
from app.domain.playbook import document as documents
from app.domain.playbook import lifecycle as publishing
from app.domain.playbook.configuration import Change, Configuration
from app.domain.playbook.document import Document
from app.domain.playbook.playbooks import Contribution, Signoff
from app.domain.primitives.errors import NotFoundError, unknown
from app.services.playbook.configuration import (
    UNCONDITIONAL,
    Outcome,
    Precondition,
    Written,
    write,
    written,
)
from app.services.runtime.context import Service
from app.store.playbook import configuration as store


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying a document did, or with a dry run would do. Shape: `unchanged` are (kind, key) pairs."""

    changes: tuple[Change, ...]
    unchanged: tuple[tuple[str, str], ...]
    revision: int


async def publish(
    service: Service, actor: Actor, key: str, precondition: Precondition = UNCONDITIONAL
) -> Written:
    """The playbook is published as its next revision. Raises: NotFoundError, NotPublishedError, ForbiddenError."""
    require_configuration(actor)
    now = service.clock()
    outcome = await write(
        service,
        actor,
        lambda found: publishing.publish(found, key, now),
        ("playbook", key, precondition),
    )
    return written(outcome, "playbook", key)


async def close(
    service: Service, actor: Actor, key: str, precondition: Precondition = UNCONDITIONAL
) -> Written:
    """The playbook is closed. Raises: NotFoundError, NotPublishedError, ForbiddenError."""
    require_configuration(actor)
    outcome = await write(
        service, actor, lambda found: publishing.close(found, key), ("playbook", key, precondition)
    )
    return written(outcome, "playbook", key)


async def contribute(
    service: Service, actor: Actor, found: Contribution, precondition: Precondition = UNCONDITIONAL
) -> Written:
    """The team has contributed. Raises: NotFoundError, ForbiddenError."""
    require_team(actor, found.team)
    guard = ("contribution", found.key, precondition)
    outcome = await write(service, actor, lambda known: publishing.contribute(known, found), guard)
    return written(outcome, "contribution", found.key)


async def sign(
    service: Service, actor: Actor, found: Signoff, precondition: Precondition = UNCONDITIONAL
) -> Written:
    """The team has signed the current revision.

    Raises: NotFoundError, OldRevisionError, NotPublishedError, ForbiddenError.
    """
    require_team(actor, found.team)
    guard = ("signoff", found.key, precondition)
    outcome = await write(service, actor, lambda known: publishing.sign(known, found), guard)
    return written(outcome, "signoff", found.key)


async def withdraw(
    service: Service,
    actor: Actor,
    kind: str,
    playbook: str,
    team: str,
    precondition: Precondition = UNCONDITIONAL,
) -> None:
    """The team's contribution or sign-off is withdrawn. Raises: NotFoundError, ForbiddenError."""
    require_team(actor, team)
    key = f"{playbook}/{team}"

    def step(configuration: Configuration) -> Configuration:
        publishing.playbook_of(configuration, playbook)
        if key not in configuration.of(kind):
            raise NotFoundError(f"The team '{team}' has no {kind} for the playbook '{playbook}'.")
        return configuration.drop(kind, key)

    await write(service, actor, step, (kind, key, precondition))


async def accept(  # an acceptance is all of these
    service: Service,
    actor: Actor,
    objective: str,
    team: str,
    *,
    accepted: bool,
    by: str,
    note: str,
    precondition: Precondition = UNCONDITIONAL,
) -> Written:
    """The team has accepted, or declined, its part. Raises: NotFoundError, ForbiddenError."""
    require_team(actor, team)

    def step(configuration: Configuration) -> Configuration:
        if objective not in configuration.objectives:
            raise NotFoundError(unknown("objective", objective, configuration.objectives))
        return publishing.accept(
            configuration, objective, team, accepted=accepted, by=by, note=note
        )

    outcome = await write(
        service, actor, step, ("responsibility", f"{objective}/{team}", precondition)
    )
    return written(outcome, "responsibility", f"{objective}/{team}")


async def document(service: Service, actor: Actor, key: str) -> Document:
    """The playbook as code. Raises: NotFoundError."""
    actor.require("read")
    async with service.database.reading() as connection:
        configuration = await store.load(connection, actor.organization)
    return documents.render(configuration, key)


async def apply(  # the three questions of `sightline apply`
    service: Service, actor: Actor, found: Document, *, dry_run: bool, publish: bool, prune: bool
) -> Applied:
    """The organization is as the document says, in one transaction.

    Raises: InvalidError, PruneNeededError, ForbiddenError.
    """
    require_configuration(actor)
    now = service.clock()
    admin = actor.may("admin")

    def step(configuration: Configuration) -> Configuration:
        after = documents.apply(configuration, found, prune=prune, accept=admin)
        return publishing.publish(after, found.playbook.key, now) if publish else after

    outcome = await write(service, actor, step, dry_run=dry_run)
    return _applied(outcome, found)


def _applied(outcome: Outcome, found: Document) -> Applied:
    changed = {(change.kind, change.key) for change in outcome.changes}
    unchanged = tuple(name for name in documents.names(found) if name not in changed)
    shown = tuple(change for change in outcome.changes if change.kind != "revision")
    return Applied(shown, unchanged, outcome.after.playbooks[found.playbook.key].revision)
