"""Chance that is none: every throw has a name, and the same name always falls the same way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SeededRandom:
    """Named throws of one seed: adding one moves no other."""

    seed: str

    def fraction(self, *name: object) -> float:
        """A fraction from 0 up to, and without, 1."""
        text = "/".join([self.seed, *map(str, name)])
        return int.from_bytes(blake2b(text.encode(), digest_size=6).digest()) / 2**48

    def happens(self, probability: float, *name: object) -> bool:
        """True about as often as it is likely."""
        return self.fraction(*name) < probability

    def integer_between(self, minimum: int, maximum: int, *name: object) -> int:
        """A whole number from low to high, both included."""
        return minimum + int(self.fraction(*name) * (maximum - minimum + 1))

    def choose(self, options: Sequence[T], *name: object) -> T:
        """One of the options, all equally likely."""
        return options[self.integer_between(0, len(options) - 1, *name)]

    def choose_weighted(self, options: Mapping[T, int], *name: object) -> T:
        """One of the options, each as likely as its weight."""
        remaining = self.fraction(*name) * sum(options.values())
        for option, weight in options.items():
            remaining -= weight
            if remaining < 0:
                return option
        return list(options)[-1]
