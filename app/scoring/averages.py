"""Arithmetic of the components: sums that do not depend on order, rounded once."""

from collections.abc import Collection, Iterable
from math import fsum
from operator import mul


def clamp(number: float) -> float:
    """Return the nearest value in [0, 1]."""
    return min(1.0, max(0.0, number))


def ratio(numerator: int, denominator: int) -> float:
    """Return the exact ratio of two integers, clamped to [0, 1] and rounded once.

    The denominator must not be 0.
    """
    if denominator < 0:
        numerator = -numerator
        denominator = -denominator
    return numerator / denominator if 0 < numerator < denominator else float(numerator > 0)


def weighted_mean(weights: Collection[int], fractions: Iterable[float]) -> float:
    """Return the mean of fractions by positive integer weights, at least one.

    The weights stay integers until the division, so that fractions of 1 give exactly 1.
    """
    return clamp(fsum(map(mul, weights, fractions)) / sum(weights))


def weighted_float_mean(terms: Iterable[tuple[float, float]]) -> float:
    """Return the mean of (weight, fraction) terms, at least one, by positive float weights."""
    weighted_fractions = list(terms)
    return clamp(
        fsum(weight * fraction for weight, fraction in weighted_fractions)
        / fsum(weight for weight, _ in weighted_fractions)
    )
