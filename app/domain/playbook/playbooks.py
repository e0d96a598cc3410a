"""The playbook: a strategy for a period, who helped to write it and who signed it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Playbook:
    """A strategy for a period. Shape: `state` is draft, published or closed; `revision` is 0 before publishing."""

    kind: ClassVar[str] = "playbook"
    key: str
    title: str
    narrative: str
    starts_on: date
    ends_on: date
    state: str = "draft"
    revision: int = 0
    published_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """What was published. Shape: `content` maps kind and key to the fields of each part, as JSON."""

    kind: ClassVar[str] = "revision"
    playbook: str
    revision: int
    content: Mapping[str, Mapping[str, object]]

    @property
    def key(self) -> str:
        """The playbook's key and the number."""
        return f"{self.playbook}/{self.revision}"


@dataclass(frozen=True, slots=True)
class Contribution:
    """A team's part in writing the playbook."""

    kind: ClassVar[str] = "contribution"
    playbook: str
    team: str
    by: str
    note: str = ""

    @property
    def key(self) -> str:
        """The playbook's and the team's keys."""
        return f"{self.playbook}/{self.team}"


@dataclass(frozen=True, slots=True)
class Signoff:
    """A team's signature under one revision."""

    kind: ClassVar[str] = "signoff"
    playbook: str
    team: str
    revision: int
    by: str

    @property
    def key(self) -> str:
        """The playbook's and the team's keys."""
        return f"{self.playbook}/{self.team}"
