"""A history of an organization, and any past score recomputed from its actions.

Shares nothing with the program. The list numbers the points where the design can be read in two
ways.

1. P is the day on which a playbook was first published. Before P, with P <= known_at, the
    configuration is that of the end of P. With known_at < P it is the draft as it was, or none.
2. E is the playbook's last day. As of a day after E, the score is that of E, by the configuration
    of E. The rule is applied again, because the playbook's window may have been different on E.
3. Without a key, the current playbook is one that is published by as_of, not closed, and has the
    day in its window. If there is none, it is one that is first published later, by known_at, and
    has the day in its window at the end of P.
4. A metric matches as it does today, archived or not, and is a count if it is one today. Its other
    fields are as they were.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TypeAlias

from tests.reference_model.component_inputs import LOAD_BEARING
from tests.reference_model.evidence import get_local_day
from tests.reference_model.world import (
    Event,
    KeyResult,
    Metric,
    Objective,
    Offering,
    Playbook,
    Policy,
    Responsibility,
    Retraction,
    Team,
    World,
)

TimelineNoun: TypeAlias = (
    Policy | Team | Metric | Offering | Playbook | Objective | KeyResult | Responsibility
)


@dataclass(frozen=True, slots=True)
class PutNouns:
    """Creates or replaces resources in one write.

    Keeps the status of a responsibility that it proposes.
    """

    nouns: tuple[TimelineNoun, ...]


@dataclass(frozen=True, slots=True)
class ArchiveNoun:
    """Archives a team, metric, offering, objective or key result."""

    kind: str
    key: str


@dataclass(frozen=True, slots=True)
class PublishPlaybook:
    """Publishes the playbook."""

    playbook: str


@dataclass(frozen=True, slots=True)
class ClosePlaybook:
    """Closes the playbook."""

    playbook: str


@dataclass(frozen=True, slots=True)
class AnswerResponsibility:
    """Accepts or declines the team's responsibility."""

    objective: str
    team: str
    accepted: bool


@dataclass(frozen=True, slots=True)
class ChangeParticipation:
    """Records or withdraws a contribution of the team, or its sign-off of the current revision."""

    kind: str
    playbook: str
    team: str
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class RecordEvent:
    """Records an event."""

    event: Event


@dataclass(frozen=True, slots=True)
class RetractEvent:
    """Retracts an event."""

    source: str
    id: str


Action: TypeAlias = (
    PutNouns
    | ArchiveNoun
    | PublishPlaybook
    | ClosePlaybook
    | AnswerResponsibility
    | ChangeParticipation
    | RecordEvent
    | RetractEvent
)


@dataclass
class ConfigurationState:
    """The configuration at one instant."""

    policy: Policy = field(default_factory=Policy)
    teams: dict[str, Team] = field(default_factory=dict)
    metrics: dict[str, Metric] = field(default_factory=dict)
    offerings: dict[str, Offering] = field(default_factory=dict)
    playbooks: dict[str, Playbook] = field(default_factory=dict)
    objectives: dict[str, Objective] = field(default_factory=dict)
    key_results: dict[str, KeyResult] = field(default_factory=dict)
    responsibilities: dict[tuple[str, str], Responsibility] = field(default_factory=dict)
    contributions: set[tuple[str, str]] = field(default_factory=set)
    signoffs: dict[tuple[str, str], int] = field(default_factory=dict)
    # By playbook: a playbook's resource has neither its state nor its published content.
    states: dict[str, str] = field(default_factory=dict)
    published_contents: dict[str, Mapping[object, object]] = field(default_factory=dict)
    archived_metrics: dict[str, Metric] = field(default_factory=dict)

    def get_content(self, playbook: str) -> dict[object, object]:
        """Return the content that a revision covers."""
        objectives = {
            content_key: o for content_key, o in self.objectives.items() if o.playbook == playbook
        }
        playbook_noun = self.playbooks[playbook]
        key_results = {k.key: k for k in self.key_results.values() if k.objective in objectives}
        responsibilities = {
            n: (r.role, r.share) for n, r in self.responsibilities.items() if n[0] in objectives
        }
        return {
            "window": (playbook_noun.starts_on, playbook_noun.ends_on),
            **{("objective", content_key): content for content_key, content in objectives.items()},
            **{("result", content_key): content for content_key, content in key_results.items()},
            **{
                ("part", responsibility_key): content
                for responsibility_key, content in responsibilities.items()
            },
        }

    def count_unpublished_changes(self, playbook: str) -> int:
        """Count the parts that differ from the current revision."""
        current = self.get_content(playbook)
        previous = self.published_contents.get(playbook, {})
        return sum(
            current.get(content_key) != previous.get(content_key)
            for content_key in current.keys() | previous.keys()
        )

    def find_current_playbooks(self, day: date) -> set[str]:
        """Return the published playbooks with the day in their window."""
        return {
            k
            for k, p in self.playbooks.items()
            if self.states[k] == "published" and is_within_window(p, day)
        }


def is_within_window(playbook: Playbook, day: date) -> bool:
    return playbook.starts_on <= day <= playbook.ends_on


def apply_action(state: ConfigurationState, action: Action) -> None:
    """Apply an action to the configuration. Events do not change it."""
    match action:
        case PutNouns(nouns):
            for noun in nouns:
                put_noun(state, noun)
        case ArchiveNoun(kind, key):
            archive_noun(state, kind, key)
        case PublishPlaybook(key):
            if state.states[key] == "draft" or state.count_unpublished_changes(key):
                state.states[key] = "published"
                state.playbooks[key] = replace(
                    state.playbooks[key], revision=state.playbooks[key].revision + 1
                )
                state.published_contents[key] = state.get_content(key)
        case ClosePlaybook(key):
            state.states[key] = "closed"
        case AnswerResponsibility(objective, team, accepted):
            responsibility_key = objective, team
            status = "accepted" if accepted else "declined"
            state.responsibilities[responsibility_key] = replace(
                state.responsibilities[responsibility_key], status=status
            )
        case ChangeParticipation():
            apply_participation(state, action)
        case _:
            pass


def apply_participation(state: ConfigurationState, action: ChangeParticipation) -> None:
    participation_key = action.playbook, action.team
    if action.kind == "contribution":
        (state.contributions.discard if action.withdrawn else state.contributions.add)(
            participation_key
        )
    elif action.withdrawn:
        del state.signoffs[participation_key]
    else:
        state.signoffs[participation_key] = state.playbooks[action.playbook].revision


def put_noun(state: ConfigurationState, noun: TimelineNoun) -> None:
    """Create or replace a resource. Propose a responsibility again if its role or share changed."""
    match noun:
        case Policy():
            state.policy = noun
        case Responsibility():
            responsibility_key = noun.objective, noun.team
            previous = state.responsibilities.get(responsibility_key)
            is_same = previous is not None and (previous.role, previous.share) == (
                noun.role,
                noun.share,
            )
            status = previous.status if is_same and previous is not None else "proposed"
            # A document may state that a responsibility is accepted or declined.
            state.responsibilities[responsibility_key] = (
                replace(noun, status=status) if noun.status == "proposed" else noun
            )
        case Playbook():
            previous_playbook = state.playbooks.get(noun.key)
            state.playbooks[noun.key] = replace(
                noun, revision=previous_playbook.revision if previous_playbook else 0
            )
            state.states.setdefault(noun.key, "draft")
        case Metric():
            state.metrics[noun.key] = noun
            state.archived_metrics.pop(noun.key, None)
        case Team():
            state.teams[noun.key] = noun
        case Offering():
            state.offerings[noun.key] = noun
        case Objective():
            state.objectives[noun.key] = noun
        case KeyResult():
            state.key_results[noun.key] = noun


def archive_noun(state: ConfigurationState, kind: str, key: str) -> None:
    """Remove a resource and its dependents."""
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


def is_load_bearing(responsibility: Responsibility) -> bool:
    return responsibility.status == "accepted" and responsibility.role in LOAD_BEARING


@dataclass(frozen=True, slots=True)
class ExpectedAnswer:
    """The expected answer: a world to score, and the fields next to the score."""

    world: World
    unpublished_changes: int
    other_current: tuple[str, ...]
    configuration_from: date | None


class NoAnswerError(Exception):
    """There is no answer.

    The message is unknown (no such playbook), none (no current one) or silent (the model does not
    define it).
    """


@dataclass(frozen=True)
class Timeline:
    """Actions in order, each with its instant."""

    zone: str
    actions: tuple[tuple[datetime, Action], ...]

    def to_day(self, instant: datetime) -> date:
        """Return the day in the organization's time zone."""
        empty_world = World(Playbook("", date.min, date.min), date.min, date.min, self.zone)
        return get_local_day(empty_world, instant)

    def list_days(self) -> list[date]:
        """Return the days with at least one action."""
        return sorted({self.to_day(instant) for instant, _ in self.actions})

    def build_state(self, day: date) -> ConfigurationState:
        """Return the configuration at the end of a day."""
        state = ConfigurationState()
        for instant, action in self.actions:
            if self.to_day(instant) <= day:
                apply_action(state, action)
        return state

    def find_first_publication(self, playbook: str) -> date | None:
        """Return the day P, or None if the playbook was never published."""
        days = (
            self.to_day(instant)
            for instant, action in self.actions
            if action == PublishPlaybook(playbook)
        )
        return min(days, default=None)

    def find_current_playbooks(self, as_of: date, known_at: date) -> list[str]:
        """Return the current playbooks, best first."""
        state = self.build_state(as_of)
        playbooks = {
            playbook_key: state.playbooks[playbook_key]
            for playbook_key in state.find_current_playbooks(as_of)
        }
        if not playbooks:
            for playbook_key in self.build_state(known_at).playbooks:
                first_published = self.find_first_publication(playbook_key)
                if first_published is not None and as_of < first_published <= known_at:
                    published_state = self.build_state(first_published)
                    if playbook_key in published_state.find_current_playbooks(as_of):
                        playbooks[playbook_key] = published_state.playbooks[playbook_key]
        return sorted(
            playbooks,
            key=lambda playbook_key: (playbooks[playbook_key].starts_on, playbook_key),
            reverse=True,
        )

    def compute_expected_answer(
        self, as_of: date, known_at: date, playbook: str | None = None
    ) -> ExpectedAnswer:
        """Return the expected answer. Raises: NoAnswerError."""
        current_playbooks = self.find_current_playbooks(as_of, known_at)
        if playbook is None and not current_playbooks:
            raise NoAnswerError("none")
        playbook_key = current_playbooks[0] if playbook is None else playbook
        state, day, configuration_from = self.resolve_configuration(playbook_key, as_of, known_at)
        world = self.build_world(state, playbook_key, day, known_at)
        other_current = tuple(
            current_key for current_key in current_playbooks if current_key != playbook_key
        )
        return ExpectedAnswer(
            world, state.count_unpublished_changes(playbook_key), other_current, configuration_from
        )

    def resolve_configuration(
        self, key: str, as_of: date, known_at: date
    ) -> tuple[ConfigurationState, date, date | None]:
        """Return the configuration to use, the day to use it for, and its own day if different."""
        state = self.build_state(as_of)
        first_published = self.find_first_publication(key)
        configuration_from = None
        if first_published is not None and as_of < first_published <= known_at:
            state = self.build_state(first_published)
            configuration_from = first_published
        if key not in state.playbooks:
            raise NoAnswerError("unknown")
        last_day = state.playbooks[key].ends_on
        if as_of <= last_day:
            return state, as_of, configuration_from
        try:
            return self.resolve_configuration(key, last_day, known_at)
        except NoAnswerError as error:
            # The draft was created after its own last day and never published: it had no
            # state then.
            raise NoAnswerError("silent") from error

    def build_world(
        self, state: ConfigurationState, key: str, as_of: date, known_at: date
    ) -> World:
        """Return the world of a configuration and of all events."""
        current_state = self.build_state(date.max)
        current_metrics = {**current_state.archived_metrics, **current_state.metrics}
        other_playbooks = (
            p for k, p in state.playbooks.items() if k != key and state.states[k] == "published"
        )
        return World(
            playbook=state.playbooks[key],
            as_of=as_of,
            known_at=known_at,
            zone=self.zone,
            teams=tuple(state.teams.values()),
            metrics=tuple(
                restate_metric(m, current_metrics[m.key]) for m in state.metrics.values()
            ),
            offerings=tuple(state.offerings.values()),
            other_playbooks=tuple(other_playbooks),
            objectives=tuple(state.objectives.values()),
            key_results=tuple(state.key_results.values()),
            responsibilities=tuple(state.responsibilities.values()),
            contributions=frozenset(team for book, team in state.contributions if book == key),
            signoffs={team: n for (book, team), n in state.signoffs.items() if book == key},
            policy=state.policy,
            events=tuple(
                action.event for _, action in self.actions if isinstance(action, RecordEvent)
            ),
            retractions=tuple(
                Retraction(action.source, action.id, instant)
                for instant, action in self.actions
                if isinstance(action, RetractEvent)
            ),
        )


def restate_metric(past_metric: Metric, current_metric: Metric) -> Metric:
    """Return the past metric with the matching rules of the current one."""
    aggregation = (
        current_metric.aggregation
        if "count" in (current_metric.aggregation, past_metric.aggregation)
        else past_metric.aggregation
    )
    return replace(
        current_metric, aggregation=aggregation, canonical_source=past_metric.canonical_source
    )


def list_matching_fields(metric: Metric) -> Iterable[object]:
    """Return the fields whose change restates past events."""
    return (
        metric.unit,
        metric.events,
        metric.activities,
        metric.where,
        metric.value,
        metric.aggregation == "count",
    )
