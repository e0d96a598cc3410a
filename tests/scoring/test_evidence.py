from datetime import date

from app.scoring.evidence import Evidence, Scope, address

SCOPE = Scope(
    "q4", date(2026, 10, 1), date(2026, 11, 23), date(2026, 11, 23), (date(2026, 10, 27), date(2026, 11, 23)), None
)


def test_events_are_asked_for_by_day_and_as_of():
    found = SCOPE.attention(("team", "sales"), ("off_playbook", "q4"))
    assert address(found) == "/v1/events?team=sales&off_playbook=q4&from=2026-10-27&to=2026-11-23&as_of=2026-11-23"


def test_known_at_is_said_when_it_is_another_day():
    later = Scope("q4", SCOPE.starts_on, SCOPE.until, date(2026, 12, 1), SCOPE.focus, None)
    assert address(later.attention()).endswith("as_of=2026-11-23&known_at=2026-12-01")


def test_other_things_are_listed_at_their_own_address():
    assert address(Evidence("signoffs", (("playbook", "q4"),))) == "/v1/playbooks/q4/signoffs"
    assert address(Evidence("contributions", (("playbook", "q4"),))) == "/v1/playbooks/q4/contributions"
    assert address(Evidence("responsibilities", (("objective", "win"),))) == "/v1/objectives/win/responsibilities"
    assert address(Evidence("key-results", (("objective", "win"),))) == "/v1/key-results?objective=win"


def test_what_has_a_meaning_in_addresses_is_escaped():
    assert address(Evidence("events", (("sold_unit", "€ & more"),))) == "/v1/events?sold_unit=%E2%82%AC+%26+more"
