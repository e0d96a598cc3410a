"""The days that a request about alignment names."""

from collections.abc import Sequence
from datetime import date

from app.domain.primitives.errors import Fault, InvalidError


def find_future_days(today: date, days: Sequence[tuple[str, date]]) -> list[Fault]:
    """Return a fault for each (parameter, day) that is after today."""
    return [
        Fault(parameter, "Must not be in the future.") for parameter, day in days if day > today
    ]


def raise_faults(faults: Sequence[Fault]) -> None:
    """Raise an InvalidError with the faults, if there are any."""
    if faults:
        raise InvalidError(faults[0].detail, faults)


def resolve_dates(
    today: date, as_of: date | None, known_at: date | None, parameter: str = "as_of"
) -> tuple[date, date]:
    """Return `as_of` and `known_at`, with today for those that are None.

    Raises: InvalidError that calls `as_of` by the name `parameter`.
    """
    day = as_of or today
    known_day = known_at or today
    faults = find_future_days(today, [(parameter, day)])
    if known_at is not None and known_day < day:
        faults.append(Fault("known_at", f"Must not be before {parameter}."))
    faults += find_future_days(today, [("known_at", known_day)])
    raise_faults(faults)
    return day, known_day
