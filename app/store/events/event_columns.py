"""Events as columns, the form that both databases receive.

The ingest path has no ORM and no objects between these columns and the database, for speed.
"""

from collections.abc import Sequence
from typing import Final

from app.domain.events.events import to_canonical_json
from app.domain.events.matched_event import MatchedEvent, to_match_set_json

EVENT_COLUMN_TYPES: Final = {
    "uid": "uuid",
    "source": "text",
    "id": "text",
    "type": "text",
    "time_us": "bigint",
    "day": "int",
    "team": "text",
    "kind": "text",
    "value": "bigint",
    "unit": "text",
    "effort": "bigint",
    "subject": "text",
    "objective": "text",
    "offerings": "text",
    "data": "text",
    "fingerprint": "text",
    "matching": "text",
}


def to_event_columns(matched_events: Sequence[MatchedEvent]) -> list[Sequence[object]]:
    """Return the columns of `event` in the order of EVENT_COLUMN_TYPES; uids are hex digits."""
    if not matched_events:
        return [[] for _ in EVENT_COLUMN_TYPES]
    events, uids, times, days, matchings, _, fingerprints, data_texts = zip(
        *matched_events, strict=True
    )
    (
        event_ids,
        sources,
        event_types,
        _,
        teams,
        activity_kinds,
        amounts,
        units,
        efforts,
        subjects,
        objectives,
        offering_lists,
        *_,
    ) = zip(*events, strict=True)
    offerings = [
        _to_offerings_json(sold_offerings) if sold_offerings else None
        for sold_offerings in offering_lists
    ]
    event_columns = (
        event_ids,
        event_types,
        times,
        days,
        teams,
        activity_kinds,
        amounts,
        units,
        efforts,
        subjects,
        objectives,
        offerings,
    )
    return [[uid.hex for uid in uids], sources, *event_columns, data_texts, fingerprints, matchings]


def _to_offerings_json(offerings: Sequence[tuple[str, int]]) -> str:
    return to_canonical_json([{"offering": key, "value": value} for key, value in offerings])


def to_match_sets(matched_events: Sequence[MatchedEvent]) -> dict[str, str]:
    """Return the content of each match set of the events, by its id."""
    matches_by_id = {matched.matching: matched.matches for matched in matched_events}
    return {
        match_set_id: to_match_set_json(matches) for match_set_id, matches in matches_by_id.items()
    }
