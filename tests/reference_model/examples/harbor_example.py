"""Two teams share one objective halfway through its window: healthy, slightly behind pace."""

from datetime import date
from fractions import Fraction as F  # noqa: N817  # the short name keeps the arithmetic legible

from tests.reference_model.expectations import (
    NOT_APPLICABLE,
    ExpectedAlignment,
    make_event,
    make_instant,
)
from tests.reference_model.ledger import Loss
from tests.reference_model.world import (
    KeyResult,
    Metric,
    Objective,
    Playbook,
    Policy,
    Responsibility,
    Team,
    World,
)

WORLD = World(
    playbook=Playbook("autumn", date(2025, 10, 1), date(2025, 10, 20)),
    as_of=date(2025, 10, 10),
    known_at=date(2025, 10, 10),
    teams=(Team("sales", "sales", F(3)), Team("marketing", "marketing", F(1))),
    metrics=(Metric("new-arr", ("deal.won",), "sum", activities=("call.held",)),),
    objectives=(Objective("grow", "autumn"),),
    key_results=(KeyResult("arr-100", "grow", "new-arr", F(0), F(100)),),
    responsibilities=(
        Responsibility("grow", "sales", "accountable"),
        Responsibility("grow", "marketing", "responsible"),
    ),
    contributions=frozenset({"sales"}),
    signoffs={"sales": 1, "marketing": 1},
    policy=Policy(minimum_events=2),
    events=(
        make_event("d1", "deal.won", "sales", make_instant(10, 2), value=F(30)),
        make_event("d2", "deal.won", "sales", make_instant(10, 8), value=F(10)),
        make_event("c1", "call.held", "marketing", make_instant(10, 3), "activity"),
        make_event("c2", "call.held", "marketing", make_instant(10, 4), "activity"),
        make_event("c3", "call.held", "marketing", make_instant(10, 9), "activity"),
        make_event("n1", "newsletter.sent", "marketing", make_instant(10, 9), "activity"),
    ),
)

# Without offerings and a canonical source, deliverability and agreement do not apply.
# The other weights sum to 90.
EXPECTED = ExpectedAlignment(
    components={
        # sales contributed and signed: 1; marketing signed only: 1/2. (3 * 1 + 1 * 1/2) / 4
        "playbook": (F(7, 8), F(1)),
        # two functions of 1/2: N = 1 / (1/4 + 1/4) = 2, R = 2, balance 1; one is accountable
        "shared_responsibility": (F(1), F(1)),
        # sales: 2 of 2 events on grow: 1; marketing: 3 of 4: 3/4. (3 * 1 + 1 * 3/4) / 4
        "focus": (F(15, 16), F(1)),
        # v = 30 + 10, x = 40/100; day 10 of 20: e = 1/2; a = 1 - (1/2 - 2/5)
        "outcomes": (F(9, 10), F(1)),
        # newest event 1 day ago, cadence 7
        "freshness": (F(1), F(1)),
        # marketing alone has activities: 3/4 * 9/10; it is 1 of 4 heads
        "productivity": (F(27, 40), F(1, 4)),
        "deliverability": NOT_APPLICABLE,
        "agreement": NOT_APPLICABLE,
    },
    not_applying=frozenset({"deliverability", "agreement"}),
    # The weighted scores are 10 * 7/8 + 15 + 20 * 15/16 + 30 * 9/10 + 10 + 5 * 27/40, of 90.
    # = (8.75 + 15 + 18.75 + 27 + 10 + 3.375) / 90 = 82.875 / 90
    score=F(221, 240),
    floor=F(857, 960),  # of productivity 3.375 / 4 is proven: (79.5 + 0.84375) / 90
    coverage=F(23, 24),  # (85 + 5/4) / 90
    weakest="outcomes",  # 30/90 * 1/10 = 8/240, against productivity's 5/90 * 13/40 = 13/720
    silent_teams=(),
    ledger={
        Loss("outcomes", "behind_pace", None, "grow", "arr-100", None, "new-arr"): F(
            1, 30
        ),  # 30/90 * 1/10
        Loss("playbook", "did_not_contribute", "marketing"): F(1, 72),  # 10/90 * 1/4 * 1/2
        Loss("focus", "off_playbook", "marketing"): F(1, 72),  # 20/90 * 1/4 * 1/4
        Loss("productivity", "off_playbook", "marketing"): F(1, 72),  # 5/90 * 1/1 * 1/4
        Loss("productivity", "busy_without_result", "marketing", "grow"): F(
            1, 240
        ),  # 5/90 * 3/4 * 1/10
    },  # 8/240 + 10/240 + 1/240 = 19/240 = 1 - 221/240
)
