"""Runs a timeline through the real services, with a clock that follows the timeline."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from uuid import UUID
from zoneinfo import ZoneInfo

from app.domain.access.actor import Actor
from app.domain.playbook import lifecycle, objectives, offerings, organization, playbooks
from app.domain.playbook import validation as validation_domain
from app.domain.playbook.configuration import Configuration, Resource
from app.domain.playbook.organization import Organization
from app.domain.primitives.errors import NoCurrentPlaybookError, NotFoundError
from app.domain.sources import sources
from app.scoring.ledger import Loss
from app.security import identifiers
from app.security.vault import Vault
from app.services.access import organizations
from app.services.alignment import alignment
from app.services.alignment.alignment import AlignmentResult
from app.services.alignment.evidence_urls import to_url
from app.services.events import ingestion
from app.services.playbook import configuration as configuration_service
from app.services.playbook.playbooks import (
    ResponsibilityAnswer,
    close_playbook,
    export_document,
    publish_playbook,
    record_answer,
    record_contribution,
    record_signoff,
    withdraw_participation,
)
from app.services.runtime.context import ServiceContext
from app.store.sql.database import connect
from tests.reference_model import ledger, world_replay
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
from tests.reference_model.world import (
    KeyResult,
    Metric,
    Objective,
    Offering,
    Playbook,
    Policy,
    Responsibility,
    Team,
)

TOLERANCE = Fraction(1, 10**12)
AnswerFields = tuple[object, ...]


@dataclass
class TimelineRunner:
    """An organization that a timeline is applied to."""

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
        """Create an organization with its sources. Organizations of other timelines remain."""
        self.now = timeline.actions[0][0] - timedelta(minutes=1)
        self.uids = {}
        organization_key = f"o-{identifiers.new_uuid7(self.now).hex}"
        await organizations.create_organization(
            self.service, Organization(organization_key, "Life", timeline.zone)
        )
        self.actor = Actor(
            await organizations.find_organization(self.service, organization_key),
            "player",
            frozenset({"admin"}),
        )
        await self.put_nouns(
            [sources.Source(source_key, source_key) for source_key in ("crm", "billing")]
        )

    async def put_nouns(self, nouns: Iterable[Resource]) -> None:
        """Write the resources in one transaction.

        Answer a responsibility if it is not only proposed.
        """

        def apply_nouns(current: Configuration) -> Configuration:
            for noun in nouns:
                merged = configuration_service._with_stored_state(current, noun)
                if isinstance(merged, objectives.Responsibility):
                    current = validation_domain.put_responsibility(current, merged)
                    if merged.status != "proposed":
                        answer_fields = {
                            "is_accepted": merged.status == "accepted",
                            "by": "",
                            "note": "",
                        }
                        current = lifecycle.set_acceptance(
                            current,
                            merged.objective,
                            merged.team,
                            **answer_fields,  # type: ignore[arg-type]  # as named
                        )
                else:
                    current = validation_domain.put_resource(current, merged)
            return current

        await configuration_service.write_configuration(self.service, self.actor, apply_nouns)

    async def perform_action(self, action: Action) -> None:
        service = self.service
        actor = self.actor
        match action:
            case PutNouns(nouns):
                await self.put_nouns([to_noun(noun) for noun in nouns])
            case ArchiveNoun(kind, key):
                await configuration_service.archive_resource(service, actor, kind, key)
            case PublishPlaybook(key):
                await publish_playbook(service, actor, key)
            case ClosePlaybook(key):
                await close_playbook(service, actor, key)
            case AnswerResponsibility(objective, team, accepted):
                await record_answer(
                    service, actor, ResponsibilityAnswer(objective, team, accepted, "", "")
                )
            case ChangeParticipation():
                await self.change_participation(action)
            case RecordEvent(event):
                (submission,) = await ingestion.ingest_events(
                    service, actor, [world_replay.to_event(event)]
                )
                assert submission.status == "recorded", submission
                assert submission.uid is not None
                self.uids[event.source, event.id] = submission.uid
            case RetractEvent(source, event_id):
                _, was_recorded = await ingestion.retract_event(
                    service, actor, self.uids[source, event_id], "a mistake"
                )
                assert was_recorded

    async def change_participation(self, action: ChangeParticipation) -> None:
        """Record or withdraw a contribution or a sign-off."""
        service = self.service
        actor = self.actor
        if action.withdrawn:
            await withdraw_participation(service, actor, action.kind, action.playbook, action.team)
        elif action.kind == "contribution":
            await record_contribution(
                service, actor, playbooks.Contribution(action.playbook, action.team, "x")
            )
        else:
            revision = (await export_document(service, actor, action.playbook)).playbook.revision
            await record_signoff(
                service, actor, playbooks.Signoff(action.playbook, action.team, revision, "x")
            )

    async def get_answer(
        self, playbook: str | None = None, as_of: date | None = None, known_at: date | None = None
    ) -> AlignmentResult | str:
        """Return the alignment, or the model's word for why there is none."""
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
        """Apply the timeline. Return the alignment of these playbooks at the end of every day."""
        await self.create_organization(timeline)
        answers: dict[tuple[date, str | None], AlignmentResult | str] = {}
        remaining = list(timeline.actions)
        day = timeline.to_day(remaining[0][0])
        while remaining:
            while remaining and timeline.to_day(remaining[0][0]) == day:
                self.now, action = remaining.pop(0)
                await self.perform_action(action)
            self.now = get_end_of_day(day, timeline.zone)
            for playbook_key in playbook_keys:
                answers[day, playbook_key] = await self.get_answer(playbook_key)
            day += timedelta(days=1)
        return answers


def get_end_of_day(day: date, zone: str) -> datetime:
    """Return the last microsecond of the day."""
    midnight = datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone))
    return midnight.astimezone(UTC) - timedelta(microseconds=1)


def to_noun(noun: TimelineNoun) -> Resource:  # noqa: PLR0911  # one return for each kind
    """Convert a resource of the model to one of the domain."""
    to_fixed_point = world_replay.to_fixed_point
    match noun:
        case Policy():
            return world_replay.to_policy(noun)
        case Team():
            return organization.Team(noun.key, noun.key, noun.function, to_fixed_point(noun.size))
        case Metric():
            return world_replay.to_metric(noun)
        case Offering():
            return offerings.Offering(noun.key, noun.key, noun.available_from, noun.retired_on)
        case Playbook():
            return playbooks.Playbook(noun.key, noun.key, "", noun.starts_on, noun.ends_on)
        case Objective():
            return objectives.Objective(
                noun.key,
                noun.playbook,
                noun.key,
                "",
                to_fixed_point(noun.priority),
                None,
                noun.state,
            )
        case KeyResult():
            return world_replay.to_key_result(noun)
        case Responsibility():
            return objectives.Responsibility(
                noun.objective, noun.team, noun.role, to_fixed_point(noun.share), noun.status
            )


def to_answer_fields(answer: AlignmentResult | str) -> AnswerFields:
    """Return all fields of an answer."""
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


def to_model_loss(loss: Loss) -> ledger.Loss:
    """Convert a loss of the program to one of the model."""
    return ledger.Loss(
        loss.component,
        loss.reason,
        loss.team,
        loss.objective,
        loss.key_result,
        loss.offering,
        loss.metric,
    )


def is_close(left: float | Fraction | None, right: float | Fraction | None) -> bool:
    """Return True if both numbers are equal except for rounding, or if both are None."""
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
    """Return the differences from the model.

    Return none where the model does not define the answer.
    """
    try:
        expected = timeline.compute_expected_answer(as_of, known_at, playbook)
    except NoAnswerError as error:
        return [] if str(error) in ("silent", answer) else [f"refused: {error} / {answer!r:.200}"]
    if isinstance(answer, str):
        return [f"answered {answer} instead of {expected.world.playbook}"]
    return [*compare_details(answer, expected), *compare_figures(answer, expected)]


def compare_details(answer: AlignmentResult, expected: ExpectedAnswer) -> Iterable[str]:
    """Return the differences outside the score."""
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
        f"{detail_name}: {actual} / {reference}"
        for detail_name, (actual, reference) in pairs.items()
        if actual != reference
    ]


def compare_figures(answer: AlignmentResult, expected: ExpectedAnswer) -> Iterable[str]:
    """Yield the figures that differ by more than rounding."""
    actual = answer.alignment
    reference = compute_alignment(expected.world)
    for name in ("floor", "coverage"):
        if not is_close(getattr(actual, name), getattr(reference, name)):
            yield f"{name}: {getattr(actual, name)} / {float(getattr(reference, name))}"
    # A double may be on the other side of the minimum coverage.
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
    points_by_loss = {to_model_loss(loss): loss.points for loss in actual.losses}
    for loss in points_by_loss.keys() | reference.ledger.keys():
        # A loss of the size of rounding may be missing.
        points = points_by_loss.get(loss, 0.0)
        reference_points = reference.ledger.get(loss, Fraction(0))
        if not is_close(points, reference_points):
            yield f"{loss}: {points} / {float(reference_points)}"
