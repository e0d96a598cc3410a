"""deliverability: whether what was sold can be delivered."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from functools import partial
from typing import Final, NamedTuple

from app.domain.playbook.offerings import Offering
from app.scoring.context import Context
from app.scoring.evidence_links import Evidence, Scope
from app.scoring.ledger import Loss
from app.scoring.phrases import percent
from app.scoring.result import Figure, silent
from app.scoring.snapshot import Sold

NAME: Final = "deliverability"


class Undeliverable(NamedTuple):
    """What was sold of one offering while it could not be delivered. None when nobody knows it: `offering`."""

    scope: Scope
    key: str
    offering: Offering | None
    reason: str
    share: float

    def detail(self, _: Loss) -> str:
        """How much of what was sold it was, and why it cannot be delivered."""
        part = f"{percent(self.share)} of the value sold is {self.key}"
        if self.offering is None:
            return f"{part}, which is not among the offerings"
        if self.reason == "retired":
            return f"{part} after it was retired on {self.offering.retired_on}"
        return f"{part} before it can be delivered, from {self.offering.available_from}"

    def evidence(self, _: Loss) -> Evidence:
        """The events that sold it on those days."""
        first, last = self._days()
        unit = (("sold_unit", self.scope.unit),) if self.scope.unit is not None else ()
        return self.scope.events(first, last, ("offering", self.key), *unit)

    def _days(self) -> tuple[date, date]:
        first, last, offering = self.scope.starts_on, self.scope.until, self.offering
        if offering is not None and self.reason == "not_yet_available":
            return first, min(last, offering.available_from - timedelta(days=1))
        if offering is not None and offering.retired_on is not None:
            return max(first, offering.available_from, offering.retired_on), last
        return first, last


def obstacle(offerings: Mapping[str, Offering], sold: Sold) -> str | None:
    """Why what was sold cannot be delivered; None when it can."""
    offering = offerings.get(sold.offering)
    if offering is None:
        return "unknown_offering"
    if sold.day < offering.available_from:
        return "not_yet_available"
    return (
        "retired" if offering.retired_on is not None and sold.day >= offering.retired_on else None
    )


def delivered(offerings: Mapping[str, Offering], sold: Iterable[Sold]) -> float | None:
    """The share of the value sold that can be delivered; None when nothing was sold or nothing is offered."""
    items = list(sold)
    total = sum(item.value for item in items)
    if not offerings or total <= 0:
        return None
    return sum(item.value for item in items if obstacle(offerings, item) is None) / total


def figure(context: Context) -> Figure:
    """The share of the value sold that can be delivered; silent when nothing was sold."""
    offerings = context.snapshot.configuration.offerings
    if not offerings:
        return silent("no offerings are declared", applies=False)
    score = delivered(offerings, context.snapshot.sold)
    if score is None:
        return silent("no sale names an offering")
    summary = f"{percent(score)} of the value sold can be delivered"
    return Figure(score, 1.0, score, summary, partial(_losses, context))


def _losses(context: Context, weight: float) -> Iterator[Loss]:
    offerings, sold = context.snapshot.configuration.offerings, context.snapshot.sold
    missing: dict[tuple[str, str], int] = {}
    for item in sold:
        reason = obstacle(offerings, item)
        if reason is not None:
            missing[item.offering, reason] = missing.get((item.offering, reason), 0) + item.value
    total = sum(item.value for item in sold)
    for (key, why), value in sorted(missing.items()):
        account = Undeliverable(context.scope, key, offerings.get(key), why, value / total)
        yield Loss(NAME, why, weight * account.share, account, offering=key)
