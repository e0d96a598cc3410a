"""From what a CRM said to the events that it should have: fold, compare, record and retract."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from app.domain.events.events import Event
from app.domain.sources.crm.reconciliation import DesiredEvent, Plan, Slot, diff
from app.domain.sources.mapping.mapping import DealMapping
from app.services.sources.event_writer import Work, insert, withdraw
from app.services.sources.record_graph import Gathered, World, fold
from app.store.sources import event_slots as store
from app.store.sources import sources
from app.store.sources.source_health import WITHOUT_AMOUNT


@dataclass(frozen=True, slots=True)
class Telling:
    """What one delivery told.

    Shape: `keys` are those of the changes that it was the first to tell; `reason` is that of what is retracted for it.
    """

    entities: Collection[str]
    reason: str
    keys: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Settling:
    """What is to be written. Shape: events by id; `record` may hold some that `gone` retracts again."""

    work: Work
    read: DealMapping
    slots: dict[str, dict[str, Slot]]
    record: dict[str, DesiredEvent] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)
    strange: dict[str, Sequence[tuple[str, str]]] = field(default_factory=dict)

    def step(self, touched: Collection[str], gathered: Gathered, reason: str) -> tuple[int, int]:
        """The events of these records are planned to be those they should have; how many come and go."""
        teams, default = self.work.known.configuration.teams.keys(), self.work.source.team or ""
        came = went = 0
        for entity in sorted(touched):
            folded = fold(entity, gathered, self.read, default)
            plan: Plan = diff(folded.events, self.slots[entity], teams, default)
            self.strange[entity] = (
                *folded.unmapped,
                *((WITHOUT_AMOUNT,) if folded.unknown_amount else ()),
            )
            self._follow(entity, plan)
            self.gone |= dict.fromkeys(plan.to_retract, reason)
            came, went = came + len(plan.to_record), went + len(plan.to_retract)
        return came, went

    def _follow(self, entity: str, plan: Plan) -> None:
        """The slots are as they will be."""
        mine = self.slots[entity]
        for name in plan.to_retract:
            slot, _ = name.rsplit("/", 1)
            mine[slot] = Slot(mine[slot].recorded)
        for name, desired in plan.to_record:
            slot, number = name.rsplit("/", 1)
            mine[slot] = Slot(int(number), desired)
            self.record[name] = desired


async def settle(
    work: Work, tellings: Sequence[Telling], read: DealMapping, now: datetime
) -> Sequence[tuple[int, int]]:
    """The events of what was told, and of what hangs on it, are those they should have.

    Returns how many came and went for each telling. It is as if each had been settled by itself, in the given order:
    each is compared with what was known after it and with what the one before left. An event that one brings and a
    later one takes away is recorded and retracted, once each; it is only read and written together.
    """
    everything = {entity for one in tellings for entity in one.entities}
    if not everything:
        return [(0, 0)] * len(tellings)
    since = (
        {key: step for step, one in enumerate(tellings) for key in one.keys}
        if len(tellings) > 1
        else {}
    )
    world = World(work.connection, work.told, since)
    concerned = await world.concerned(everything, len(tellings))
    slots, uids = await store.slots_of(
        work.connection, work.organization, work.source.key, concerned
    )
    settling = _Settling(work, read, slots)
    done = []
    for step, one in enumerate(tellings):
        touched, gathered = (
            await world.gather(one.entities, step) if one.entities else (set[str](), None)
        )
        # The events of what was erased stand as they are: what they were made of is gone.
        done.append(
            (0, 0)
            if gathered is None
            else settling.step(touched - gathered.erased, gathered, one.reason)
        )
    await _write(settling, uids, now)
    return done


async def _write(settling: _Settling, uids: dict[str, UUID], now: datetime) -> None:
    work, gone = settling.work, settling.gone
    await sources.note_unmapped(
        work.connection, work.organization, work.source.key, settling.strange
    )
    await withdraw(work, {uids[name]: reason for name, reason in gone.items() if name in uids})
    new, seq = await insert(
        work, [_event(work.source.key, *one) for one in settling.record.items()], now
    )
    brief = {new[name]: reason for name, reason in gone.items() if name not in uids}
    if brief:  # after they were recorded
        await withdraw(replace(work, position=replace(work.position, seq=seq)), brief)


def _event(source: str, name: str, desired: DesiredEvent) -> Event:
    return Event(
        id=name,
        source=source,
        type=desired.type,
        time=desired.time,
        team=desired.team,
        kind=desired.kind,
        value=desired.value,
        unit=desired.unit,
        subject=desired.subject,
        offerings=desired.offerings,
        data=desired.data,
    )
