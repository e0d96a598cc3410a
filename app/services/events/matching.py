"""Matching of submitted events with the metrics of the configuration."""

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from zoneinfo import ZoneInfo

from app.domain.events.events import Event, fingerprint, to_canonical_json
from app.domain.events.matched_event import MatchedEvent, to_matching_id
from app.domain.events.metrics import Matcher
from app.domain.primitives import epoch
from app.security import identifiers


def match_events(
    events: Sequence[Event], matcher: Matcher, now: datetime, time_zone: str
) -> list[MatchedEvent]:
    """Return the events with their ids, days and matches, sorted by (source, id).

    The same order in all writers prevents deadlocks.
    """
    matched_events = []
    zone = ZoneInfo(time_zone)
    matching_ids: dict[tuple[tuple[str, str, str], ...], str] = {}
    sorted_events = sorted(events, key=attrgetter("source", "id"))
    uids = identifiers.new_uuid7s(now, len(sorted_events))
    for event, uid in zip(sorted_events, uids, strict=True):
        matches = matcher.match(event)
        match_set = tuple([(metric, state, unit) for metric, state, _, unit in matches])
        if match_set not in matching_ids:
            matching_ids[match_set] = to_matching_id(matches)
        data_json = to_canonical_json(event.data) if event.data else None
        matched_events.append(
            MatchedEvent(
                event,
                uid,
                epoch.to_microseconds(event.time),
                epoch.to_day_number(event.time.astimezone(zone)),
                matching_ids[match_set],
                matches,
                fingerprint(event, data_json or "{}"),
                data_json,
            )
        )
    return matched_events
