from dataclasses import replace
from datetime import date, timedelta

from app.scoring.evidence_links import MOST_STRETCHES, Evidence, Scope, address, merged

SCOPE = Scope(
    "q4",
    date(2026, 10, 1),
    date(2026, 11, 23),
    date(2026, 11, 23),
    (date(2026, 10, 27), date(2026, 11, 23)),
    None,
)


def test_events_are_asked_for_by_day_and_as_of():
    found = SCOPE.attention(("team", "sales"), ("off_playbook", "q4"))
    assert (
        address(found)
        == "/v1/events?team=sales&off_playbook=q4&from=2026-10-27&to=2026-11-23&as_of=2026-11-23"
    )


def test_known_at_is_said_when_it_is_another_day():
    later = Scope("q4", SCOPE.starts_on, SCOPE.until, date(2026, 12, 1), SCOPE.focus, None)
    assert address(later.attention()).endswith("as_of=2026-11-23&known_at=2026-12-01")


def test_other_things_are_listed_at_their_own_address():
    day = "?as_of=2026-11-23"
    assert (
        address(SCOPE.configured("signoffs", "playbook", "q4")) == f"/v1/playbooks/q4/signoffs{day}"
    )
    assert (
        address(SCOPE.configured("contributions", "playbook", "q4"))
        == f"/v1/playbooks/q4/contributions{day}"
    )
    found = SCOPE.configured("responsibilities", "objective", "win")
    assert address(found) == f"/v1/objectives/win/responsibilities{day}"
    found = SCOPE.configured("key-results", "objective", "win")
    assert address(found) == "/v1/key-results?objective=win&as_of=2026-11-23"


def test_before_a_first_publishing_its_configuration_is_asked_for():
    before = replace(SCOPE, configuration_from=date(2026, 12, 5))
    assert (
        address(before.configured("signoffs", "playbook", "q4"))
        == "/v1/playbooks/q4/signoffs?as_of=2026-12-05"
    )
    assert address(before.attention()).endswith("as_of=2026-11-23&configuration_from=2026-12-05")


def test_what_has_a_meaning_in_addresses_is_escaped():
    assert (
        address(Evidence("events", (("sold_unit", "€ & more"),)))
        == "/v1/events?sold_unit=%E2%82%AC+%26+more"
    )


def october(first: int, last: int) -> tuple[date, date]:
    return date(2026, 10, first), date(2026, 10, last)


def test_windows_that_touch_or_overlap_are_one_stretch_of_days():
    assert merged([october(1, 9), october(2, 3)]) == [october(1, 9)]
    assert merged([october(6, 9), october(1, 5)]) == [october(1, 9)]
    assert merged([october(7, 9), october(1, 5)]) == [october(1, 5), october(7, 9)]


def test_only_windows_with_days_between_them_are_told_apart():
    touching = address(SCOPE.within([october(1, 5), october(6, 9)]))
    assert touching == "/v1/events?from=2026-10-01&to=2026-10-09&as_of=2026-11-23"
    apart = address(SCOPE.within([october(1, 5), october(7, 9)]))
    assert (
        "days=2026-10-01..2026-10-05%2C2026-10-07..2026-10-09&from=2026-10-01&to=2026-10-09"
        in apart
    )


def test_an_address_stays_short_whatever_the_windows():
    days = [SCOPE.starts_on + timedelta(days=2 * number) for number in range(MOST_STRETCHES + 1)]
    assert (
        len(address(SCOPE.within([(day, day) for day in days[1:]], ("counts_for", "x" * 64))))
        < 2_000
    )
    assert "days=" not in address(SCOPE.within([(day, day) for day in days]))
