"""Offerings: products and services, and the days on which they can be delivered."""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Offering:
    """A product or service.

    An offering can be delivered from `available_from` to the day before `retired_on`.
    """

    kind: ClassVar[str] = "offering"
    key: str
    name: str
    available_from: date
    retired_on: date | None = None
    team: str | None = None
