"""Reproducible random numbers: the same seed and name always give the same number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SeededRandom:
    """Named random numbers of one seed. A new name does not change the numbers of other names."""

    seed: str

    def fraction(self, *name: object) -> float:
        """Return a fraction of at least 0 and less than 1."""
        text = "/".join([self.seed, *map(str, name)])
        return int.from_bytes(blake2b(text.encode(), digest_size=6).digest()) / 2**48

    def happens(self, probability: float, *name: object) -> bool:
        """Return True with that probability."""
        return self.fraction(*name) < probability

    def integer_between(self, minimum: int, maximum: int, *name: object) -> int:
        """Return an integer between the two limits, which are included."""
        return minimum + int(self.fraction(*name) * (maximum - minimum + 1))

    def choose(self, options: Sequence[T], *name: object) -> T:
        """Return one of the options, all with the same probability."""
        return options[self.integer_between(0, len(options) - 1, *name)]

    def choose_weighted(self, options: Mapping[T, int], *name: object) -> T:
        """Return one of the options, with probabilities in proportion to their weights."""
        remaining = self.fraction(*name) * sum(options.values())
        for option, weight in options.items():
            remaining -= weight
            if remaining < 0:
                return option
        return list(options)[-1]
