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
from tests.reference_model.component_inputs import LOAD_BEARING
from tests.reference_model.evidence import get_local_day

TimelineNoun: TypeAlias = (
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
class PutNouns:
    """The things are as given, in one write; a responsibility's status is kept when it is proposed here."""

    nouns: tuple[TimelineNoun, ...]


@dataclass(frozen=True, slots=True)
class ArchiveNoun:
    """A team, metric, offering, objective or key result is archived."""

    kind: str
    key: str


@dataclass(frozen=True, slots=True)
class PublishPlaybook:
    """The playbook is published."""

    playbook: str


@dataclass(frozen=True, slots=True)
class ClosePlaybook:
    """The playbook is closed."""

    playbook: str


@dataclass(frozen=True, slots=True)
class AnswerResponsibility:
    """The team accepts or declines its responsibility."""

    objective: str
    team: str
    accepted: bool


@dataclass(frozen=True, slots=True)
class ChangeParticipation:
    """The team contributes to the playbook, or signs its current revision; or withdraws that."""

    kind: str
    playbook: str
    team: str
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class RecordEvent:
    """An event is recorded."""

    event: w.Event


@dataclass(frozen=True, slots=True)
class RetractEvent:
    """An event is retracted."""

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
    published_contents: dict[str, Mapping[object, object]] = field(default_factory=dict)
    archived_metrics: dict[str, w.Metric] = field(default_factory=dict)

    def get_content(self, playbook: str) -> dict[object, object]:
        """What a revision covers."""
        objectives = {key: o for key, o in self.objectives.items() if o.playbook == playbook}
        playbook_noun = self.playbooks[playbook]
        key_results = {k.key: k for k in self.key_results.values() if k.objective in objectives}
        responsibilities = {
            n: (r.role, r.share) for n, r in self.responsibilities.items() if n[0] in objectives
        }
        return {
            "window": (playbook_noun.starts_on, playbook_noun.ends_on),
            **{("objective", key): content for key, content in objectives.items()},
            **{("result", key): content for key, content in key_results.items()},
            **{("part", name): content for name, content in responsibilities.items()},
        }

    def count_unpublished_changes(self, playbook: str) -> int:
        """How many parts differ from the current revision."""
        current, previous = self.get_content(playbook), self.published_contents.get(playbook, {})
        return sum(
            current.get(name) != previous.get(name) for name in current.keys() | previous.keys()
        )

    def find_current_playbooks(self, day: date) -> set[str]:
        """The published playbooks whose window holds the day."""
        return {
            k
            for k, p in self.playbooks.items()
            if self.states[k] == "published" and is_within_window(p, day)
        }


def is_within_window(playbook: w.Playbook, day: date) -> bool:
    """Whether the playbook's window holds the day."""
    return playbook.starts_on <= day <= playbook.ends_on


def apply_action(state: ConfigurationState, action: Action) -> None:
    """The state is as the act leaves it; events are no part of it."""
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
    """The contribution or sign-off is there, or is not any more."""
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
    """The thing is there as given; a responsibility of another role or share is proposed again."""
    match noun:
        case w.Policy():
            state.policy = noun
        case w.Responsibility():
            responsibility_key = noun.objective, noun.team
            previous = state.responsibilities.get(responsibility_key)
            is_same = previous is not None and (previous.role, previous.share) == (
                noun.role,
                noun.share,
            )
            status = previous.status if is_same and previous is not None else "proposed"
            # A document may say that a part is accepted or declined.
            state.responsibilities[responsibility_key] = (
                replace(noun, status=status) if noun.status == "proposed" else noun
            )
        case w.Playbook():
            previous_playbook = state.playbooks.get(noun.key)
            state.playbooks[noun.key] = replace(
                noun, revision=previous_playbook.revision if previous_playbook else 0
            )
            state.states.setdefault(noun.key, "draft")
        case w.Metric():
            state.metrics[noun.key] = noun
            state.archived_metrics.pop(noun.key, None)
        case w.Team():
            state.teams[noun.key] = noun
        case w.Offering():
            state.offerings[noun.key] = noun
        case w.Objective():
            state.objectives[noun.key] = noun
        case w.KeyResult():
            state.key_results[noun.key] = noun


def archive_noun(state: ConfigurationState, kind: str, key: str) -> None:
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


def is_load_bearing(responsibility: w.Responsibility) -> bool:
    """Whether it carries weight."""
    return responsibility.status == "accepted" and responsibility.role in LOAD_BEARING


@dataclass(frozen=True, slots=True)
class ExpectedAnswer:
    """What is answered, as a world to align, and what stands beside the figures."""

    world: w.World
    unpublished_changes: int
    other_current: tuple[str, ...]
    configuration_from: date | None


class NoAnswerError(Exception):
    """There is no answer: the message is unknown (no such playbook), none (no current one) or silent (no opinion)."""


@dataclass(frozen=True)
class Timeline:
    """Acts in their order, each with its instant."""

    zone: str
    actions: tuple[tuple[datetime, Action], ...]

    def to_day(self, instant: datetime) -> date:
        """The organization's day."""
        empty_world = w.World(w.Playbook("", date.min, date.min), date.min, date.min, self.zone)
        return get_local_day(empty_world, instant)

    def list_days(self) -> list[date]:
        """The days on which something happened."""
        return sorted({self.to_day(instant) for instant, _ in self.actions})

    def build_state(self, day: date) -> ConfigurationState:
        """The configuration as it stood at the end of a day."""
        state = ConfigurationState()
        for instant, action in self.actions:
            if self.to_day(instant) <= day:
                apply_action(state, action)
        return state

    def find_first_publication(self, playbook: str) -> date | None:
        """The day P."""
        days = (
            self.to_day(instant)
            for instant, action in self.actions
            if action == PublishPlaybook(playbook)
        )
        return min(days, default=None)

    def find_current_playbooks(self, as_of: date, known_at: date) -> list[str]:
        """The current playbooks, best first."""
        state = self.build_state(as_of)
        playbooks = {key: state.playbooks[key] for key in state.find_current_playbooks(as_of)}
        if not playbooks:
            for key in self.build_state(known_at).playbooks:
                first_published = self.find_first_publication(key)
                if first_published is not None and as_of < first_published <= known_at:
                    published_state = self.build_state(first_published)
                    if key in published_state.find_current_playbooks(as_of):
                        playbooks[key] = published_state.playbooks[key]
        return sorted(playbooks, key=lambda key: (playbooks[key].starts_on, key), reverse=True)

    def compute_expected_answer(
        self, as_of: date, known_at: date, playbook: str | None = None
    ) -> ExpectedAnswer:
        """What must be answered. Raises: RefusedError."""
        current_playbooks = self.find_current_playbooks(as_of, known_at)
        if playbook is None and not current_playbooks:
            raise NoAnswerError("none")
        key = current_playbooks[0] if playbook is None else playbook
        state, day, configuration_from = self.resolve_configuration(key, as_of, known_at)
        world = self.build_world(state, key, day, known_at)
        other_current = tuple(
            current_key for current_key in current_playbooks if current_key != key
        )
        return ExpectedAnswer(
            world, state.count_unpublished_changes(key), other_current, configuration_from
        )

    def resolve_configuration(
        self, key: str, as_of: date, known_at: date
    ) -> tuple[ConfigurationState, date, date | None]:
        """The configuration that is used, the day it is asked for at most, and the day it is from, if not that one."""
        state, first_published = self.build_state(as_of), self.find_first_publication(key)
        configuration_from = None
        if first_published is not None and as_of < first_published <= known_at:
            state, configuration_from = self.build_state(first_published), first_published
        if key not in state.playbooks:
            raise NoAnswerError("unknown")
        last_day = state.playbooks[key].ends_on
        if as_of <= last_day:
            return state, as_of, configuration_from
        try:
            return self.resolve_configuration(key, last_day, known_at)
        except NoAnswerError as error:
            # A draft that was made after its own last day and was never published: nothing says what it was then.
            raise NoAnswerError("silent") from error

    def build_world(
        self, state: ConfigurationState, key: str, as_of: date, known_at: date
    ) -> w.World:
        """The world of that configuration and of the evidence."""
        current_state = self.build_state(date.max)
        current_metrics = {**current_state.archived_metrics, **current_state.metrics}
        other_playbooks = (
            p for k, p in state.playbooks.items() if k != key and state.states[k] == "published"
        )
        return w.World(
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
                w.Retraction(action.source, action.id, instant)
                for instant, action in self.actions
                if isinstance(action, RetractEvent)
            ),
        )


def restate_metric(past_metric: w.Metric, current_metric: w.Metric) -> w.Metric:
    """The metric as it stood, that matches as it does now."""
    aggregation = (
        current_metric.aggregation
        if "count" in (current_metric.aggregation, past_metric.aggregation)
        else past_metric.aggregation
    )
    return replace(
        current_metric, aggregation=aggregation, canonical_source=past_metric.canonical_source
    )


def list_matching_fields(metric: w.Metric) -> Iterable[object]:
    """What of a metric restates history."""
    return (
        metric.unit,
        metric.events,
        metric.activities,
        metric.where,
        metric.value,
        metric.aggregation == "count",
    )
