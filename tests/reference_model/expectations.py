"""The pencil of the worked organizations: what is expected of one, and shorthands for its events."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction as F  # the arithmetic reads like arithmetic  # noqa: N817  # the arithmetic reads like arithmetic

from tests.reference_model.ledger import Loss
from tests.reference_model.world import Event

ScoreAndCoverage = tuple[F | None, F]
NOT_APPLICABLE: ScoreAndCoverage = (None, F(0))


@dataclass(frozen=True, slots=True)
class ExpectedAlignment:
    """What a person with a pencil says. `components` are (score, coverage); `ledger` lacks nothing."""

    components: Mapping[str, ScoreAndCoverage]
    not_applying: frozenset[str]
    score: F | None
    floor: F
    coverage: F
    weakest: str
    silent_teams: tuple[str, ...]
    ledger: Mapping[Loss, F]


def make_instant(month: int, day: int, hour: int = 12, minute: int = 0) -> datetime:
    """An instant of 2025 in UTC."""
    return datetime(2025, month, day, hour, minute, tzinfo=UTC)


def make_event(
    id: str,
    type: str,  # as the event names it  # noqa: A002  # as the event names it
    team: str,
    time: datetime,
    kind: str = "outcome",
    **overrides: object,
) -> Event:
    """An event of the source `crm`, recorded when it occurred unless told otherwise."""
    fields: dict[str, object] = {"source": "crm", "recorded_at": time, **overrides}
    return Event(id=id, type=type, team=team, time=time, kind=kind, **fields)  # type: ignore[arg-type]  # a test's shorthand
