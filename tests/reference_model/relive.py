"""Lives through a timeline by the real flows, with a clock that stands where the timeline is."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from uuid import UUID
from zoneinfo import ZoneInfo

from app.domain.access.actor import Actor
from app.domain.playbook import lifecycle as publishing
from app.domain.playbook import objectives, offerings, playbooks
from app.domain.playbook import organization as teams
from app.domain.playbook import validation as rules
from app.domain.playbook.configuration import Configuration, Noun
from app.domain.playbook.organization import Organization
from app.domain.primitives.errors import NoCurrentPlaybookError, NotFoundError
from app.domain.sources import sources
from app.scoring.evidence_links import address
from app.scoring.ledger import Loss
from app.security import identifiers as ids
from app.security.vault import Vault
from app.services.access import organizations
from app.services.alignment import alignment
from app.services.alignment.alignment import Answer
from app.services.events import ingestion as events
from app.services.playbook import configuration
from app.services.playbook import playbooks as acts
from app.services.runtime.context import Service
from app.store.sql.database import connect
from tests.reference_model import ledger as judge
from tests.reference_model import replay
from tests.reference_model import world as w
from tests.reference_model.model import align
from tests.reference_model.timeline import (
    Accept,
    Act,
    Archive,
    Close,
    Judged,
    Part,
    Publish,
    Put,
    Record,
    RefusedError,
    Retract,
    Thing,
    Timeline,
)

TINY = Fraction(1, 10**12)
Kept = tuple[object, ...]


@dataclass
class Life:
    """An organization that lives through a timeline."""

    url: str
    runner: asyncio.Runner
    at: datetime = datetime(2025, 1, 1, tzinfo=UTC)
    service: Service = field(init=False)
    actor: Actor = field(init=False)
    uids: dict[tuple[str, str], UUID] = field(default_factory=dict)

    def __post_init__(self) -> None:
        vault = Vault({"k": bytes(32)}, {"k": bytes(32)})
        self.service = Service(connect(self.url), lambda: self.at, vault)

    async def begin(self, found: Timeline) -> None:
        """A new organization, with its sources; the ones of other timelines stay beside it."""
        self.at, self.uids = found.acts[0][0] - timedelta(minutes=1), {}
        key = f"o-{ids.uuid7(self.at).hex}"
        await organizations.create(self.service, Organization(key, "Life", found.zone))
        self.actor = Actor(
            await organizations.find(self.service, key), "player", frozenset({"admin"})
        )
        await self.change([sources.Source(name, name) for name in ("crm", "billing")])

    async def change(self, nouns: Iterable[Noun]) -> None:
        """The things are as given, in one write; a responsibility that is not just proposed is answered at once."""

        def step(known: Configuration) -> Configuration:
            for noun in nouns:
                kept = configuration._kept(known, noun)
                if isinstance(kept, objectives.Responsibility):
                    known = rules.put_responsibility(known, kept)
                    if kept.status != "proposed":
                        how = {"accepted": kept.status == "accepted", "by": "", "note": ""}
                        known = publishing.accept(known, kept.objective, kept.team, **how)  # type: ignore[arg-type]  # as named
                else:
                    known = rules.put(known, kept)
            return known

        await configuration.write(self.service, self.actor, step)

    async def live(self, act: Act) -> None:
        """The act has happened."""
        service, actor = self.service, self.actor
        match act:
            case Put(things):
                await self.change([noun(thing) for thing in things])
            case Archive(kind, key):
                await configuration.archive(service, actor, kind, key)
            case Publish(key):
                await acts.publish(service, actor, key)
            case Close(key):
                await acts.close(service, actor, key)
            case Accept(objective, team, accepted):
                await acts.accept(
                    service, actor, objective, team, accepted=accepted, by="", note=""
                )
            case Part():
                await self.take_part(act)
            case Record(event):
                (item,) = await events.record(service, actor, [replay.event(event)])
                assert item.status == "recorded", item
                assert item.uid is not None
                self.uids[event.source, event.id] = item.uid
            case Retract(source, name):
                _, stood = await events.retract_event(
                    service, actor, self.uids[source, name], "a mistake"
                )
                assert stood

    async def take_part(self, act: Part) -> None:
        """A contribution or sign-off, or its end."""
        service, actor = self.service, self.actor
        if act.withdrawn:
            await acts.withdraw(service, actor, act.kind, act.playbook, act.team)
        elif act.kind == "contribution":
            await acts.contribute(
                service, actor, playbooks.Contribution(act.playbook, act.team, "x")
            )
        else:
            revision = (await acts.document(service, actor, act.playbook)).playbook.revision
            await acts.sign(
                service, actor, playbooks.Signoff(act.playbook, act.team, revision, "x")
            )

    async def ask(
        self, playbook: str | None = None, as_of: date | None = None, known_at: date | None = None
    ) -> Answer | str:
        """The answer; or why there is none, in the words of the model."""
        try:
            return await alignment.read(self.service, self.actor, playbook, as_of, known_at)
        except NoCurrentPlaybookError:
            return "none"
        except NotFoundError:
            return "unknown"

    async def relive(
        self, found: Timeline, playbooks: tuple[str | None, ...] = ()
    ) -> dict[tuple[date, str | None], Answer | str]:
        """The whole timeline has happened; what was answered for these playbooks at every day's end."""
        await self.begin(found)
        kept: dict[tuple[date, str | None], Answer | str] = {}
        left = list(found.acts)
        day = found.day(left[0][0])
        while left:
            while left and found.day(left[0][0]) == day:
                self.at, act = left[0][0], left.pop(0)[1]
                await self.live(act)
            self.at = evening(day, found.zone)
            for playbook in playbooks:
                kept[day, playbook] = await self.ask(playbook)
            day += timedelta(days=1)
        return kept


def evening(day: date, zone: str) -> datetime:
    """The last moment of the day."""
    midnight = datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone))
    return midnight.astimezone(UTC) - timedelta(microseconds=1)


def noun(thing: Thing) -> Noun:  # noqa: PLR0911  # one for each kind
    """The thing as the domain knows it."""
    fixed = replay.fixed
    match thing:
        case w.Policy():
            return replay.policy(thing)
        case w.Team():
            return teams.Team(thing.key, thing.key, thing.function, fixed(thing.size))
        case w.Metric():
            return replay.metric(thing)
        case w.Offering():
            return offerings.Offering(thing.key, thing.key, thing.available_from, thing.retired_on)
        case w.Playbook():
            return playbooks.Playbook(thing.key, thing.key, "", thing.starts_on, thing.ends_on)
        case w.Objective():
            return objectives.Objective(
                thing.key, thing.playbook, thing.key, "", fixed(thing.priority), None, thing.state
            )
        case w.KeyResult():
            return replay.key_result(thing)
        case w.Responsibility():
            return objectives.Responsibility(
                thing.objective, thing.team, thing.role, fixed(thing.share), thing.status
            )


def said(answer: Answer | str) -> Kept:
    """Everything that an answer says."""
    if isinstance(answer, str):
        return (answer,)
    a = answer.alignment
    losses = tuple((judged(x), x.points, x.detail, address(x.evidence)) for x in a.losses)
    figures = (
        a.score,
        a.floor,
        a.coverage,
        a.weakest,
        a.silent_teams,
        a.components,
        losses,
        a.version,
    )
    return (
        *figures,
        answer.playbook.key,
        answer.playbook.revision,
        answer.unpublished_changes,
        answer.other_current,
    )


def judged(x: Loss) -> judge.Loss:
    """The loss as the model knows it."""
    return judge.Loss(
        x.component, x.reason, x.team, x.objective, x.key_result, x.offering, x.metric
    )


def near(left: float | Fraction | None, right: float | Fraction | None) -> bool:
    """Whether both are the same number, but for rounding, or neither is one."""
    if left is None or right is None:
        return left is right
    return abs(Fraction(left) - Fraction(right)) <= TINY


def differences(
    answer: Answer | str, found: Timeline, as_of: date, known_at: date, playbook: str | None
) -> list[str]:
    """What the model says otherwise; nothing where it has no opinion."""
    try:
        wanted = found.judge(as_of, known_at, playbook)
    except RefusedError as refused:
        return (
            [] if str(refused) in ("silent", answer) else [f"refused: {refused} / {answer!r:.200}"]
        )
    if isinstance(answer, str):
        return [f"answered {answer} instead of {wanted.world.playbook}"]
    return [*beside(answer, wanted), *figures(answer, wanted)]


def beside(answer: Answer, wanted: Judged) -> Iterable[str]:
    """What stands beside the figures and differs."""
    book = wanted.world.playbook
    pairs = {
        "playbook": (answer.playbook.key, book.key),
        "revision": (answer.playbook.revision, book.revision),
        "window": (
            (answer.playbook.starts_on, answer.playbook.ends_on),
            (book.starts_on, book.ends_on),
        ),
        "unpublished": (answer.unpublished_changes, wanted.unpublished),
        "other_current": (answer.other_current, wanted.other_current),
        "configuration_from": (answer.snapshot.frame.configuration_from, wanted.configuration_from),
    }
    return [f"{name}: {got} / {want}" for name, (got, want) in pairs.items() if got != want]


def figures(answer: Answer, wanted: Judged) -> Iterable[str]:
    """The figures that differ by more than rounding."""
    got, want = answer.alignment, align(wanted.world)
    for name in ("floor", "coverage"):
        if not near(getattr(got, name), getattr(want, name)):
            yield f"{name}: {getattr(got, name)} / {float(getattr(want, name))}"
    # A double may sit on the other side of the least coverage.
    if not near(want.coverage, wanted.world.policy.minimum_coverage) and not near(
        got.score, want.score
    ):
        yield f"score: {got.score} / {want.score and float(want.score)}"
    if got.silent_teams != want.silent_teams:
        yield f"silent: {got.silent_teams} / {want.silent_teams}"
    for component in got.components:
        part = want.components[component.name]
        same = near(component.score, part.score) and near(component.coverage, part.cov)
        if not same or component.applies != part.applies:
            yield f"{component.name}: {component} / {part}"
    ledger = {judged(x): x.points for x in got.losses}
    for loss in ledger.keys() | want.ledger.keys():
        # What is as small as rounding may be a loss or none.
        if not near(ledger.get(loss, 0.0), want.ledger.get(loss, Fraction(0))):
            yield f"{loss}: {ledger.get(loss)} / {float(want.ledger.get(loss, Fraction(0)))}"
