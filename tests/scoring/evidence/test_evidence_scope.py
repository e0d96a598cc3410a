from dataclasses import replace
from datetime import date, timedelta

from app.scoring.evidence.evidence_scope import (
    MAX_PERIODS,
    EvidenceQuery,
    EvidenceScope,
    merge_periods,
)
from app.services.alignment.evidence_urls import to_url

SCOPE = EvidenceScope(
    "q4",
    date(2026, 10, 1),
    date(2026, 11, 23),
    date(2026, 11, 23),
    (date(2026, 10, 27), date(2026, 11, 23)),
    None,
)


def test_event_addresses_have_a_day_range_and_as_of():
    evidence = SCOPE.focus_evidence(("team", "sales"), ("off_playbook", "q4"))
    assert (
        to_url(evidence)
        == "/v1/events?team=sales&off_playbook=q4&from=2026-10-27&to=2026-11-23&as_of=2026-11-23"
    )


def test_known_at_is_in_the_address_when_it_differs_from_as_of():
    scope = EvidenceScope(
        "q4", SCOPE.starts_on, SCOPE.until, date(2026, 12, 1), SCOPE.focus_window, None
    )
    assert to_url(scope.focus_evidence()).endswith("as_of=2026-11-23&known_at=2026-12-01")


def test_configuration_evidence_has_the_address_of_its_list():
    day = "?as_of=2026-11-23"
    assert (
        to_url(SCOPE.configuration_evidence("signoffs", "playbook", "q4"))
        == f"/v1/playbooks/q4/signoffs{day}"
    )
    assert (
        to_url(SCOPE.configuration_evidence("contributions", "playbook", "q4"))
        == f"/v1/playbooks/q4/contributions{day}"
    )
    evidence = SCOPE.configuration_evidence("responsibilities", "objective", "win")
    assert to_url(evidence) == f"/v1/objectives/win/responsibilities{day}"
    evidence = SCOPE.configuration_evidence("key-results", "objective", "win")
    assert to_url(evidence) == "/v1/key-results?objective=win&as_of=2026-11-23"


def test_before_a_first_publishing_its_configuration_is_asked_for():
    scope = replace(SCOPE, configuration_from=date(2026, 12, 5))
    assert (
        to_url(scope.configuration_evidence("signoffs", "playbook", "q4"))
        == "/v1/playbooks/q4/signoffs?as_of=2026-12-05"
    )
    assert to_url(scope.focus_evidence()).endswith("as_of=2026-11-23&configuration_from=2026-12-05")


def test_what_has_a_meaning_in_addresses_is_escaped():
    assert (
        to_url(EvidenceQuery("events", (("sold_unit", "€ & more"),)))
        == "/v1/events?sold_unit=%E2%82%AC+%26+more"
    )


def october_window(first: int, last: int) -> tuple[date, date]:
    return date(2026, 10, first), date(2026, 10, last)


def test_windows_that_touch_or_overlap_are_one_stretch_of_days():
    assert merge_periods([october_window(1, 9), october_window(2, 3)]) == [october_window(1, 9)]
    assert merge_periods([october_window(6, 9), october_window(1, 5)]) == [october_window(1, 9)]
    assert merge_periods([october_window(7, 9), october_window(1, 5)]) == [
        october_window(1, 5),
        october_window(7, 9),
    ]


def test_only_windows_with_days_between_them_stay_separate():
    touching = to_url(SCOPE.event_evidence_within([october_window(1, 5), october_window(6, 9)]))
    assert touching == "/v1/events?from=2026-10-01&to=2026-10-09&as_of=2026-11-23"
    separate = to_url(SCOPE.event_evidence_within([october_window(1, 5), october_window(7, 9)]))
    assert (
        "days=2026-10-01..2026-10-05%2C2026-10-07..2026-10-09&from=2026-10-01&to=2026-10-09"
        in separate
    )


def test_an_address_stays_short_whatever_the_windows():
    days = [SCOPE.starts_on + timedelta(days=2 * number) for number in range(MAX_PERIODS + 1)]
    assert (
        len(
            to_url(
                SCOPE.event_evidence_within(
                    [(day, day) for day in days[1:]], ("counts_for", "x" * 64)
                )
            )
        )
        < 2_000
    )
    assert "days=" not in to_url(SCOPE.event_evidence_within([(day, day) for day in days]))
