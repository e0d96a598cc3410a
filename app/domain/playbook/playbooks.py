"""Playbooks: strategies for a period, with their contributors and signatories."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Playbook:
    """A strategy for a period."""

    kind: ClassVar[str] = "playbook"
    key: str
    title: str
    narrative: str
    starts_on: date
    ends_on: date
    # `draft`, `published` or `closed`.
    state: str = "draft"
    # 0 before the first publishing.
    revision: int = 0
    published_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """A published version of a playbook."""

    kind: ClassVar[str] = "revision"
    playbook: str
    revision: int
    # `<kind>:<key>` to the fields of each part as JSON.
    content: Mapping[str, Mapping[str, object]]

    @property
    def key(self) -> str:
        """The playbook's key and the revision number, joined by a slash."""
        return f"{self.playbook}/{self.revision}"


@dataclass(frozen=True, slots=True)
class Contribution:
    """A team's part in writing a playbook."""

    kind: ClassVar[str] = "contribution"
    playbook: str
    team: str
    by: str
    note: str = ""

    @property
    def key(self) -> str:
        """The playbook's key and the team's key, joined by a slash."""
        return f"{self.playbook}/{self.team}"


@dataclass(frozen=True, slots=True)
class Signoff:
    """A team's signature of one revision."""

    kind: ClassVar[str] = "signoff"
    playbook: str
    team: str
    revision: int
    by: str

    @property
    def key(self) -> str:
        """The playbook's key and the team's key, joined by a slash."""
        return f"{self.playbook}/{self.team}"


def current_playbooks(playbooks: Collection[Playbook], day: date) -> list[str]:
    """Return the keys of the published playbooks in force on a day, latest start first."""
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
    """Explain why no playbook is current on a day.

    Name the playbook that ended last, and a draft.
    """
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
