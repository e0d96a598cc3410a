"""Redefined metrics replace their own measures and efforts, and leave all other evidence alone."""

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

from app.domain.events.events import Event
from app.domain.events.matched_event import EventState, MatchedEvent
from app.domain.events.metrics import Match
from app.domain.primitives import epoch
from app.domain.primitives.decimals import FIXED_SCALE
from app.scoring.evidence.daily_evidence import DailyEffort, DailyEvidence, DailyMeasure, DailySales
from app.scoring.evidence.rematch import rematch_evidence

DAY = date(2026, 11, 23)
DAY_NUMBER = epoch.to_day_number(DAY)
EVENT = Event("1", "crm", "deal.won", datetime(2026, 11, 23, tzinfo=UTC), "ann")
METRICS_BY_SET = {"": frozenset[str](), "stored": frozenset(("arr",))}
EVIDENCE = DailyEvidence(
    {
        "arr": [DailyMeasure(DAY, "crm", 1, 5, 0, 0)],
        "calls": [DailyMeasure(DAY, "crm", 2, 2, 0, 0)],
    },
    {DAY: [DailyEffort("ann", EVENT.kind, frozenset(("arr",)), None, 1, FIXED_SCALE)]},
    {DAY: [DailySales("plus", "ann", "EUR", 7)]},
)


def make_state(*matches: Match) -> EventState:
    matched_event = MatchedEvent(EVENT, UUID(int=1), 9, DAY_NUMBER, "new", matches)
    return EventState(matched_event, DAY_NUMBER, None, "stored")


def test_a_metric_that_matches_no_more_loses_its_measure_and_its_effort():
    rematched = rematch_evidence(EVIDENCE, [make_state()], {"arr"}, METRICS_BY_SET, DAY)
    assert rematched.measures == {"arr": [], "calls": EVIDENCE.measures["calls"]}
    assert rematched.efforts == {
        DAY: [DailyEffort("ann", EVENT.kind, frozenset(), None, 1, FIXED_SCALE)]
    }
    assert rematched.sales == EVIDENCE.sales


def test_a_match_is_measured_and_counts_as_missing_or_as_another_unit_by_its_state():
    expected_measures = {
        "counts": DailyMeasure(DAY, "crm", 1, 3, 0, 0, 3, 3, (9, "1", 3)),
        "no_value": DailyMeasure(DAY, "crm", 0, 0, 1, 0),
        "other_unit": DailyMeasure(DAY, "crm", 0, 0, 0, 1),
        "work": DailyMeasure(DAY, "crm", 0, 0, 0, 0),
    }
    for match_state, measure in expected_measures.items():
        state = make_state(Match("arr", match_state, 3 if match_state == "counts" else 0))
        rematched = rematch_evidence(EVIDENCE, [state], {"arr"}, METRICS_BY_SET, DAY)
        assert rematched.measures["arr"] == [measure]
        assert rematched.efforts == EVIDENCE.efforts


def test_an_event_recorded_later_or_retracted_by_then_is_ignored():
    state = make_state(Match("arr", "counts", 3))
    for unknown_state in (
        replace(state, recorded_day=DAY_NUMBER + 1),
        replace(state, retracted_day=DAY_NUMBER),
    ):
        rematched = rematch_evidence(EVIDENCE, [unknown_state], {"arr"}, METRICS_BY_SET, DAY)
        assert rematched.measures["arr"] == []
        assert rematched.efforts == EVIDENCE.efforts
    known_state = replace(state, retracted_day=DAY_NUMBER + 1)
    rematched = rematch_evidence(EVIDENCE, [known_state], {"arr"}, METRICS_BY_SET, DAY)
    assert [measure.total for measure in rematched.measures["arr"]] == [3]
