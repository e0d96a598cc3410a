"""Random valid histories: whatever can happen to an organization, in any order, at any hour of any zone.

One seed for each act, which is made of what is there when it happens: so every act is one that the program accepts,
and a failing example shrinks to few of them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tests.reference_model import stream
from tests.reference_model import world as w
from tests.reference_model.strategies import (
    AGGREGATIONS,
    FIRST,
    POSITIVE,
    ROLES,
    SEEDS,
    STATUSES,
    ZONES,
    Dice,
    key_result,
    metric,
    objectives,
    offerings,
    playbooks,
    policy,
    responsibilities,
    teams,
)
from tests.reference_model.timeline import (
    Accept,
    Act,
    Archive,
    Close,
    Part,
    Publish,
    Put,
    Record,
    Retract,
    State,
    Thing,
    Timeline,
    bears,
    happen,
    matching,
)

BEFORE = 8  # days before the first playbook's first at which it begins, at most
HOURS = (0, 0, 0, 0, 0, 1, 1, 7, 7, 24, 24, 49)
LATE = (0, 0, 0, 0, 1, 24, 80, 300, -3, -20)


@dataclass
class Writer:
    """A history being written. `chance` is the one of the act that is to be chosen."""

    zone: str
    now: datetime
    state: State = field(default_factory=State)
    acts: list[tuple[datetime, Act]] = field(default_factory=list)
    standing: list[w.Event] = field(default_factory=list)
    chance: Random = field(default_factory=Random)

    def add(self, act: Act | None) -> None:
        """The act has happened; None is an act that nothing there allows."""
        if act is None:
            return
        happen(self.state, act)
        self.acts.append((self.now, act))
        if isinstance(act, Record):
            self.standing.append(act.event)
        elif isinstance(act, Retract):
            self.standing = [e for e in self.standing if (e.source, e.id) != (act.source, act.id)]

    def wait(self) -> None:
        """Some hours pass, or it becomes the last or first moment of a day."""
        self.now += timedelta(hours=self.chance.choice(HOURS))
        if self.chance.random() < 0.3:
            day = self.now.astimezone(ZoneInfo(self.zone)).date() + timedelta(days=1)
            midnight = datetime.combine(day, time(), ZoneInfo(self.zone)).astimezone(UTC)
            self.now = midnight - timedelta(microseconds=self.chance.choice([0, 1]))

    def record(self) -> Act | None:
        """An event of long ago, of now, or of tomorrow."""
        if not self.state.teams:
            return None
        cast = stream.Cast(sorted(self.state.teams), sorted(self.state.objectives), self.now, 1)
        found = stream.event(cast, len(self.acts), str(self.chance.random()))
        occurred = self.now - timedelta(hours=self.chance.choice(LATE))
        return Record(replace(found, time=occurred, recorded_at=self.now))

    def retract(self) -> Act | None:
        """One of the standing events goes, mostly a recent one."""
        if not self.standing:
            return None
        gone = self.chance.choice([*self.standing, *self.standing[-3:]])
        return Retract(gone.source, gone.id)

    def redefine(self) -> Act | None:
        """A metric matches otherwise, is summed up otherwise, has another canonical source; or comes back."""
        known = {**self.state.metrics, **self.state.archived_metrics}
        if not known:
            return None
        was = known[self.chance.choice(sorted(known))]
        new = replace(metric(self.chance, 0), key=was.key)
        kinds = [
            "all",
            "aggregation",
            "aggregation",
            "canonical_source",
            "canonical_source",
            "where",
            "events",
        ]
        what = self.chance.choice(kinds)
        found = new if what == "all" else replace(was, **{what: getattr(new, what)})
        falling = any(
            k.metric == was.key and k.target < k.baseline for k in self.state.key_results.values()
        )
        if falling and found.aggregation in ("sum", "count"):
            found = replace(found, aggregation=self.chance.choice(AGGREGATIONS[2:]))
        return Put((found,))

    def result(self) -> Act | None:
        """A key result comes, changes, moves or goes."""
        if not self.state.objectives or not self.state.metrics:
            return None
        if self.state.key_results and self.chance.random() < 0.3:
            return Archive("key_result", self.chance.choice(sorted(self.state.key_results)))
        aims, books = list(self.state.objectives.values()), list(self.state.playbooks.values())
        number = self.chance.randint(0, 4)
        return Put(
            (key_result(self.chance, number, list(self.state.metrics.values()), aims, books),)
        )

    def objective(self) -> Act | None:
        """An objective is paused or taken up, weighs more or less, goes, or comes back."""
        if self.chance.random() < 0.2 and self.state.objectives:
            return Archive("objective", self.chance.choice(sorted(self.state.objectives)))
        if self.chance.random() < 0.5 and self.state.objectives:
            was = self.state.objectives[self.chance.choice(sorted(self.state.objectives))]
            return Put((replace(was, state="paused" if was.state == "active" else "active"),))
        key, book = (
            f"objective-{self.chance.randint(0, 3)}",
            self.chance.choice(sorted(self.state.playbooks)),
        )
        if key in self.state.objectives:
            book = self.state.objectives[key].playbook
        return Put((w.Objective(key, book, self.chance.choice(POSITIVE)),))

    def responsibility(self) -> Act | None:
        """A team is asked to bear an objective, or says what it thinks of that."""
        parts = sorted(self.state.responsibilities)
        if parts and self.chance.random() < 0.5:
            return Accept(*self.chance.choice(parts), accepted=self.chance.random() < 0.8)
        if not self.state.objectives or not self.state.teams:
            return None
        aim, team = (
            self.chance.choice(sorted(self.state.objectives)),
            self.chance.choice(sorted(self.state.teams)),
        )
        role, share = self.chance.choice(ROLES), self.chance.choice(POSITIVE)
        return Put(
            (w.Responsibility(aim, team, role, share, self.chance.choice(["proposed", *STATUSES])),)
        )

    def part(self) -> Act | None:
        """A team contributes, signs, or takes either back."""
        book = self.chance.choice(sorted(self.state.playbooks))
        kind = self.chance.choice(["contribution", "signoff", "signoff"])
        there = self.state.contributions if kind == "contribution" else self.state.signoffs.keys()
        mine = sorted(team for key, team in there if key == book)
        if mine and self.chance.random() < 0.3:
            return Part(kind, book, self.chance.choice(mine), withdrawn=True)
        if not self.state.teams or (kind == "signoff" and not self.state.playbooks[book].revision):
            return None
        return Part(kind, book, self.chance.choice(sorted(self.state.teams)))

    def publish(self) -> Act | None:
        """A playbook is published."""
        books = [key for key in sorted(self.state.playbooks) if self.state.states[key] != "closed"]
        return Publish(self.chance.choice(books)) if books else None

    def close(self) -> Act | None:
        """A playbook is closed, now and then."""
        books = [key for key, state in sorted(self.state.states.items()) if state == "published"]
        return Close(self.chance.choice(books)) if books and self.chance.random() < 0.3 else None

    def window(self) -> Act | None:
        """A playbook ends later, or sooner where no key result has days of its own."""
        was = self.state.playbooks[self.chance.choice(sorted(self.state.playbooks))]
        mine = {o.key for o in self.state.objectives.values() if o.playbook == was.key}
        tied = any(
            k.objective in mine and (k.starts_on or k.ends_on)
            for k in self.state.key_results.values()
        )
        last = was.ends_on + timedelta(days=self.chance.choice([1, 4] if tied else [1, 4, -1, -3]))
        return Put((replace(was, ends_on=max(last, was.starts_on)),))

    def team(self) -> Act | None:
        """A team grows, changes its function, comes back or goes."""
        free = [t for t in sorted(self.state.teams) if not any(
            r.team == t and bears(r) for r in self.state.responsibilities.values()
        )]  # fmt: skip
        if free and self.chance.random() < 0.4:
            return Archive("team", self.chance.choice(free))
        key = self.chance.choice(["alpha", "bravo", "charlie"])
        return Put(
            (w.Team(key, self.chance.choice(["sales", "marketing"]), self.chance.choice(POSITIVE)),)
        )

    def offering(self) -> Act | None:
        """The offerings come, change and go."""
        if self.state.offerings and self.chance.random() < 0.3:
            return Archive("offering", self.chance.choice(sorted(self.state.offerings)))
        found = offerings(self.chance)
        return Put(found) if found else None

    def unmeasure(self) -> Act | None:
        """A metric that no key result needs any more is archived."""
        used = {k.metric for k in self.state.key_results.values()}
        free = sorted(self.state.metrics.keys() - used)
        return Archive("metric", self.chance.choice(free)) if free else None

    def policy(self) -> Act | None:
        """The policy changes."""
        return Put((policy(self.chance),))


KINDS: tuple[tuple[Callable[[Writer], Act | None], int], ...] = (
    (Writer.record, 30),
    (Writer.retract, 7),
    (Writer.redefine, 4),
    (Writer.result, 4),
    (Writer.objective, 4),
    (Writer.responsibility, 4),
    (Writer.part, 5),
    (Writer.publish, 5),
    (Writer.close, 1),
    (Writer.window, 2),
    (Writer.team, 3),
    (Writer.offering, 2),
    (Writer.unmeasure, 2),
    (Writer.policy, 2),
)


@st.composite
def timelines(draw: st.DrawFn, most: int = 32) -> Timeline:
    """A whole history, with one or two playbooks, drafts at first or published at once."""
    dice = Dice(draw(SEEDS))
    chance = dice.of("start")
    zone = chance.choice(ZONES)
    start = FIRST + timedelta(days=chance.choice([-BEFORE, -2, 0, 3, 12]))
    writer = Writer(
        zone, datetime.combine(start, time(9), ZoneInfo(zone)).astimezone(UTC), chance=chance
    )
    writer.add(Put(furniture(dice, draw(st.integers(0, 4)))))
    if chance.random() < 0.6:
        writer.add(Publish("main"))
    for number, seed in enumerate(
        draw(st.lists(st.integers(0, 65535), min_size=most // 4, max_size=most))
    ):
        writer.chance = Random(f"{seed}/{number}")
        writer.wait()
        act = writer.chance.choices([kind for kind, _ in KINDS], [often for _, often in KINDS])[0]
        writer.add(act(writer))
    return Timeline(zone, tuple(writer.acts))


def furniture(dice: Dice, results: int) -> tuple[Thing, ...]:
    """What there is at first, in an order in which nothing names what is not there yet."""
    books = tuple(replace(p, revision=0) for p in playbooks(dice.of("playbooks")))
    members = teams(dice, 3)
    metrics = tuple(metric(dice.of("metric", n), n) for n in range(2))
    aims = objectives(dice, 3, books[1:])
    return (
        replace(policy(dice.of("policy")), minimum_events=dice.of("least").choice([1, 1, 2, 3])),
        *members,
        *metrics,
        *offerings(dice.of("offerings")),
        *books,
        *aims,
        *(key_result(dice.of("kr", n), n, metrics, aims, books) for n in range(results)),
        *responsibilities(dice, aims, members),
    )


def last_redefinition(found: Timeline) -> datetime | None:
    """When a metric last began to match otherwise than before. None: never."""
    known: dict[str, tuple[object, ...]] = {}
    last = None
    for at, act in found.acts:
        for thing in act.things if isinstance(act, Put) else ():
            if isinstance(thing, w.Metric):
                now = tuple(matching(thing))
                if known.get(thing.key, now) != now:
                    last = at
                known[thing.key] = now
    return last
