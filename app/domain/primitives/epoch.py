"""Conversions of instants to microseconds and of days to numbers since 1970-01-01 UTC."""

from datetime import UTC, date, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_ORDINAL = EPOCH.date().toordinal()


def to_microseconds(instant: datetime) -> int:
    """Return the microseconds since the epoch, exactly."""
    elapsed = instant - EPOCH
    return (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds


def from_microseconds(microseconds: int) -> datetime:
    """Return the instant of a number of microseconds since the epoch."""
    return EPOCH + timedelta(microseconds=microseconds)


def to_day_number(day: date) -> int:
    """Return the days since 1970-01-01."""
    return day.toordinal() - EPOCH_ORDINAL


def from_day_number(number: int) -> date:
    """Return the date of a number of days since 1970-01-01."""
    return date.fromordinal(number + EPOCH_ORDINAL)
