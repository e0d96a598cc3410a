"""The score: one consistent read, one pure step."""

from dataclasses import dataclass
from datetime import date

from app.domain.access import Actor
from app.domain.errors import Fault, InvalidError
from app.domain.playbooks import Playbook
from app.domain.publishing import unpublished
from app.flows import past
from app.flows.past import Past, Standing
from app.flows.service import Service
from app.scoring.alignment import Alignment
from app.scoring.engine import score
from app.scoring.snapshot import Snapshot
from app.store import snapshot


@dataclass(frozen=True, slots=True)
class Answer:
    """An alignment with what it is of.

    Shape: `restating` are the metrics whose change does not show in it yet, by key.
    """

    snapshot: Snapshot
    alignment: Alignment
    playbook: Playbook
    unpublished_changes: int
    other_current: tuple[str, ...]
    restating: tuple[str, ...] = ()


async def read(
    service: Service, actor: Actor, playbook: str | None = None, as_of: date | None = None, known_at: date | None = None
) -> Answer:
    """How aligned the organization is, or was. Raises: NoCurrentPlaybookError, NotFoundError, InvalidError."""
    actor.require("read")
    now = service.clock()
    async with service.database.reading() as connection:
        known = await past.read(connection, actor.organization)
        days = asked(await past.today(connection, actor.organization, now), as_of, known_at)
        standing = await known.resolve(playbook, *days)
        found = await snapshot.read(connection, actor.organization, standing.plan, standing.frame)
    return answer(found, standing, known)


def answer(found: Snapshot, standing: Standing, known: Past) -> Answer:
    """The answer that follows from a snapshot."""
    changes = unpublished(standing.configuration, standing.playbook.key)
    return Answer(found, score(found), standing.playbook, changes, standing.others, known.restating)


def asked(today: date, as_of: date | None, known_at: date | None, name: str = "as_of") -> tuple[date, date]:
    """The days asked for, today where none was. Raises: InvalidError, naming the day by the parameter's name."""
    day, known = as_of or today, known_at or today
    faults = []
    if day > today:
        faults.append(Fault(name, "Must not be in the future."))
    if known < day:
        faults.append(Fault("known_at", f"Must not be before {name}."))
    if known > today:
        faults.append(Fault("known_at", "Must not be in the future."))
    if faults:
        raise InvalidError(faults[0].detail, faults)
    return day, known
