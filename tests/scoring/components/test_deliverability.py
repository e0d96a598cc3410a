from datetime import date

import pytest

from app.domain.playbook.offerings import Offering
from app.domain.playbook.organization import Policy
from app.domain.primitives.decimals import FIXED_SCALE
from app.scoring.engine import compute_alignment
from app.scoring.snapshot import SoldValue
from app.services.alignment.evidence_urls import to_url
from tests.scoring.snapshot_builders import filter_losses, make_snapshot

OFFERING = Offering("plus", "Plus", date(2026, 10, 10), date(2026, 11, 1))


def make_sold_value(offering: str, day: date, value: int = 1) -> SoldValue:
    return SoldValue(offering, "sales", day, value * FIXED_SCALE)


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        (date(2026, 10, 9), "not_yet_available"),
        (date(2026, 10, 10), None),
        (date(2026, 10, 31), None),
        (date(2026, 11, 1), "retired"),
    ],
)
def test_an_offering_can_be_delivered_from_its_first_day_until_the_day_before_it_is_retired(
    day, reason
):
    alignment = compute_alignment(
        make_snapshot(OFFERING, sold_values=(make_sold_value("plus", day),))
    )
    assert alignment.components[6].score == (1 if reason is None else 0)
    assert [loss.reason for loss in filter_losses(alignment.losses, "deliverability")] == (
        [reason] if reason else []
    )


def test_an_unknown_offering_cannot_be_delivered():
    sold_values = (
        make_sold_value("plus", date(2026, 10, 20), 3),
        make_sold_value("dream", date(2026, 10, 20)),
    )
    alignment = compute_alignment(
        make_snapshot(OFFERING, Policy(unit="EUR"), sold_values=sold_values)
    )
    [loss] = filter_losses(alignment.losses, "deliverability")
    assert (alignment.components[6].score, loss.reason, loss.offering) == (
        0.75,
        "unknown_offering",
        "dream",
    )
    assert loss.detail == "25% of the value sold is dream, which is not among the offerings"
    assert to_url(loss.evidence) == (
        "/v1/events?offering=dream&sold_unit=EUR&from=2026-10-01&to=2026-11-23&as_of=2026-11-23"
    )


def test_each_reason_of_an_offering_lists_its_own_days():
    sold_values = (
        make_sold_value("plus", date(2026, 10, 1)),
        make_sold_value("plus", date(2026, 11, 20)),
    )
    losses = filter_losses(
        compute_alignment(make_snapshot(OFFERING, sold_values=sold_values)).losses, "deliverability"
    )
    assert {loss.reason: dict(loss.evidence.filters)["from"] for loss in losses} == {
        "not_yet_available": "2026-10-01",
        "retired": "2026-11-01",
    }
    assert {loss.reason: dict(loss.evidence.filters)["to"] for loss in losses} == {
        "not_yet_available": "2026-10-09",
        "retired": "2026-11-23",
    }


def test_without_offerings_it_does_not_apply_and_without_sales_it_is_silent():
    absent = compute_alignment(
        make_snapshot(sold_values=(make_sold_value("plus", date(2026, 10, 20)),))
    ).components[6]
    silent = compute_alignment(make_snapshot(OFFERING)).components[6]
    assert (absent.score, absent.applies, silent.score, silent.applies) == (None, False, None, True)
