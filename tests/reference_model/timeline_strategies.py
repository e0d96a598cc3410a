"""Random valid histories: any action, in any order, at any hour of any time zone.

Each action has a seed and is chosen from the state at its time. So the program accepts every
action, and a failing example shrinks to few of them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tests.reference_model import event_strategies
from tests.reference_model.timeline import (
    Action,
    AnswerResponsibility,
    ArchiveNoun,
    ChangeParticipation,
    ClosePlaybook,
    ConfigurationState,
    PublishPlaybook,
    PutNouns,
    RecordEvent,
    RetractEvent,
    Timeline,
    TimelineNoun,
    apply_action,
    is_load_bearing,
    list_matching_fields,
)
from tests.reference_model.world import Event, Metric, Objective, Responsibility, Team
from tests.reference_model.world_strategies import (
    AGGREGATIONS,
    FIRST_DAY,
    POSITIVE_NUMBERS,
    ROLES,
    SEEDS,
    STATUSES,
    ZONES,
    SeededRandom,
    build_key_result,
    build_metric,
    build_objectives,
    build_offerings,
    build_playbooks,
    build_policy,
    build_responsibilities,
    build_teams,
)

MAX_LEAD_DAYS = 8  # a history begins at most so many days before its first playbook
WAIT_HOURS = (0, 0, 0, 0, 0, 1, 1, 7, 7, 24, 24, 49)
DELAY_HOURS = (0, 0, 0, 0, 1, 24, 80, 300, -3, -20)


@dataclass
class TimelineWriter:
    """A history under construction."""

    zone: str
    now: datetime
    state: ConfigurationState = field(default_factory=ConfigurationState)
    actions: list[tuple[datetime, Action]] = field(default_factory=list)
    recorded_events: list[Event] = field(default_factory=list)
    # Chooses the next action.
    rng: Random = field(default_factory=Random)

    def apply(self, action: Action | None) -> None:
        """Apply an action. None means that the state allows no such action."""
        if action is None:
            return
        apply_action(self.state, action)
        self.actions.append((self.now, action))
        if isinstance(action, RecordEvent):
            self.recorded_events.append(action.event)
        elif isinstance(action, RetractEvent):
            self.recorded_events = [
                e for e in self.recorded_events if (e.source, e.id) != (action.source, action.id)
            ]

    def advance_time(self) -> None:
        """Let some hours pass, or move to the first or last instant of a day."""
        self.now += timedelta(hours=self.rng.choice(WAIT_HOURS))
        if self.rng.random() < 0.3:
            day = self.now.astimezone(ZoneInfo(self.zone)).date() + timedelta(days=1)
            midnight = datetime.combine(day, time(), ZoneInfo(self.zone)).astimezone(UTC)
            self.now = midnight - timedelta(microseconds=self.rng.choice([0, 1]))

    def choose_event(self) -> Action | None:
        """Make an event of the distant past, of the present or of tomorrow."""
        if not self.state.teams:
            return None
        context = event_strategies.EventContext(
            sorted(self.state.teams), sorted(self.state.objectives), self.now, 1
        )
        event = event_strategies.generate_event(context, len(self.actions), str(self.rng.random()))
        occurred_at = self.now - timedelta(hours=self.rng.choice(DELAY_HOURS))
        return RecordEvent(replace(event, time=occurred_at, recorded_at=self.now))

    def choose_retraction(self) -> Action | None:
        """Retract a recorded event, usually a recent one."""
        if not self.recorded_events:
            return None
        event = self.rng.choice([*self.recorded_events, *self.recorded_events[-3:]])
        return RetractEvent(event.source, event.id)

    def choose_metric_change(self) -> Action | None:
        """Change a metric's matching, aggregation or canonical source, or restore it."""
        metrics = {**self.state.metrics, **self.state.archived_metrics}
        if not metrics:
            return None
        previous = metrics[self.rng.choice(sorted(metrics))]
        replacement = replace(build_metric(self.rng, 0), key=previous.key)
        kinds = [
            "all",
            "aggregation",
            "aggregation",
            "canonical_source",
            "canonical_source",
            "where",
            "events",
        ]
        field_name = self.rng.choice(kinds)
        changed_metric = (
            replacement
            if field_name == "all"
            else replace(previous, **{field_name: getattr(replacement, field_name)})
        )
        has_falling_key_result = any(
            k.metric == previous.key and k.target < k.baseline
            for k in self.state.key_results.values()
        )
        if has_falling_key_result and changed_metric.aggregation in ("sum", "count"):
            changed_metric = replace(changed_metric, aggregation=self.rng.choice(AGGREGATIONS[2:]))
        return PutNouns((changed_metric,))

    def choose_key_result(self) -> Action | None:
        """Create, change, move or archive a key result."""
        if not self.state.objectives or not self.state.metrics:
            return None
        if self.state.key_results and self.rng.random() < 0.3:
            return ArchiveNoun("key_result", self.rng.choice(sorted(self.state.key_results)))
        objectives = list(self.state.objectives.values())
        playbooks = list(self.state.playbooks.values())
        number = self.rng.randint(0, 4)
        return PutNouns(
            (
                build_key_result(
                    self.rng, number, list(self.state.metrics.values()), objectives, playbooks
                ),
            )
        )

    def choose_objective(self) -> Action | None:
        """Pause, resume, reprioritize, archive or restore an objective."""
        if self.rng.random() < 0.2 and self.state.objectives:
            return ArchiveNoun("objective", self.rng.choice(sorted(self.state.objectives)))
        if self.rng.random() < 0.5 and self.state.objectives:
            previous = self.state.objectives[self.rng.choice(sorted(self.state.objectives))]
            return PutNouns(
                (replace(previous, state="paused" if previous.state == "active" else "active"),)
            )
        key = f"objective-{self.rng.randint(0, 3)}"
        playbook_key = self.rng.choice(sorted(self.state.playbooks))
        if key in self.state.objectives:
            playbook_key = self.state.objectives[key].playbook
        return PutNouns((Objective(key, playbook_key, self.rng.choice(POSITIVE_NUMBERS)),))

    def choose_responsibility(self) -> Action | None:
        """Propose a responsibility to a team, or answer one."""
        responsibility_keys = sorted(self.state.responsibilities)
        if responsibility_keys and self.rng.random() < 0.5:
            return AnswerResponsibility(
                *self.rng.choice(responsibility_keys), accepted=self.rng.random() < 0.8
            )
        if not self.state.objectives or not self.state.teams:
            return None
        objective_key = self.rng.choice(sorted(self.state.objectives))
        team = self.rng.choice(sorted(self.state.teams))
        role = self.rng.choice(ROLES)
        share = self.rng.choice(POSITIVE_NUMBERS)
        return PutNouns(
            (
                Responsibility(
                    objective_key, team, role, share, self.rng.choice(["proposed", *STATUSES])
                ),
            )
        )

    def choose_participation(self) -> Action | None:
        """Record or withdraw a contribution or a sign-off of a team."""
        playbook_key = self.rng.choice(sorted(self.state.playbooks))
        kind = self.rng.choice(["contribution", "signoff", "signoff"])
        participation_keys = (
            self.state.contributions if kind == "contribution" else self.state.signoffs.keys()
        )
        team_keys = sorted(team for key, team in participation_keys if key == playbook_key)
        if team_keys and self.rng.random() < 0.3:
            return ChangeParticipation(
                kind, playbook_key, self.rng.choice(team_keys), withdrawn=True
            )
        if not self.state.teams or (
            kind == "signoff" and not self.state.playbooks[playbook_key].revision
        ):
            return None
        return ChangeParticipation(kind, playbook_key, self.rng.choice(sorted(self.state.teams)))

    def choose_publication(self) -> Action | None:
        """Publish a playbook that is not closed."""
        playbook_keys = [
            playbook_key
            for playbook_key in sorted(self.state.playbooks)
            if self.state.states[playbook_key] != "closed"
        ]
        return PublishPlaybook(self.rng.choice(playbook_keys)) if playbook_keys else None

    def choose_closing(self) -> Action | None:
        """Close a published playbook in three of ten cases."""
        playbook_keys = [
            playbook_key
            for playbook_key, state in sorted(self.state.states.items())
            if state == "published"
        ]
        return (
            ClosePlaybook(self.rng.choice(playbook_keys))
            if playbook_keys and self.rng.random() < 0.3
            else None
        )

    def choose_window_change(self) -> Action | None:
        """Extend a playbook, or shorten it if no key result has a window of its own."""
        playbook = self.state.playbooks[self.rng.choice(sorted(self.state.playbooks))]
        objective_keys = {
            o.key for o in self.state.objectives.values() if o.playbook == playbook.key
        }
        has_fixed_windows = any(
            k.objective in objective_keys and (k.starts_on or k.ends_on)
            for k in self.state.key_results.values()
        )
        last_day = playbook.ends_on + timedelta(
            days=self.rng.choice([1, 4] if has_fixed_windows else [1, 4, -1, -3])
        )
        return PutNouns((replace(playbook, ends_on=max(last_day, playbook.starts_on)),))

    def choose_team_change(self) -> Action | None:
        """Change the size or function of a team, restore or archive it."""
        unassigned_teams = [t for t in sorted(self.state.teams) if not any(
            r.team == t and is_load_bearing(r) for r in self.state.responsibilities.values()
        )]  # fmt: skip
        if unassigned_teams and self.rng.random() < 0.4:
            return ArchiveNoun("team", self.rng.choice(unassigned_teams))
        team_key = self.rng.choice(["alpha", "bravo", "charlie"])
        return PutNouns(
            (
                Team(
                    team_key,
                    self.rng.choice(["sales", "marketing"]),
                    self.rng.choice(POSITIVE_NUMBERS),
                ),
            )
        )

    def choose_offering_change(self) -> Action | None:
        """Create, change or archive offerings."""
        if self.state.offerings and self.rng.random() < 0.3:
            return ArchiveNoun("offering", self.rng.choice(sorted(self.state.offerings)))
        offerings = build_offerings(self.rng)
        return PutNouns(offerings) if offerings else None

    def choose_metric_to_archive(self) -> Action | None:
        """Archive a metric that no key result uses."""
        used_metrics = {k.metric for k in self.state.key_results.values()}
        unused_metrics = sorted(self.state.metrics.keys() - used_metrics)
        return ArchiveNoun("metric", self.rng.choice(unused_metrics)) if unused_metrics else None

    def choose_policy(self) -> Action | None:
        return PutNouns((build_policy(self.rng),))


ACTION_CHOICES: tuple[tuple[Callable[[TimelineWriter], Action | None], int], ...] = (
    (TimelineWriter.choose_event, 30),
    (TimelineWriter.choose_retraction, 7),
    (TimelineWriter.choose_metric_change, 4),
    (TimelineWriter.choose_key_result, 4),
    (TimelineWriter.choose_objective, 4),
    (TimelineWriter.choose_responsibility, 4),
    (TimelineWriter.choose_participation, 5),
    (TimelineWriter.choose_publication, 5),
    (TimelineWriter.choose_closing, 1),
    (TimelineWriter.choose_window_change, 2),
    (TimelineWriter.choose_team_change, 3),
    (TimelineWriter.choose_offering_change, 2),
    (TimelineWriter.choose_metric_to_archive, 2),
    (TimelineWriter.choose_policy, 2),
)


@st.composite
def timelines(draw: st.DrawFn, max_actions: int = 32) -> Timeline:
    """Draw a history with one or two playbooks, which begin as drafts or as published."""
    seeded_random = SeededRandom(draw(SEEDS))
    rng = seeded_random.create_random("start")
    zone = rng.choice(ZONES)
    start = FIRST_DAY + timedelta(days=rng.choice([-MAX_LEAD_DAYS, -2, 0, 3, 12]))
    writer = TimelineWriter(
        zone, datetime.combine(start, time(9), ZoneInfo(zone)).astimezone(UTC), rng=rng
    )
    writer.apply(PutNouns(build_initial_nouns(seeded_random, draw(st.integers(0, 4)))))
    if rng.random() < 0.6:
        writer.apply(PublishPlaybook("main"))
    for number, seed in enumerate(
        draw(st.lists(st.integers(0, 65535), min_size=max_actions // 4, max_size=max_actions))
    ):
        writer.rng = Random(f"{seed}/{number}")
        writer.advance_time()
        choose_action = writer.rng.choices(
            [choice for choice, _ in ACTION_CHOICES], [weight for _, weight in ACTION_CHOICES]
        )[0]
        writer.apply(choose_action(writer))
    return Timeline(zone, tuple(writer.actions))


def build_initial_nouns(
    seeded_random: SeededRandom, key_result_count: int
) -> tuple[TimelineNoun, ...]:
    """Build the first resources. Each one names only resources before it."""
    playbooks = tuple(
        replace(p, revision=0) for p in build_playbooks(seeded_random.create_random("playbooks"))
    )
    teams = build_teams(seeded_random, 3)
    metrics = tuple(build_metric(seeded_random.create_random("metric", n), n) for n in range(2))
    objectives = build_objectives(seeded_random, 3, playbooks[1:])
    return (
        replace(
            build_policy(seeded_random.create_random("policy")),
            minimum_events=seeded_random.create_random("least").choice([1, 1, 2, 3]),
        ),
        *teams,
        *metrics,
        *build_offerings(seeded_random.create_random("offerings")),
        *playbooks,
        *objectives,
        *(
            build_key_result(
                seeded_random.create_random("kr", n), n, metrics, objectives, playbooks
            )
            for n in range(key_result_count)
        ),
        *build_responsibilities(seeded_random, objectives, teams),
    )


def find_last_redefinition(timeline: Timeline) -> datetime | None:
    """Return the instant of the last change of a metric's matching, or None if there is none."""
    fields_by_metric: dict[str, tuple[object, ...]] = {}
    last_instant = None
    for instant, action in timeline.actions:
        for noun in action.nouns if isinstance(action, PutNouns) else ():
            if isinstance(noun, Metric):
                fields = tuple(list_matching_fields(noun))
                if fields_by_metric.get(noun.key, fields) != fields:
                    last_instant = instant
                fields_by_metric[noun.key] = fields
    return last_instant
