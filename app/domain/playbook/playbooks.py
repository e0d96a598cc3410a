"""The playbook: a strategy for a period, who helped to write it and who signed it."""

from collections.abc import Collection, Mapping
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


def current_playbooks(playbooks: Collection[Playbook], day: date) -> list[str]:
    """Return the keys of the published playbooks whose period includes `day`, the latest start first."""
    active_playbooks = [
        playbook
        for playbook in playbooks
        if playbook.state == "published" and playbook.starts_on <= day <= playbook.ends_on
    ]
    return [
        playbook.key
        for playbook in sorted(
            active_playbooks,
            key=lambda playbook: (playbook.starts_on.toordinal(), playbook.key),
            reverse=True,
        )
    ]


def explain_no_current_playbook(playbooks: Collection[Playbook], day: date) -> str:
    """Say why no playbook is current on `day`: name the one that ended last, and a draft."""
    ended = sorted(
        (playbook.ends_on, playbook.key)
        for playbook in playbooks
        if playbook.state != "draft" and playbook.ends_on < day
    )
    drafts = sorted(playbook.key for playbook in playbooks if playbook.state == "draft")
    explanation = f"No published playbook's window holds {day.isoformat()}."
    if ended:
        explanation += f" The last one, '{ended[-1][1]}', ended on {ended[-1][0].isoformat()}."
    if drafts:
        explanation += f" There is a draft: '{drafts[0]}'."
    return explanation
