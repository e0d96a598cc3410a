"""The score: one consistent read, one pure step."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from app.domain.access import Actor
from app.domain.configuration import Configuration
from app.domain.errors import Fault, InvalidError, NoCurrentPlaybookError, NotFoundError, unknown
from app.domain.events import day_of
from app.domain.playbooks import Playbook
from app.domain.publishing import unpublished
from app.flows.service import Service
from app.scoring.alignment import Alignment
from app.scoring.engine import score
from app.scoring.snapshot import Snapshot, frame
from app.store import configuration as store
from app.store import cursor, snapshot


@dataclass(frozen=True, slots=True)
class Answer:
    """An alignment with what it is of."""

    snapshot: Snapshot
    alignment: Alignment
    playbook: Playbook
    unpublished_changes: int
    other_current: tuple[str, ...]


async def read(
    service: Service, actor: Actor, playbook: str | None = None, as_of: date | None = None, known_at: date | None = None
) -> Answer:
    """How aligned the organization is. Raises: NoCurrentPlaybookError, NotFoundError, InvalidError."""
    actor.require("read")
    now = service.clock()
    async with service.database.reading() as connection:
        configuration = await store.load(connection, actor.organization)
        # The organization's day never goes backwards: what was recorded so far is known, whatever the clock says now.
        recorded = await cursor.recorded_day(connection, actor.organization)
        today = max(day_of(now, configuration.organization.time_zone), recorded)
        days = _days(today, as_of, known_at)
        chosen, others = choose(configuration, playbook, days[0])
        found = await snapshot.read(connection, actor.organization, configuration, frame(chosen, *days))
    return Answer(found, score(found), chosen, unpublished(configuration, chosen.key), others)


def _days(today: date, as_of: date | None, known_at: date | None) -> tuple[date, date]:
    """The days asked for, today where none was. Raises: InvalidError."""
    day, known = as_of or today, known_at or today
    faults = []
    if day > today:
        faults.append(Fault("as_of", "Must not be in the future."))
    if known < day:
        faults.append(Fault("known_at", "Must not be before as_of."))
    if known > today:
        faults.append(Fault("known_at", "Must not be in the future."))
    if day < today or (known < today and not faults):
        faults.append(Fault("as_of", "Only the present day can be answered by this release."))
    if faults:
        raise InvalidError(faults[0].detail, faults)
    return day, known


def choose(configuration: Configuration, key: str | None, day: date) -> tuple[Playbook, tuple[str, ...]]:
    """The playbook asked for, or the current one that starts last, and the keys of the other current ones.

    Raises: NotFoundError for an unknown key, NoCurrentPlaybookError naming the last ended one and any draft.
    """
    current = sorted(
        (p for p in configuration.playbooks.values() if p.state == "published" and p.starts_on <= day <= p.ends_on),
        key=lambda p: (p.starts_on.toordinal(), p.key),
        reverse=True,
    )
    if key is not None:
        if key not in configuration.playbooks:
            raise NotFoundError(unknown("playbook", key, configuration.playbooks))
        return configuration.playbooks[key], tuple(p.key for p in current if p.key != key)
    if not current:
        raise NoCurrentPlaybookError(_instead(configuration.playbooks.values(), day))
    return current[0], tuple(p.key for p in current[1:])


def _instead(found: Collection[Playbook], day: date) -> str:
    ended = sorted((p.ends_on, p.key) for p in found if p.state != "draft" and p.ends_on < day)
    drafts = sorted(p.key for p in found if p.state == "draft")
    text = f"No published playbook's window holds {day.isoformat()}."
    if ended:
        text += f" The last one, '{ended[-1][1]}', ended on {ended[-1][0].isoformat()}."
    if drafts:
        text += f" There is a draft: '{drafts[0]}'."
    return text
