"""Sold offerings cannot be delivered, sources disagree, and coverage is too low for a score."""

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
    DEFAULT_WEIGHTS,
    KeyResult,
    Metric,
    Objective,
    Offering,
    Playbook,
    Policy,
    Responsibility,
    Retraction,
    Team,
    World,
)

ONBOARDING = ("onboarding", F(300))
MOONBASE = ("moonbase", F(100))
LEGACY = ("legacy", F(100))
WORLD = World(
    playbook=Playbook("sprint", date(2025, 10, 28), date(2025, 11, 6)),
    as_of=date(2025, 11, 1),
    known_at=date(2025, 11, 1),
    zone="America/New_York",
    teams=(Team("sales", "sales"), Team("operations", "operations")),
    metrics=(
        Metric("new-arr", ("deal.won",), "sum", "EUR", canonical_source="crm"),
        Metric("nps", ("survey.answered",), "mean"),
    ),
    offerings=(
        # Sold at 23:30 on October 31 in New York, the last day it can be delivered.
        # In UTC it is November 1.
        Offering("onboarding", date(2025, 10, 31), retired_on=date(2025, 11, 1)),
        Offering("legacy", date(2025, 1, 1), retired_on=date(2025, 10, 29)),
    ),
    objectives=(Objective("win", "sprint"),),
    key_results=(
        KeyResult("arr-2000", "win", "new-arr", F(0), F(2000), weight=F(3)),
        KeyResult("nps-50", "win", "nps", F(20), F(50)),
    ),
    responsibilities=(
        Responsibility("win", "sales", "accountable"),
        Responsibility("win", "operations", "accountable"),
    ),
    contributions=frozenset({"sales", "operations"}),
    signoffs={"sales": 1},
    policy=Policy(
        weights={**DEFAULT_WEIGHTS, "playbook": F(0)}, minimum_coverage=F(3, 4), unit="EUR"
    ),
    events=(
        make_event(
            "w1",
            "deal.won",
            "sales",
            make_instant(11, 1, 3, 30),
            value=F(400),
            unit="EUR",
            offerings=(ONBOARDING, MOONBASE),
        ),
        make_event(
            "w2", "deal.won", "sales", make_instant(10, 29), value=F(100), offerings=(LEGACY,)
        ),
        # Dollars: no value of a metric in euros, and no sale in the policy's unit.
        make_event(
            "w3",
            "deal.won",
            "sales",
            make_instant(10, 30),
            value=F(999),
            unit="USD",
            offerings=(LEGACY,),
        ),
        # Occurred in time, and recorded a day later.
        make_event(
            "w4",
            "deal.won",
            "sales",
            make_instant(10, 30),
            value=F(5000),
            recorded_at=make_instant(11, 2),
        ),
        # Recorded by mistake, and retracted on the last day.
        make_event(
            "w5", "deal.won", "sales", make_instant(10, 29), value=F(100), offerings=(LEGACY,)
        ),
        make_event(
            "b1",
            "deal.won",
            "sales",
            make_instant(10, 31),
            value=F(300),
            unit="EUR",
            source="billing",
        ),
    ),
    retractions=(Retraction("crm", "w5", make_instant(11, 1)),),
)

# The weights that apply sum to 90 (playbook has 0); those that are not null sum to 65.
EXPECTED = ExpectedAlignment(
    components={
        # sales 1, operations contributed and did not sign: 1/2. The weight is 0.
        "playbook": (F(3, 4), F(1)),
        # balance 1, but two are accountable
        "shared_responsibility": (F(1, 2), F(1)),
        # sales has 4 events of 10
        "focus": NOT_APPLICABLE,
        # arr: v = 400 + 100 of crm, x = 1/4; day 5 of 10: e = 1/2; a = 3/4
        # nps: nothing, a = 1/2. (3 * 3/4 + 1/2) / 4
        "outcomes": (F(11, 16), F(3, 4)),
        "freshness": (F(1), F(1)),
        "productivity": NOT_APPLICABLE,
        # 300 of 300 + 100 (moonbase, unknown) + 100 (legacy, retired that day)
        "deliverability": (F(3, 5), F(1)),
        # crm 500, billing 300: 1 - 200/500
        "agreement": (F(3, 5), F(1)),
    },
    not_applying=frozenset(),
    # It would be (15 * 1/2 + 30 * 11/16 + 10 + 5 * 3/5 + 5 * 3/5) / 65 = 44.125 / 65 = 353/520.
    score=None,
    floor=F(1247, 2880),  # (7.5 + 20.625 * 3/4 + 10 + 3 + 3) / 90 = 38.96875 / 90
    coverage=F(23, 36),  # (15 + 30 * 3/4 + 10 + 5 + 5) / 90 = 57.5 / 90 < 3/4
    # 30/65 * 5/16 = 15/104, against shared_responsibility's 15/65 * 1/2 = 12/104
    weakest="outcomes",
    silent_teams=("operations",),
    ledger={
        Loss("shared_responsibility", "several_accountable", None, "win"): F(3, 26),  # 3/13 * 1/2
        Loss("outcomes", "behind_pace", None, "win", "arr-2000", None, "new-arr"): F(
            9, 104
        ),  # 6/13 * 3/4 * 1/4
        Loss("outcomes", "no_evidence", None, "win", "nps-50", None, "nps"): F(
            3, 52
        ),  # 6/13 * 1/4 * 1/2
        Loss("deliverability", "unknown_offering", offering="moonbase"): F(1, 65),  # 1/13 * 100/500
        Loss("deliverability", "retired", offering="legacy"): F(1, 65),  # 1/13 * 100/500
        Loss("agreement", "sources_disagree", None, "win", metric="new-arr"): F(
            2, 65
        ),  # 1/13 * 2/5
    },  # (60 + 45 + 30 + 8 + 8 + 16) / 520 = 167/520 = 1 - 353/520
)
