"""Events as columns, the form that both databases receive.

The ingest path has no ORM and no objects between these columns and the database, for speed.
"""

from collections.abc import Sequence
from typing import Final

from app.domain.events.events import to_canonical_json
from app.domain.events.matched_event import MatchedEvent, to_match_set_json

# The columns of `event` that the ingest path writes, with their types on PostgreSQL.
# `uid` must stay first: ingest_sqlite replaces the first value of each row by its own form of it.
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
    # Transposing the tuples is several times as fast as reading the attributes of each event. The
    # names follow the order of the fields of MatchedEvent, then of Event; `_` are fields that no
    # column takes from here, and `*_` are `data` and `erased`.
    events, uids, times_us, days, matchings, _, fingerprints, data_texts = zip(
        *matched_events, strict=True
    )
    (
        ids,
        sources,
        types,
        _,
        teams,
        kinds,
        amounts,
        units,
        efforts,
        subjects,
        objectives,
        offering_lists,
        *_,
    ) = zip(*events, strict=True)
    columns: dict[str, Sequence[object]] = {
        "uid": [uid.hex for uid in uids],
        "source": sources,
        "id": ids,
        "type": types,
        "time_us": times_us,
        "day": days,
        "team": teams,
        "kind": kinds,
        "value": amounts,
        "unit": units,
        "effort": efforts,
        "subject": subjects,
        "objective": objectives,
        "offerings": [
            _to_offerings_json(offerings) if offerings else None for offerings in offering_lists
        ],
        "data": data_texts,
        "fingerprint": fingerprints,
        "matching": matchings,
    }
    return [columns[name] for name in EVENT_COLUMN_TYPES]


def _to_offerings_json(offerings: Sequence[tuple[str, int]]) -> str:
    return to_canonical_json(
        [{"offering": offering_key, "value": value} for offering_key, value in offerings]
    )


def to_match_sets(matched_events: Sequence[MatchedEvent]) -> dict[str, str]:
    """Return the content of each match set of the events, by its id."""
    matches_by_id = {matched.matching: matched.matches for matched in matched_events}
    return {
        match_set_id: to_match_set_json(matches) for match_set_id, matches in matches_by_id.items()
    }
