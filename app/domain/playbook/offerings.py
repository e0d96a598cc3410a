"""What can be sold, and between which days operations can deliver it."""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Offering:
    """Something that can be sold. Deliverable from `available_from` until the day before `retired_on`."""

    kind: ClassVar[str] = "offering"
    key: str
    name: str
    available_from: date
    retired_on: date | None = None
    team: str | None = None
