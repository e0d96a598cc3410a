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
from app.domain.playbook.configuration import Configuration, Resource
from app.domain.playbook.organization import Organization
from app.domain.primitives.errors import NoCurrentPlaybookError, NotFoundError
from app.domain.sources import sources
from app.scoring.ledger import Loss
from app.security import identifiers as ids
from app.security.vault import Vault
from app.services.access import organizations
from app.services.alignment import alignment
from app.services.alignment.alignment import AlignmentResult
from app.services.alignment.evidence_urls import to_url
from app.services.events import ingestion as events
from app.services.playbook import configuration
from app.services.playbook import playbooks as acts
from app.services.runtime.context import ServiceContext
from app.store.sql.database import connect
from tests.reference_model import ledger as judge
from tests.reference_model import world as w
from tests.reference_model import world_replay as replay
from tests.reference_model.alignment import compute_alignment
from tests.reference_model.timeline import (
    Action,
    AnswerResponsibility,
    ArchiveNoun,
    ChangeParticipation,
    ClosePlaybook,
    ExpectedAnswer,
    NoAnswerError,
    PublishPlaybook,
    PutNouns,
    RecordEvent,
    RetractEvent,
    Timeline,
    TimelineNoun,
)

TOLERANCE = Fraction(1, 10**12)
AnswerFields = tuple[object, ...]


@dataclass
class TimelineRunner:
    """An organization that lives through a timeline."""

    url: str
    runner: asyncio.Runner
    now: datetime = datetime(2025, 1, 1, tzinfo=UTC)
    service: ServiceContext = field(init=False)
    actor: Actor = field(init=False)
    uids: dict[tuple[str, str], UUID] = field(default_factory=dict)

    def __post_init__(self) -> None:
        vault = Vault({"k": bytes(32)}, {"k": bytes(32)})
        self.service = ServiceContext(connect(self.url), lambda: self.now, vault)

    async def create_organization(self, timeline: Timeline) -> None:
        """A new organization, with its sources; the ones of other timelines stay beside it."""
        self.now, self.uids = timeline.actions[0][0] - timedelta(minutes=1), {}
        organization_key = f"o-{ids.new_uuid7(self.now).hex}"
        await organizations.create_organization(
            self.service, Organization(organization_key, "Life", timeline.zone)
        )
        self.actor = Actor(
            await organizations.find_organization(self.service, organization_key),
            "player",
            frozenset({"admin"}),
        )
        await self.put_nouns([sources.Source(name, name) for name in ("crm", "billing")])

    async def put_nouns(self, nouns: Iterable[Resource]) -> None:
        """The things are as given, in one write; a responsibility that is not just proposed is answered at once."""

        def apply_nouns(current: Configuration) -> Configuration:
            for noun in nouns:
                merged = configuration._with_stored_state(current, noun)
                if isinstance(merged, objectives.Responsibility):
                    current = rules.put_responsibility(current, merged)
                    if merged.status != "proposed":
                        answer_fields = {
                            "accepted": merged.status == "accepted",
                            "by": "",
                            "note": "",
                        }
                        current = publishing.set_acceptance(
                            current,
                            merged.objective,
                            merged.team,
                            **answer_fields,  # type: ignore[arg-type]  # as named
                        )
                else:
                    current = rules.put_resource(current, merged)
            return current

        await configuration.write_configuration(self.service, self.actor, apply_nouns)

    async def perform_action(self, action: Action) -> None:
        """The act has happened."""
        service, actor = self.service, self.actor
        match action:
            case PutNouns(nouns):
                await self.put_nouns([to_noun(noun) for noun in nouns])
            case ArchiveNoun(kind, key):
                await configuration.archive_resource(service, actor, kind, key)
            case PublishPlaybook(key):
                await acts.publish_playbook(service, actor, key)
            case ClosePlaybook(key):
                await acts.close_playbook(service, actor, key)
            case AnswerResponsibility(objective, team, accepted):
                await acts.record_acceptance(
                    service, actor, objective, team, accepted=accepted, accepted_by="", note=""
                )
            case ChangeParticipation():
                await self.change_participation(action)
            case RecordEvent(event):
                (submission,) = await events.ingest_events(service, actor, [replay.to_event(event)])
                assert submission.status == "recorded", submission
                assert submission.uid is not None
                self.uids[event.source, event.id] = submission.uid
            case RetractEvent(source, event_id):
                _, was_recorded = await events.retract_event(
                    service, actor, self.uids[source, event_id], "a mistake"
                )
                assert was_recorded

    async def change_participation(self, action: ChangeParticipation) -> None:
        """A contribution or sign-off, or its end."""
        service, actor = self.service, self.actor
        if action.withdrawn:
            await acts.withdraw_participation(
                service, actor, action.kind, action.playbook, action.team
            )
        elif action.kind == "contribution":
            await acts.record_contribution(
                service, actor, playbooks.Contribution(action.playbook, action.team, "x")
            )
        else:
            revision = (
                await acts.export_document(service, actor, action.playbook)
            ).playbook.revision
            await acts.record_signoff(
                service, actor, playbooks.Signoff(action.playbook, action.team, revision, "x")
            )

    async def get_answer(
        self, playbook: str | None = None, as_of: date | None = None, known_at: date | None = None
    ) -> AlignmentResult | str:
        """The answer; or why there is none, in the words of the model."""
        try:
            return await alignment.get_alignment(
                self.service, self.actor, playbook, as_of, known_at
            )
        except NoCurrentPlaybookError:
            return "none"
        except NotFoundError:
            return "unknown"

    async def run_timeline(
        self, timeline: Timeline, playbook_keys: tuple[str | None, ...] = ()
    ) -> dict[tuple[date, str | None], AlignmentResult | str]:
        """The whole timeline has happened; what was answered for these playbooks at every day's end."""
        await self.create_organization(timeline)
        answers: dict[tuple[date, str | None], AlignmentResult | str] = {}
        remaining = list(timeline.actions)
        day = timeline.to_day(remaining[0][0])
        while remaining:
            while remaining and timeline.to_day(remaining[0][0]) == day:
                self.now, action = remaining[0][0], remaining.pop(0)[1]
                await self.perform_action(action)
            self.now = get_end_of_day(day, timeline.zone)
            for playbook_key in playbook_keys:
                answers[day, playbook_key] = await self.get_answer(playbook_key)
            day += timedelta(days=1)
        return answers


def get_end_of_day(day: date, zone: str) -> datetime:
    """The last moment of the day."""
    midnight = datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone))
    return midnight.astimezone(UTC) - timedelta(microseconds=1)


def to_noun(noun: TimelineNoun) -> Resource:  # one for each kind  # noqa: PLR0911  # one for each kind
    """The thing as the domain knows it."""
    to_fixed_point = replay.to_fixed_point
    match noun:
        case w.Policy():
            return replay.to_policy(noun)
        case w.Team():
            return teams.Team(noun.key, noun.key, noun.function, to_fixed_point(noun.size))
        case w.Metric():
            return replay.to_metric(noun)
        case w.Offering():
            return offerings.Offering(noun.key, noun.key, noun.available_from, noun.retired_on)
        case w.Playbook():
            return playbooks.Playbook(noun.key, noun.key, "", noun.starts_on, noun.ends_on)
        case w.Objective():
            return objectives.Objective(
                noun.key,
                noun.playbook,
                noun.key,
                "",
                to_fixed_point(noun.priority),
                None,
                noun.state,
            )
        case w.KeyResult():
            return replay.to_key_result(noun)
        case w.Responsibility():
            return objectives.Responsibility(
                noun.objective, noun.team, noun.role, to_fixed_point(noun.share), noun.status
            )


def to_answer_fields(answer: AlignmentResult | str) -> AnswerFields:
    """Everything that an answer says."""
    if isinstance(answer, str):
        return (answer,)
    scored = answer.alignment
    losses = tuple(
        (to_model_loss(loss), loss.points, loss.detail, to_url(loss.evidence))
        for loss in scored.losses
    )
    figures = (
        scored.score,
        scored.floor,
        scored.coverage,
        scored.weakest,
        scored.silent_teams,
        scored.components,
        losses,
        scored.version,
    )
    return (
        *figures,
        answer.playbook.key,
        answer.playbook.revision,
        answer.unpublished_changes,
        answer.other_playbooks,
    )


def to_model_loss(loss: Loss) -> judge.Loss:
    """The loss as the model knows it."""
    return judge.Loss(
        loss.component,
        loss.reason,
        loss.team,
        loss.objective,
        loss.key_result,
        loss.offering,
        loss.metric,
    )


def is_close(left: float | Fraction | None, right: float | Fraction | None) -> bool:
    """Whether both are the same number, but for rounding, or neither is one."""
    if left is None or right is None:
        return left is right
    return abs(Fraction(left) - Fraction(right)) <= TOLERANCE


def find_differences(
    answer: AlignmentResult | str,
    timeline: Timeline,
    as_of: date,
    known_at: date,
    playbook: str | None,
) -> list[str]:
    """What the model says otherwise; nothing where it has no opinion."""
    try:
        expected = timeline.compute_expected_answer(as_of, known_at, playbook)
    except NoAnswerError as error:
        return [] if str(error) in ("silent", answer) else [f"refused: {error} / {answer!r:.200}"]
    if isinstance(answer, str):
        return [f"answered {answer} instead of {expected.world.playbook}"]
    return [*compare_details(answer, expected), *compare_figures(answer, expected)]


def compare_details(answer: AlignmentResult, expected: ExpectedAnswer) -> Iterable[str]:
    """What stands beside the figures and differs."""
    expected_playbook = expected.world.playbook
    pairs = {
        "playbook": (answer.playbook.key, expected_playbook.key),
        "revision": (answer.playbook.revision, expected_playbook.revision),
        "window": (
            (answer.playbook.starts_on, answer.playbook.ends_on),
            (expected_playbook.starts_on, expected_playbook.ends_on),
        ),
        "unpublished": (answer.unpublished_changes, expected.unpublished_changes),
        "other_current": (answer.other_playbooks, expected.other_current),
        "configuration_from": (
            answer.snapshot.frame.configuration_from,
            expected.configuration_from,
        ),
    }
    return [
        f"{name}: {actual} / {reference}"
        for name, (actual, reference) in pairs.items()
        if actual != reference
    ]


def compare_figures(answer: AlignmentResult, expected: ExpectedAnswer) -> Iterable[str]:
    """The figures that differ by more than rounding."""
    actual, reference = answer.alignment, compute_alignment(expected.world)
    for name in ("floor", "coverage"):
        if not is_close(getattr(actual, name), getattr(reference, name)):
            yield f"{name}: {getattr(actual, name)} / {float(getattr(reference, name))}"
    # A double may sit on the other side of the least coverage.
    if not is_close(reference.coverage, expected.world.policy.minimum_coverage) and not is_close(
        actual.score, reference.score
    ):
        yield f"score: {actual.score} / {reference.score and float(reference.score)}"
    if actual.silent_teams != reference.silent_teams:
        yield f"silent: {actual.silent_teams} / {reference.silent_teams}"
    for component in actual.components:
        reference_component = reference.components[component.name]
        is_same = is_close(component.score, reference_component.score) and is_close(
            component.coverage, reference_component.coverage
        )
        if not is_same or component.applies != reference_component.applies:
            yield f"{component.name}: {component} / {reference_component}"
    ledger = {to_model_loss(loss): loss.points for loss in actual.losses}
    for loss in ledger.keys() | reference.ledger.keys():
        # What is as small as rounding may be a loss or none.
        if not is_close(ledger.get(loss, 0.0), reference.ledger.get(loss, Fraction(0))):
            yield f"{loss}: {ledger.get(loss)} / {float(reference.ledger.get(loss, Fraction(0)))}"
