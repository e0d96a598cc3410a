"""A match set is identified by its content."""

from app.domain.events.matched_event import to_matching_id
from app.domain.events.metrics import Matcher
from tests.support.service_harness import make_event, make_metric


def test_a_match_set_is_identified_by_its_content():
    matcher = Matcher({"a": make_metric("a"), "b": make_metric("b")})
    matching_ids = [to_matching_id(matcher.match(make_event(name))) for name in ("x", "y")]
    assert matching_ids[0] == matching_ids[1]
    assert (
        len(
            {
                matching_ids[0],
                to_matching_id(matcher.match(make_event("x", type="call.held"))),
                to_matching_id(()),
            }
        )
        == 3
    )
    assert to_matching_id(()) == ""
