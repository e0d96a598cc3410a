"""Numbers as a manager reads them."""

from collections.abc import Sequence


def percent(part: float) -> str:
    """The fraction in whole percent; never 0% of something nor 100% of less than all."""
    whole = round(part * 100)
    if whole == 0 and part > 0:
        return "less than 1%"
    if whole == 100 and part < 1:
        return "more than 99%"
    return f"{whole}%"


def counted(number: int, one: str, many: str = "") -> str:
    """The number with its noun, in the plural where it takes one."""
    return f"1 {one}" if number == 1 else f"{number} {many or one + 's'}"


def among(number: int, total: int, noun: str) -> str:
    """The part of a total: 2 of 5 teams."""
    return f"{number} of {counted(total, noun)}"


def verb(number: int, one: str, many: str) -> str:
    """The verb's form that goes with the number."""
    return one if number == 1 else many


def listed(names: Sequence[str]) -> str:
    """The names in one phrase."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
