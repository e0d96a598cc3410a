"""Chance that is none: every throw has a name, and the same name always falls the same way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Dice:
    """Named throws of one seed: adding one moves no other."""

    seed: str

    def chance(self, *name: object) -> float:
        """A fraction from 0 up to, and without, 1."""
        text = "/".join([self.seed, *map(str, name)])
        return int.from_bytes(blake2b(text.encode(), digest_size=6).digest()) / 2**48

    def whether(self, likely: float, *name: object) -> bool:
        """True about as often as it is likely."""
        return self.chance(*name) < likely

    def between(self, low: int, high: int, *name: object) -> int:
        """A whole number from low to high, both included."""
        return low + int(self.chance(*name) * (high - low + 1))

    def pick(self, options: Sequence[T], *name: object) -> T:
        """One of the options, all equally likely."""
        return options[self.between(0, len(options) - 1, *name)]

    def weighed(self, options: Mapping[T, int], *name: object) -> T:
        """One of the options, each as likely as its weight."""
        left = self.chance(*name) * sum(options.values())
        for option, weight in options.items():
            left -= weight
            if left < 0:
                return option
        return list(options)[-1]
