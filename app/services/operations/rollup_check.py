"""The operator's care for the roll-ups: are they what the events say, and make them so."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from app.domain.events.metrics import Matcher
from app.domain.playbook import history as past
from app.domain.playbook.configuration import TABLES, Noun
from app.services.events import metric_restatement as restatement
from app.services.runtime.context import Service
from app.store.access import api_keys as keys
from app.store.access import organization_version as cursor
from app.store.events import metric_restatement as restatements
from app.store.events import rollup_rebuild as rebuild
from app.store.events.rollup_rebuild import Rebuilt
from app.store.playbook import configuration
from app.store.playbook import journal_history as history
from app.store.sql.database import Connection


async def organizations(service: Service) -> Sequence[tuple[str, UUID]]:
    """Every organization's key and identity, by key."""
    async with service.database.reading() as connection:
        return await keys.owners(connection, "organization")


async def differences(service: Service, organization: UUID) -> Mapping[str, int]:
    """How many rows of each roll-up, and how many matched sets, are not as the events say."""
    async with service.database.reading() as connection:
        rebuilt = await _recompute(connection, organization)
        return await rebuild.differences(connection, organization, rebuilt)


async def unjournaled(service: Service, organization: UUID) -> int:
    """How many things are not as the journal says, replayed from its beginning."""
    async with service.database.reading() as connection:
        present = await configuration.load(connection, organization)
        replayed = await history.replayed(connection, organization)
    live = {(kind, key): noun for kind in TABLES for key, noun in present.of(kind).items()}
    known: dict[tuple[str, str], Noun | None] = {
        **{(kind, key): None for kind, gone in present.archived.items() for key in gone},
        **live,
    }
    return sum(
        name not in known or name not in replayed or known[name] != replayed[name]
        for name in known.keys() | replayed.keys()
    )


async def restore(service: Service, organization: UUID) -> tuple[int, Mapping[str, int]]:
    """The roll-ups are as the events say; how many events were read, and what differed until now.

    A restatement under way is finished first.
    """
    await restatement.finish(service, organization)
    now = service.clock()
    async with service.database.writing() as connection:
        zone = await cursor.zone(connection, organization)
        # Nothing is recorded while the cursor's row is locked, and the new version makes kept answers stale.
        await cursor.advance(connection, organization, now, zone, catalogue=True)
        rebuilt = await _recompute(connection, organization)
        found = await rebuild.differences(connection, organization, rebuilt)
        if any(found.values()):
            await restatements.spoil(
                connection, organization, await restatements.done(connection, organization)
            )
            await rebuild.replace(connection, organization, rebuilt)
        else:
            await connection.rollback()
    return rebuilt.events, found


async def _recompute(connection: Connection, organization: UUID) -> Rebuilt:
    known = await configuration.load(connection, organization, ("organization", "metric"))
    matcher = Matcher(past.matched(known, await restatements.pending(connection, organization)))
    return await rebuild.recompute(connection, organization, matcher, known.organization.time_zone)


async def restating(service: Service) -> Mapping[str, tuple[int, int]]:
    """Whose history is being restated, by the organization's key: how many days in all, and how many are done."""
    found = {}
    for key, organization in await organizations(service):
        async with service.database.reading() as connection:
            under_way = await restatements.progress(connection, organization)
        if under_way is not None:
            found[key] = len(under_way[0].days), under_way[1]
    return found
