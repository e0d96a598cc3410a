"""Evidence under redefined metrics: what a what-if would score."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date

from app.domain.events.matched_event import EventState, MatchedEvent
from app.domain.events.metrics import Match
from app.domain.primitives import epoch
from app.scoring.evidence.daily_evidence import DailyEffort, DailyEvidence, DailyMeasure, EffortKey


def rematch_evidence(
    evidence: DailyEvidence,
    states: Iterable[EventState],
    changed_metrics: Collection[str],
    metrics_by_set: Mapping[str, frozenset[str]],
    known_at: date,
) -> DailyEvidence:
    """Return the evidence with the measures and efforts of redefined metrics replaced.

    `states` are all events that the redefined metrics concern, with their new matches;
    `metrics_by_set` holds the metrics of every stored match set.
    """
    known_states = [state for state in states if _is_known(state, epoch.to_day_number(known_at))]
    known_states.sort(key=lambda state: state.matched_event.day)
    measures = {
        key: [measure for measure in daily_measures if key not in changed_metrics]
        for key, daily_measures in evidence.measures.items()
    }
    efforts = _EffortSums(evidence.efforts)
    for state in known_states:
        matched_event = state.matched_event
        day = epoch.from_day_number(matched_event.day)
        for match in matched_event.matches:
            if match.metric in changed_metrics:
                measure = _to_daily_measure(day, matched_event, match)
                measures.setdefault(match.metric, []).append(measure)
        event = matched_event.event
        stored_metrics = metrics_by_set[state.stored_matching]
        metrics = frozenset(match.metric for match in matched_event.matches)
        stored_key = (event.team, event.kind, stored_metrics, event.objective)
        efforts.add(day, stored_key, -1, -event.weight)
        efforts.add(day, (event.team, event.kind, metrics, event.objective), 1, event.weight)
    return DailyEvidence(measures, efforts.to_daily_efforts(), evidence.sales)


def _is_known(state: EventState, known_day: int) -> bool:
    """Return True if the event was recorded, and not retracted, by that day."""
    return state.recorded_day <= known_day and (
        state.retracted_day is None or state.retracted_day > known_day
    )


class _EffortSums:
    """Events and effort by day and cell."""

    def __init__(self, efforts: Mapping[date, Iterable[DailyEffort]]) -> None:
        self._sums: dict[date, dict[EffortKey, list[int]]] = {}
        for day, daily_efforts in efforts.items():
            for daily_effort in daily_efforts:
                self.add(day, daily_effort[:4], daily_effort.events, daily_effort.effort)

    def add(self, day: date, key: EffortKey, events: int, effort: int) -> None:
        sums = self._sums.setdefault(day, {}).setdefault(key, [0, 0])
        sums[0] += events
        sums[1] += effort

    def to_daily_efforts(self) -> dict[date, list[DailyEffort]]:
        return {
            day: [
                DailyEffort(*key, events, effort)
                for key, (events, effort) in sums_by_key.items()
                if events
            ]
            for day, sums_by_key in self._sums.items()
        }


def _to_daily_measure(day: date, matched_event: MatchedEvent, match: Match) -> DailyMeasure:
    source = matched_event.event.source
    if match.state != "counts":
        missing_value_count = int(match.state == "no_value")
        other_unit_count = int(match.state == "other_unit")
        return DailyMeasure(day, source, 0, 0, missing_value_count, other_unit_count)
    last = (matched_event.time_us, matched_event.event.id, match.value)
    return DailyMeasure(day, source, 1, match.value, 0, 0, match.value, match.value, last)
