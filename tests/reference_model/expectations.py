"""The expected alignment of a worked example, and builders for its events."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction as F  # noqa: N817  # the short name keeps the arithmetic legible

from tests.reference_model.ledger import Loss
from tests.reference_model.world import Event

ScoreAndCoverage = tuple[F | None, F]
NOT_APPLICABLE: ScoreAndCoverage = (None, F(0))


@dataclass(frozen=True, slots=True)
class ExpectedAlignment:
    """An alignment computed by hand."""

    components: Mapping[str, ScoreAndCoverage]
    # Components that do not apply.
    not_applying: frozenset[str]
    score: F | None
    floor: F
    coverage: F
    weakest: str
    silent_teams: tuple[str, ...]
    # The complete ledger.
    ledger: Mapping[Loss, F]


def make_instant(month: int, day: int, hour: int = 12, minute: int = 0) -> datetime:
    """Return an instant of 2025 in UTC."""
    return datetime(2025, month, day, hour, minute, tzinfo=UTC)


def make_event(
    id: str,
    type: str,  # noqa: A002  # the field of the event
    team: str,
    time: datetime,
    kind: str = "outcome",
    **overrides: object,
) -> Event:
    """Make an event of the source `crm`, by default recorded at its occurrence."""
    fields: dict[str, object] = {"source": "crm", "recorded_at": time, **overrides}
    return Event(id=id, type=type, team=team, time=time, kind=kind, **fields)  # type: ignore[arg-type]  # a test's shorthand
