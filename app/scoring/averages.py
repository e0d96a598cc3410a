"""The arithmetic that every component shares: sums that do not depend on order, rounded once."""

from collections.abc import Collection, Iterable
from math import fsum
from operator import mul


def clamp(value: float) -> float:
    """The nearest value in [0, 1]."""
    return min(1.0, max(0.0, value))


def ratio(part: int, whole: int) -> float:
    """The exact ratio of two integers clamped to [0, 1] and rounded once; `whole` is not 0."""
    if whole < 0:
        part, whole = -part, -whole
    return part / whole if 0 < part < whole else float(part > 0)


def mean(weights: Collection[int], values: Iterable[float]) -> float:
    """The mean of fractions by positive integer weights, each in its place; there is at least one.

    The weights stay integers until the division: all ones give exactly 1.
    """
    return clamp(fsum(map(mul, weights, values)) / sum(weights))


def blend(terms: Iterable[tuple[float, float]]) -> float:
    """The mean of fractions by positive weights that are no longer exact; there is at least one."""
    pairs = list(terms)
    return clamp(
        fsum(weight * value for weight, value in pairs) / fsum(weight for weight, _ in pairs)
    )
