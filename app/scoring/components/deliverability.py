"""deliverability: whether what was sold can be delivered."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from functools import partial
from typing import Final, NamedTuple

from app.domain.playbook.offerings import Offering
from app.scoring.context import ScoringContext
from app.scoring.evidence.evidence_scope import EvidenceQuery, EvidenceScope
from app.scoring.ledger import Loss
from app.scoring.phrases import format_percent
from app.scoring.result import Figure, figure_without_evidence
from app.scoring.snapshot import SoldValue

NAME: Final = "deliverability"


class UndeliverableSales(NamedTuple):
    """Explains sales of one offering that could not be delivered."""

    scope: EvidenceScope
    offering_key: str
    # None for an unknown offering.
    offering: Offering | None
    reason: str
    share: float

    def detail(self, _: Loss) -> str:
        """Describe the share of the value sold, and why it cannot be delivered."""
        share_clause = f"{format_percent(self.share)} of the value sold is {self.offering_key}"
        if self.offering is None:
            return f"{share_clause}, which is not among the offerings"
        if self.reason == "retired":
            return f"{share_clause} after it was retired on {self.offering.retired_on}"
        return f"{share_clause} before it can be delivered, from {self.offering.available_from}"

    def evidence(self, _: Loss) -> EvidenceQuery:
        """Return the query for the sales on these days."""
        first_day, last_day = self._undeliverable_days()
        unit_filter = (("sold_unit", self.scope.unit),) if self.scope.unit is not None else ()
        return self.scope.event_evidence(
            first_day, last_day, ("offering", self.offering_key), *unit_filter
        )

    def _undeliverable_days(self) -> tuple[date, date]:
        first_day = self.scope.starts_on
        last_day = self.scope.until
        offering = self.offering
        if offering is not None and self.reason == "not_yet_available":
            return first_day, min(last_day, offering.available_from - timedelta(days=1))
        if offering is not None and offering.retired_on is not None:
            return max(first_day, offering.available_from, offering.retired_on), last_day
        return first_day, last_day


def find_obstacle(offerings: Mapping[str, Offering], sale: SoldValue) -> str | None:
    """Return the reason why a sale cannot be delivered, or None."""
    offering = offerings.get(sale.offering)
    if offering is None:
        return "unknown_offering"
    if sale.day < offering.available_from:
        return "not_yet_available"
    return (
        "retired" if offering.retired_on is not None and sale.day >= offering.retired_on else None
    )


def deliverable_share(
    offerings: Mapping[str, Offering], sold_values: Iterable[SoldValue]
) -> float | None:
    """Return the share of the value sold that can be delivered.

    Return None without sales or offerings.
    """
    sales = list(sold_values)
    total_value = sum(sale.value for sale in sales)
    if not offerings or total_value <= 0:
        return None
    return sum(sale.value for sale in sales if find_obstacle(offerings, sale) is None) / total_value


def compute_figure(context: ScoringContext) -> Figure:
    """Return the share of the value sold that can be delivered; silent without sales."""
    offerings = context.snapshot.configuration.offerings
    if not offerings:
        return figure_without_evidence("no offerings are declared", applies=False)
    score = deliverable_share(offerings, context.snapshot.sold_values)
    if score is None:
        return figure_without_evidence("no sale names an offering")
    summary = f"{format_percent(score)} of the value sold can be delivered"
    return Figure(score, 1.0, score, summary, partial(_iterate_losses, context))


def _iterate_losses(context: ScoringContext, weight: float) -> Iterator[Loss]:
    offerings = context.snapshot.configuration.offerings
    sold_values = context.snapshot.sold_values
    undeliverable_values: dict[tuple[str, str], int] = {}
    for sale in sold_values:
        reason = find_obstacle(offerings, sale)
        if reason is not None:
            undeliverable_values[sale.offering, reason] = (
                undeliverable_values.get((sale.offering, reason), 0) + sale.value
            )
    total_value = sum(sale.value for sale in sold_values)
    for (offering_key, obstacle), undeliverable_value in sorted(undeliverable_values.items()):
        explanation = UndeliverableSales(
            context.scope,
            offering_key,
            offerings.get(offering_key),
            obstacle,
            undeliverable_value / total_value,
        )
        yield Loss(NAME, obstacle, weight * explanation.share, explanation, offering=offering_key)
