"""Sales works on other objectives, one objective is unmeasured and one has no recent event."""

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
    playbook=Playbook("keep", date(2025, 10, 1), date(2025, 10, 30), revision=2),
    other_playbooks=(Playbook("moon", date(2025, 9, 1), date(2025, 12, 31)),),
    as_of=date(2025, 10, 24),
    known_at=date(2025, 10, 24),
    teams=(
        Team("sales", "sales", F(2)),
        Team("marketing", "marketing"),
        Team("operations", "operations"),
    ),
    metrics=(
        Metric("churn", ("churn.reported",), "last", activities=("survey.sent",)),
        Metric("partners", ("partner.signed",), "count"),
    ),
    objectives=(
        Objective("retain", "keep", F(2)),
        Objective("brand", "keep"),
        Objective("expand", "keep"),
        Objective("fly", "moon"),
    ),
    key_results=(
        KeyResult("churn-5", "retain", "churn", F(10), F(5)),
        KeyResult("partners-4", "expand", "partners", F(0), F(4), ends_on=date(2025, 10, 16)),
    ),
    responsibilities=(
        Responsibility("retain", "operations", "accountable", F(3)),
        Responsibility("retain", "marketing", "responsible", F(1)),
        Responsibility("brand", "marketing", "accountable"),
        Responsibility("expand", "sales", "accountable", status="proposed"),
    ),
    contributions=frozenset({"marketing", "operations"}),
    signoffs={"marketing": 1, "operations": 2},
    policy=Policy(minimum_events=2, half_life_days=F(7)),
    events=(
        make_event("p1", "partner.signed", "sales", make_instant(10, 3)),
        make_event("s1", "demo.held", "sales", make_instant(10, 20), "activity", effort=F(4)),
        make_event(
            "s2",
            "demo.held",
            "sales",
            make_instant(10, 21),
            "activity",
            effort=F(3),
            objective="fly",
        ),
        make_event(
            "m1", "campaign.sent", "marketing", make_instant(10, 20), "activity", objective="brand"
        ),
        make_event("m2", "survey.sent", "marketing", make_instant(10, 21), "activity"),
        make_event("o1", "churn.reported", "operations", make_instant(10, 10), value=F(9)),
        make_event("o2", "churn.reported", "operations", make_instant(10, 22), value=F(8)),
    ),
)

# P: retain 1/2, brand 1/4, expand 1/4. The weights that apply: 90.
EXPECTED = ExpectedAlignment(
    components={
        # sales neither: 0; marketing 1/2 + 1/2 * 1/2 (revision 1 of 2); operations 1.
        # The mean is (2 * 0 + 3/4 + 1) / 4.
        "playbook": (F(7, 16), F(1)),
        # retain: 3/4 and 1/4, N = 1 / (10/16) = 8/5, (8/5 - 1) / (2 - 1) = 3/5
        # brand: one function, 0; expand: 0
        "shared_responsibility": (F(3, 10), F(1)),
        # sales bears no objective, r = P: q(expand) = 1/8 of 1 + 4 + 3, so 1/8
        # marketing: r ~ 1/2 * 1/4 and 1/4 * 1, so retain 1/3, brand 2/3
        # q 1/2 each: 1/3 + 1/2 = 5/6
        # operations: 1, so (2 * 1/8 + 5/6 + 1) / 4
        "focus": (F(25, 48), F(1)),
        # churn: x = (8 - 10) / (5 - 10) = 2/5, e = 24/30, a = 3/5
        # brand 0; partners: 1 of 4, window over, a = 1/4
        # 1/2 * 3/5 + 0 + 1/4 * 1/4; all but brand's quarter is measured
        "outcomes": (F(29, 80), F(3, 4)),
        # expand: 21 days, cadence 7, half life 7: 0.5 ** 2 = 1/4; the others 1
        "freshness": (F(13, 16), F(1)),
        # sales: all off, 0; marketing: 1/2 * 3/5 + 1/2 * 0. (2 * 0 + 3/10) / 3
        # operations has no activity
        "productivity": (F(1, 10), F(3, 4)),
        "deliverability": NOT_APPLICABLE,
        "agreement": NOT_APPLICABLE,
    },
    not_applying=frozenset({"deliverability", "agreement"}),
    # The weighted scores, of 90:
    # 10 * 7/16 + 15 * 3/10 + 20 * 25/48 + 30 * 29/80 + 10 * 13/16 + 5 * 1/10
    # = (105 + 108 + 250 + 261 + 195 + 12) / 24 / 90 = 931/24 / 90
    score=F(931, 2160),
    # outcomes 261/24 and productivity 12/24 count for 3/4:
    # (658 + 195.75 + 9) / 24 / 90 = 862.75 / 2160
    floor=F(3451, 8640),
    coverage=F(65, 72),  # (55 + 30 * 3/4 + 5 * 3/4) / 90 = 81.25 / 90
    weakest="outcomes",  # 1/3 * 51/80 = 17/80
    silent_teams=(),
    ledger={
        Loss("playbook", "not_involved", "sales"): F(1, 18),  # 1/9 * 2/4
        Loss("playbook", "signed_old_revision", "marketing"): F(1, 144),  # 1/9 * 1/4 * 1/4
        Loss("shared_responsibility", "unbalanced", None, "retain"): F(1, 30),  # 1/6 * 1/2 * 2/5
        Loss("shared_responsibility", "single_function", None, "brand"): F(1, 24),  # 1/6 * 1/4
        Loss("shared_responsibility", "not_accepted", None, "expand"): F(1, 24),  # 1/6 * 1/4
        Loss("focus", "off_playbook", "sales"): F(1, 18),  # 2/9 * 2/4 * 4/8
        Loss("focus", "other_playbook", "sales"): F(1, 24),  # 2/9 * 2/4 * 3/8
        Loss("focus", "over_served", "marketing", "retain"): F(1, 108),  # 2/9 * 1/4 * (1/2 - 1/3)
        Loss("outcomes", "behind_pace", None, "retain", "churn-5", None, "churn"): F(
            1, 15
        ),  # 1/3 * 1/2 * 2/5
        Loss("outcomes", "unmeasured", None, "brand"): F(1, 12),  # 1/3 * 1/4
        Loss("outcomes", "behind_pace", None, "expand", "partners-4", None, "partners"): F(
            1, 16
        ),  # 1/3 * 1/4 * 3/4
        Loss("freshness", "stale", None, "expand"): F(1, 48),  # 1/9 * 1/4 * 3/4
        Loss("productivity", "off_playbook", "sales"): F(4, 189),  # 1/18 * 2/3 * 4/7
        Loss("productivity", "other_playbook", "sales"): F(1, 63),  # 1/18 * 2/3 * 3/7
        Loss("productivity", "busy_without_result", "marketing", "brand"): F(
            1, 108
        ),  # 1/18 * 1/3 * 1/2 * 1
        Loss("productivity", "busy_without_result", "marketing", "retain"): F(
            1, 270
        ),  # 1/18 * 1/3 * 1/2 * 2/5
    },
)
