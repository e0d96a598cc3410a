"""Everything that happened to an organization, each act with its instant; any past answer is recomputed from nothing.

Shares nothing with the program. Where the design leaves room, this is how it was read:

 1. Before a playbook's first publishing on day P, and with P <= known_at, the configuration is that of the end of P.
    With known_at < P it is what was answered then: the draft as it stood, or none.
 2. As of a day after the playbook's last day E, by the configuration then, the answer is that of E; which is asked in
    turn, for the playbook may have been longer or shorter then.
 3. Without a key the current playbook is one that was published, not closed, by as_of and whose window held the day;
    if there is none, one first published later, by known_at, whose window at the end of P holds it.
 4. A metric matches as it does now, archived or not, and is a count if it is one now; the rest of it is as it stood.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TypeAlias

from tests.reference_model import world as w
from tests.reference_model.evidence import day_of
from tests.reference_model.scene import LOAD_BEARING

Thing: TypeAlias = (
    w.Policy
    | w.Team
    | w.Metric
    | w.Offering
    | w.Playbook
    | w.Objective
    | w.KeyResult
    | w.Responsibility
)


@dataclass(frozen=True, slots=True)
class Put:
    """The things are as given, in one write; a responsibility's status is kept when it is proposed here."""

    things: tuple[Thing, ...]


@dataclass(frozen=True, slots=True)
class Archive:
    """A team, metric, offering, objective or key result is archived."""

    kind: str
    key: str


@dataclass(frozen=True, slots=True)
class Publish:
    """The playbook is published."""

    playbook: str


@dataclass(frozen=True, slots=True)
class Close:
    """The playbook is closed."""

    playbook: str


@dataclass(frozen=True, slots=True)
class Accept:
    """The team accepts or declines its responsibility."""

    objective: str
    team: str
    accepted: bool


@dataclass(frozen=True, slots=True)
class Part:
    """The team contributes to the playbook, or signs its current revision; or withdraws that."""

    kind: str
    playbook: str
    team: str
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """An event is recorded."""

    event: w.Event


@dataclass(frozen=True, slots=True)
class Retract:
    """An event is retracted."""

    source: str
    id: str


Act: TypeAlias = Put | Archive | Publish | Close | Accept | Part | Record | Retract


@dataclass
class State:
    """The configuration at one moment. `states` and `revisions` of a playbook are not in its noun."""

    policy: w.Policy = field(default_factory=w.Policy)
    teams: dict[str, w.Team] = field(default_factory=dict)
    metrics: dict[str, w.Metric] = field(default_factory=dict)
    offerings: dict[str, w.Offering] = field(default_factory=dict)
    playbooks: dict[str, w.Playbook] = field(default_factory=dict)
    objectives: dict[str, w.Objective] = field(default_factory=dict)
    key_results: dict[str, w.KeyResult] = field(default_factory=dict)
    responsibilities: dict[tuple[str, str], w.Responsibility] = field(default_factory=dict)
    contributions: set[tuple[str, str]] = field(default_factory=set)
    signoffs: dict[tuple[str, str], int] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    published: dict[str, Mapping[object, object]] = field(default_factory=dict)
    archived_metrics: dict[str, w.Metric] = field(default_factory=dict)

    def content(self, playbook: str) -> dict[object, object]:
        """What a revision covers."""
        mine = {key: o for key, o in self.objectives.items() if o.playbook == playbook}
        book = self.playbooks[playbook]
        results = {k.key: k for k in self.key_results.values() if k.objective in mine}
        parts = {n: (r.role, r.share) for n, r in self.responsibilities.items() if n[0] in mine}
        return {
            "window": (book.starts_on, book.ends_on),
            **{("objective", key): found for key, found in mine.items()},
            **{("result", key): found for key, found in results.items()},
            **{("part", name): found for name, found in parts.items()},
        }

    def unpublished(self, playbook: str) -> int:
        """How many parts differ from the current revision."""
        now, was = self.content(playbook), self.published.get(playbook, {})
        return sum(now.get(name) != was.get(name) for name in now.keys() | was.keys())

    def current(self, day: date) -> set[str]:
        """The published playbooks whose window holds the day."""
        return {
            k for k, p in self.playbooks.items() if self.states[k] == "published" and holds(p, day)
        }


def holds(playbook: w.Playbook, day: date) -> bool:
    """Whether the playbook's window holds the day."""
    return playbook.starts_on <= day <= playbook.ends_on


def happen(state: State, act: Act) -> None:
    """The state is as the act leaves it; events are no part of it."""
    match act:
        case Put(things):
            for thing in things:
                put(state, thing)
        case Archive(kind, key):
            archive(state, kind, key)
        case Publish(key):
            if state.states[key] == "draft" or state.unpublished(key):
                state.states[key] = "published"
                state.playbooks[key] = replace(
                    state.playbooks[key], revision=state.playbooks[key].revision + 1
                )
                state.published[key] = state.content(key)
        case Close(key):
            state.states[key] = "closed"
        case Accept(objective, team, accepted):
            name = objective, team
            status = "accepted" if accepted else "declined"
            state.responsibilities[name] = replace(state.responsibilities[name], status=status)
        case Part():
            take_part(state, act)
        case _:
            pass


def take_part(state: State, act: Part) -> None:
    """The contribution or sign-off is there, or is not any more."""
    name = act.playbook, act.team
    if act.kind == "contribution":
        (state.contributions.discard if act.withdrawn else state.contributions.add)(name)
    elif act.withdrawn:
        del state.signoffs[name]
    else:
        state.signoffs[name] = state.playbooks[act.playbook].revision


def put(state: State, thing: Thing) -> None:
    """The thing is there as given; a responsibility of another role or share is proposed again."""
    match thing:
        case w.Policy():
            state.policy = thing
        case w.Responsibility():
            name = thing.objective, thing.team
            was = state.responsibilities.get(name)
            same = was is not None and (was.role, was.share) == (thing.role, thing.share)
            status = was.status if same and was is not None else "proposed"
            # A document may say that a part is accepted or declined.
            state.responsibilities[name] = (
                replace(thing, status=status) if thing.status == "proposed" else thing
            )
        case w.Playbook():
            was_book = state.playbooks.get(thing.key)
            state.playbooks[thing.key] = replace(
                thing, revision=was_book.revision if was_book else 0
            )
            state.states.setdefault(thing.key, "draft")
        case w.Metric():
            state.metrics[thing.key] = thing
            state.archived_metrics.pop(thing.key, None)
        case w.Team():
            state.teams[thing.key] = thing
        case w.Offering():
            state.offerings[thing.key] = thing
        case w.Objective():
            state.objectives[thing.key] = thing
        case w.KeyResult():
            state.key_results[thing.key] = thing


def archive(state: State, kind: str, key: str) -> None:
    """The thing is gone, with what hangs on it."""
    if kind == "metric":
        state.archived_metrics[key] = state.metrics.pop(key)
    elif kind == "objective":
        del state.objectives[key]
        state.key_results = {n: k for n, k in state.key_results.items() if k.objective != key}
        state.responsibilities = {
            n: r for n, r in state.responsibilities.items() if r.objective != key
        }
    elif kind == "team":
        del state.teams[key]
        state.responsibilities = {n: r for n, r in state.responsibilities.items() if r.team != key}
    else:
        del (state.offerings if kind == "offering" else state.key_results)[key]


def bears(part: w.Responsibility) -> bool:
    """Whether it carries weight."""
    return part.status == "accepted" and part.role in LOAD_BEARING


@dataclass(frozen=True, slots=True)
class Judged:
    """What is answered, as a world to align, and what stands beside the figures."""

    world: w.World
    unpublished: int
    other_current: tuple[str, ...]
    configuration_from: date | None


class RefusedError(Exception):
    """There is no answer: the message is unknown (no such playbook), none (no current one) or silent (no opinion)."""


@dataclass(frozen=True)
class Timeline:
    """Acts in their order, each with its instant."""

    zone: str
    acts: tuple[tuple[datetime, Act], ...]

    def day(self, instant: datetime) -> date:
        """The organization's day."""
        nothing = w.World(w.Playbook("", date.min, date.min), date.min, date.min, self.zone)
        return day_of(nothing, instant)

    def days(self) -> list[date]:
        """The days on which something happened."""
        return sorted({self.day(at) for at, _ in self.acts})

    def state(self, day: date) -> State:
        """The configuration as it stood at the end of a day."""
        found = State()
        for at, act in self.acts:
            if self.day(at) <= day:
                happen(found, act)
        return found

    def first_published(self, playbook: str) -> date | None:
        """The day P."""
        days = (self.day(at) for at, act in self.acts if act == Publish(playbook))
        return min(days, default=None)

    def current(self, as_of: date, known_at: date) -> list[str]:
        """The current playbooks, best first."""
        state = self.state(as_of)
        found = {key: state.playbooks[key] for key in state.current(as_of)}
        if not found:
            for key in self.state(known_at).playbooks:
                first = self.first_published(key)
                if first is not None and as_of < first <= known_at:
                    then = self.state(first)
                    if key in then.current(as_of):
                        found[key] = then.playbooks[key]
        return sorted(found, key=lambda key: (found[key].starts_on, key), reverse=True)

    def judge(self, as_of: date, known_at: date, playbook: str | None = None) -> Judged:
        """What must be answered. Raises: RefusedError."""
        current = self.current(as_of, known_at)
        if playbook is None and not current:
            raise RefusedError("none")
        key = current[0] if playbook is None else playbook
        state, day, first = self.configuration(key, as_of, known_at)
        world = self.world(state, key, day, known_at)
        others = tuple(other for other in current if other != key)
        return Judged(world, state.unpublished(key), others, first)

    def configuration(
        self, key: str, as_of: date, known_at: date
    ) -> tuple[State, date, date | None]:
        """The configuration that is used, the day it is asked for at most, and the day it is from, if not that one."""
        state, first = self.state(as_of), self.first_published(key)
        since = None
        if first is not None and as_of < first <= known_at:
            state, since = self.state(first), first
        if key not in state.playbooks:
            raise RefusedError("unknown")
        last = state.playbooks[key].ends_on
        if as_of <= last:
            return state, as_of, since
        try:
            return self.configuration(key, last, known_at)
        except RefusedError as refused:
            # A draft that was made after its own last day and was never published: nothing says what it was then.
            raise RefusedError("silent") from refused

    def world(self, state: State, key: str, as_of: date, known_at: date) -> w.World:
        """The world of that configuration and of the evidence."""
        now = self.state(date.max)
        present = {**now.archived_metrics, **now.metrics}
        others = (
            p for k, p in state.playbooks.items() if k != key and state.states[k] == "published"
        )
        return w.World(
            playbook=state.playbooks[key],
            as_of=as_of,
            known_at=known_at,
            zone=self.zone,
            teams=tuple(state.teams.values()),
            metrics=tuple(restated(m, present[m.key]) for m in state.metrics.values()),
            offerings=tuple(state.offerings.values()),
            others=tuple(others),
            objectives=tuple(state.objectives.values()),
            key_results=tuple(state.key_results.values()),
            responsibilities=tuple(state.responsibilities.values()),
            contributions=frozenset(team for book, team in state.contributions if book == key),
            signoffs={team: n for (book, team), n in state.signoffs.items() if book == key},
            policy=state.policy,
            events=tuple(act.event for _, act in self.acts if isinstance(act, Record)),
            retractions=tuple(
                w.Retraction(a.source, a.id, at) for at, a in self.acts if isinstance(a, Retract)
            ),
        )


def restated(stood: w.Metric, now: w.Metric) -> w.Metric:
    """The metric as it stood, that matches as it does now."""
    aggregation = (
        now.aggregation if "count" in (now.aggregation, stood.aggregation) else stood.aggregation
    )
    return replace(now, aggregation=aggregation, canonical_source=stood.canonical_source)


def matching(metric: w.Metric) -> Iterable[object]:
    """What of a metric restates history."""
    return (
        metric.unit,
        metric.events,
        metric.activities,
        metric.where,
        metric.value,
        metric.aggregation == "count",
    )
