"""Erasure of a subject: delete its content, and keep every number."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from app.domain.access.actor import Actor, require_configuration
from app.domain.events.metrics import Matcher
from app.domain.playbook import history as history_domain
from app.domain.sources.sources import Source
from app.security import identifiers
from app.security.pseudonyms import keyed_digest, make_pseudonym
from app.services.runtime.compiled_configuration import (
    CompiledConfiguration,
    load_compiled_configuration,
)
from app.services.runtime.context import ServiceContext
from app.services.sources.delivery_parsing import (
    EventReader,
    ParsedDelivery,
    parse_delivery,
    parse_source_mapping,
)
from app.services.sources.record_graph import DEAL_PREFIX, merged_records
from app.store.access import organization_version
from app.store.events.event_queries import StoredEvent
from app.store.operations import erasure as erasure_store
from app.store.operations.erasure import AnonymizedEvent
from app.store.playbook import journal
from app.store.playbook.journal import RecordedAction
from app.store.sources import sources as sources_store
from app.store.sources.changes import SourceGeneration
from app.store.sources.deliveries import StoredDelivery
from app.store.sql.database import Connection

# Texts that a body contains literally. A longer id may be truncated, and other characters may be
# escaped.
MAX_CERTAIN_LENGTH: Final = 15
PLAIN_TEXT: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_CERTAIN_LENGTH}}}")
MAX_NEEDLES: Final = 50
# The event id of a CRM record consists of type, id, slot and number.
RECORD_ID_PARTS: Final = 4


@dataclass(frozen=True, slots=True)
class ErasureResult:
    """The outcome of an erasure."""

    # The pseudonym that replaces the subject.
    subject: str
    # The numbers of events, changes and raw deliveries that lost their content.
    events: int
    changes: int
    deliveries: int


@dataclass(frozen=True, slots=True)
class _Erasure:
    """One erasure in its transaction, which holds the lock of the organization's version row."""

    service: ServiceContext
    connection: Connection
    organization: UUID
    position: organization_version.WritePosition
    compiled: CompiledConfiguration
    subject: str
    # The pseudonym that replaces the subject.
    placeholder: str
    # The ids of erased events that are not retracted, by source.
    event_ids_by_source: dict[str, set[str]]


async def erase_subject(
    service: ServiceContext, actor: Actor, subject: str, read_event: EventReader
) -> ErasureResult:
    """Erase the content of a subject's events, and what deliveries reported about it.

    Matches, values and roll-ups do not change. Raises: ForbiddenError.
    """
    require_configuration(actor, "admin")
    now = service.clock()
    placeholder = "erased/" + make_pseudonym(service.vault, f"{actor.organization}\n{subject}")
    async with service.database.write_transaction() as connection:
        zone = await organization_version.time_zone(connection, actor.organization)
        position = await organization_version.advance_version(
            connection, actor.organization, now, zone, changes_configuration=False
        )
        compiled = await load_compiled_configuration(connection, actor.organization)
        current_erasure = _Erasure(
            service, connection, actor.organization, position, compiled, subject, placeholder, {}
        )
        counts = [(await _erase_events(current_erasure, subject), 0, 0)]
        counts += [
            await _erase_source(current_erasure, source, read_event, now)
            for source in _sources_with_deliveries(compiled)
        ]
        erasure_result = ErasureResult(placeholder, *map(sum, zip(*counts, strict=True)))
        journaled_counts = {
            "events": erasure_result.events,
            "changes": erasure_result.changes,
            "deliveries": erasure_result.deliveries,
        }
        await journal.add_action(
            connection,
            actor.organization,
            position,
            RecordedAction(actor.name, "erasure", placeholder, "erase", None, journaled_counts),
        )
    return erasure_result


def _sources_with_deliveries(compiled: CompiledConfiguration) -> list[Source]:
    """Return the sources that have deliveries, archived ones included."""
    archived_sources = compiled.configuration.archived.get("source", {}).values()
    all_sources = [
        *compiled.configuration.sources.values(),
        *(
            archived_source
            for archived_source in archived_sources
            if isinstance(archived_source, Source)
        ),
    ]
    return [source for source in all_sources if source.connector != "api"]


async def _erase_events(
    current_erasure: _Erasure, subject: str, source_key: str | None = None
) -> int:
    """Erase the content of a subject's events, of one source or of all. Return their number."""
    matchers = (
        current_erasure.compiled.matcher,
        Matcher(history_domain.effective_metrics(current_erasure.compiled.configuration, {})),
    )
    count = 0
    async for chunk in erasure_store.load_subject_events(
        current_erasure.connection, current_erasure.organization, subject, source_key
    ):
        await erasure_store.erase_events(
            current_erasure.connection,
            current_erasure.organization,
            current_erasure.placeholder,
            [
                _anonymize_event(current_erasure.service, matchers, stored_event)
                for stored_event in chunk
            ],
        )
        for stored_event in chunk:
            # The records of a retracted event may belong to another subject now.
            if stored_event.retracted_at is None:
                current_erasure.event_ids_by_source.setdefault(
                    stored_event.event.source, set()
                ).add(stored_event.event.id)
        count += len(chunk)
    return count


def _anonymize_event(
    service: ServiceContext, matchers: Collection[Matcher], stored_event: StoredEvent
) -> AnonymizedEvent:
    match_rules = {
        metric_key: match
        for matcher in matchers
        for metric_key, match in matcher.remember_matches(stored_event.event).items()
    }
    return AnonymizedEvent(
        stored_event.uid, keyed_digest(service.vault, stored_event.fingerprint), match_rules
    )


async def _erase_source(
    current_erasure: _Erasure, source: Source, read_event: EventReader, now: datetime
) -> tuple[int, int, int]:
    """Erase what a source reported about the subject.

    Return the numbers of further events, changes and raw bodies. Further events are those of deals
    that were merged with the subject's deal.
    """
    generation = await sources_store.load_generation(
        current_erasure.connection, current_erasure.organization, source.key
    )
    source_generation = SourceGeneration(current_erasure.organization, source.key, generation)
    subject_entities = await _subject_entities(
        current_erasure.connection, source_generation, current_erasure.subject
    )
    merged_subjects = {
        entity.replace(":", "/", 1) for entity in subject_entities if entity.startswith(DEAL_PREFIX)
    } - {current_erasure.subject}
    event_count = sum(
        [
            await _erase_events(current_erasure, merged_subject, source.key)
            for merged_subject in sorted(merged_subjects)
        ]
    )
    known_entities = subject_entities | _records_of_events(
        current_erasure.event_ids_by_source.get(source.key, set())
    )
    entities = await erasure_store.find_known_records(
        current_erasure.connection, current_erasure.organization, source.key, known_entities
    )
    delivery_uids = await erasure_store.find_reporting_deliveries(
        current_erasure.connection, current_erasure.organization, source.key, entities
    )
    delivery_uids |= await _find_mentioning_deliveries(
        current_erasure, source, entities, read_event, now
    )
    change_count = await erasure_store.erase_changes(
        current_erasure.connection,
        source_generation,
        entities,
        current_erasure.position,
        identifiers.new_uuid7(now),
    )
    return (
        event_count,
        change_count,
        await erasure_store.erase_bodies(
            current_erasure.connection, current_erasure.organization, delivery_uids
        ),
    )


async def _subject_entities(
    connection: Connection, source_generation: SourceGeneration, subject: str
) -> set[str]:
    """Return the subject's deal, the deals merged with it, and their associated records.

    Return nothing for a subject that is no deal.
    """
    entity = subject.replace("/", ":", 1)
    return (
        {entity} | await merged_records(connection, source_generation, entity)
        if entity.startswith(DEAL_PREFIX)
        else set()
    )


def _records_of_events(event_ids: Collection[str]) -> set[str]:
    """Return the records that events with these ids were made from."""
    split_ids = [event_id.split("/") for event_id in event_ids]
    return {
        f"{id_parts[0]}:{id_parts[1]}" for id_parts in split_ids if len(id_parts) == RECORD_ID_PARTS
    }


async def _find_mentioning_deliveries(
    current_erasure: _Erasure,
    source: Source,
    entities: Collection[str],
    read_event: EventReader,
    now: datetime,
) -> set[UUID]:
    """Return the deliveries that report the subject.

    Include unreadable ones whose body contains its id.
    """
    # The subject's id without its type, because many other bodies contain the type.
    search_texts = [current_erasure.subject.rpartition("/")[2] or current_erasure.subject]
    search_texts += [entity.partition(":")[2] for entity in entities]
    needles = {
        max(PLAIN_TEXT.findall(search_text), key=len, default="") for search_text in search_texts
    }
    needle_pattern = _compile_needles(needles)
    deal_mapping = parse_source_mapping(source)
    delivery_uids: set[UUID] = set()
    sql_needles = set() if "" in needles or len(needles) > MAX_NEEDLES else needles
    async for chunk in erasure_store.find_deliveries_containing(
        current_erasure.connection, current_erasure.organization, source.key, sql_needles
    ):
        for stored in chunk:
            parsed = parse_delivery(source, deal_mapping, stored, "POST", read_event, now)
            is_unreadable_mention = (
                parsed.unreadable_reason or parsed.problems
            ) and needle_pattern.search(_searchable_bytes(stored))
            if is_unreadable_mention or _mentions_subject(
                parsed, entities, current_erasure.subject
            ):
                delivery_uids.add(stored.uid)
    return delivery_uids


def _compile_needles(needles: Collection[str]) -> re.Pattern[bytes]:
    """Return a pattern that finds any of the texts in a body.

    A short number must not be part of a longer one, because bodies are full of timestamps.
    """
    patterns = [
        rf"(?<!\d){needle}(?!\d)"
        if needle.isdigit() and len(needle) < MAX_CERTAIN_LENGTH
        else needle
        for needle in needles
    ]
    return re.compile("|".join(sorted(patterns)).encode())


def _searchable_bytes(stored: StoredDelivery) -> bytes:
    return b"\n".join(
        [stored.body or b"", *(header.encode() for header in stored.headers.values())]
    )


def _mentions_subject(parsed: ParsedDelivery, entities: Collection[str], subject: str) -> bool:
    mentioned_entities = {change.entity for change in parsed.changes} | {
        change.other for change in parsed.changes
    }
    return not mentioned_entities.isdisjoint(entities) or any(
        event.subject == subject for _, event in parsed.events
    )
