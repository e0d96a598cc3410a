"""Phrases for numbers in summaries and descriptions."""

from collections.abc import Sequence


def format_percent(fraction: float) -> str:
    """Return the fraction in whole percent.

    Only 0 is shown as 0%, and only 1 as 100%.
    """
    rounded = round(fraction * 100)
    if rounded == 0 and fraction > 0:
        return "less than 1%"
    if rounded == 100 and fraction < 1:
        return "more than 99%"
    return f"{rounded}%"


def pluralize(number: int, singular: str, plural: str = "") -> str:
    """Return the number with its noun in the singular or plural."""
    return f"1 {singular}" if number == 1 else f"{number} {plural or singular + 's'}"


def x_of_y(number: int, total: int, noun: str) -> str:
    """Return a part of a total: 2 of 5 teams."""
    return f"{number} of {pluralize(total, noun)}"


def choose_verb_form(number: int, singular: str, plural: str) -> str:
    """Return the form of a verb for the number."""
    return singular if number == 1 else plural


def join_names(names: Sequence[str]) -> str:
    """Return the names in one phrase."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
