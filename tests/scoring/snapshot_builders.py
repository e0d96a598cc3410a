"""Builders of configurations and snapshots, and strategies for random ones."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from app.domain.events.metrics import Metric
from app.domain.playbook.configuration import TABLE_NAMES, Configuration, Resource
from app.domain.playbook.objectives import KeyResult, Objective, Responsibility
from app.domain.playbook.offerings import Offering
from app.domain.playbook.organization import Organization, Policy, Team
from app.domain.playbook.playbooks import Contribution, Playbook, Signoff
from app.domain.primitives.decimals import FIXED_SCALE
from app.scoring.effort import EffortCell
from app.scoring.ledger import Loss
from app.scoring.playbook_index import MetricWindow, PlaybookIndex
from app.scoring.snapshot import (
    LatestActivity,
    MetricReading,
    Snapshot,
    SoldValue,
    SourceMeasure,
    build_frame,
)

FIRST_DAY = date(2026, 10, 1)
LAST_DAY = date(2026, 12, 31)
SCORED_DAY = date(2026, 11, 23)
PLAYBOOK = Playbook("q4", "Q4", "", FIRST_DAY, LAST_DAY, state="published", revision=2)


def make_configuration(*resources: Resource) -> Configuration:
    """Return a configuration of the resources, with a default playbook and policy."""
    tables: dict[str, Any] = {table_name: {} for table_name in TABLE_NAMES.values()}
    for resource in (Organization("acme", "Acme"), Policy(), PLAYBOOK, *resources):
        tables[TABLE_NAMES[resource.kind]][resource.key] = resource
    return Configuration(**tables)


def make_snapshot(
    *resources: Resource,
    as_of: date = SCORED_DAY,
    known_at: date | None = None,
    measures: Mapping[tuple[str, str], SourceMeasure] | None = None,
    unknown_counts: Mapping[str, int] | None = None,
    **evidence,
) -> Snapshot:
    """Return a snapshot of a day. `measures` are by key result and source."""
    playbook_index = PlaybookIndex(make_configuration(*resources), "q4")
    scoring_frame = build_frame(playbook_index.playbook, as_of, known_at or as_of)
    return Snapshot(
        playbook_index,
        scoring_frame,
        1,
        readings=make_readings(playbook_index, measures or {}, unknown_counts or {}),
        **evidence,
    )


def make_readings(
    playbook_index: PlaybookIndex,
    measures: Mapping[tuple[str, str], SourceMeasure],
    unknown_counts: Mapping[str, int],
) -> Mapping[MetricWindow, MetricReading]:
    """Return the readings by window, from the measures of the key results in each window."""
    readings: dict[MetricWindow, MetricReading] = {}
    for window, window_key_results in playbook_index.windows.items():
        sources = {
            source: measure
            for key_result in window_key_results
            for (key, source), measure in measures.items()
            if key == key_result.key
        }
        unknown_count = max(
            unknown_counts.get(key_result.key, 0) for key_result in window_key_results
        )
        if sources or unknown_count:
            readings[window] = MetricReading(sources, unknown_count)
    return readings


def make_team(key: str, function: str = "", size: float = 1) -> Team:
    return Team(key, key.title(), function or key, int(size * FIXED_SCALE))


def make_objective(
    key: str, priority: float = 1, playbook: str = "q4", state: str = "active"
) -> Objective:
    return Objective(key, playbook, key.title(), priority=int(priority * FIXED_SCALE), state=state)


def make_metric(key: str, aggregation: str = "sum", source: str | None = None) -> Metric:
    return Metric(key, key.title(), (f"{key}.done",), aggregation, canonical_source=source)


def make_key_result(
    key: str,
    objective_key: str,
    metric_key: str,
    target: float = 100,
    baseline: float = 0,
    **overrides,
) -> KeyResult:
    return KeyResult(
        key,
        objective_key,
        key.title(),
        metric_key,
        int(baseline * FIXED_SCALE),
        int(target * FIXED_SCALE),
        **overrides,
    )


def make_responsibility(
    objective_key: str,
    team_key: str,
    role: str = "responsible",
    share: float = 1,
    status: str = "accepted",
) -> Responsibility:
    return Responsibility(objective_key, team_key, role, int(share * FIXED_SCALE), status)


def make_measure(total: float = 0, count: int = 1, **overrides) -> SourceMeasure:
    return SourceMeasure(count, int(total * FIXED_SCALE), **overrides)


def make_effort_cell(
    team_key: str,
    *metric_keys: str,
    events: int = 10,
    effort: float | None = None,
    objective_key: str | None = None,
    **overrides,
) -> EffortCell:
    """Return the work of a team that matched the metrics; each event weighs 1 by default."""
    fields: dict[str, Any] = {"kind": "outcome", "running_playbooks": frozenset()} | overrides
    weight = int((events if effort is None else effort) * FIXED_SCALE)
    return EffortCell(
        team=team_key,
        metrics=frozenset(metric_keys),
        objective=objective_key,
        events=events,
        effort=weight,
        **fields,
    )


def filter_losses(losses: Iterable[Loss], component: str) -> list[Loss]:
    return [loss for loss in losses if loss.component == component]


# Random configurations: few keys, so that resources refer to each other, and windows that begin
# and end before and after the day of the score.

TEAMS = ("ann", "bob", "cyd")
OBJECTIVES = ("one", "two", "tri", "off")
METRICS = ("m", "n", "o")
SOURCES = ("crm", "erp")
weights = st.integers(1, 50).map(lambda n: n * FIXED_SCALE // 10)
amounts = st.integers(-50, 300).map(lambda n: n * FIXED_SCALE // 4)
days = st.integers(0, 91).map(lambda n: FIRST_DAY + timedelta(days=n))
metric_subsets = st.frozensets(st.sampled_from(METRICS), max_size=3)
OTHER_PLAYBOOK = Playbook(
    "other", "Other", "", FIRST_DAY, date(2026, 11, 10), state="published", revision=1
)


@st.composite
def resource_lists(draw) -> list[Resource]:
    resources: list[Resource] = [OTHER_PLAYBOOK]
    functions = st.sampled_from(("sales", "ops"))
    team_keys = draw(st.lists(st.sampled_from(TEAMS), unique=True))
    resources += [Team(key, key, draw(functions), draw(weights)) for key in team_keys]
    aggregations = st.sampled_from(("sum", "count", "mean", "min", "max", "last"))
    canonical = st.sampled_from((None, *SOURCES))
    resources += [
        Metric(key, key, (key,), draw(aggregations), canonical_source=draw(canonical))
        for key in METRICS
    ]
    for key in draw(st.lists(st.sampled_from(OBJECTIVES), unique=True)):
        playbook_key = "other" if key == "off" else "q4"
        resources.append(
            Objective(
                key,
                playbook_key,
                key,
                "",
                draw(weights),
                None,
                draw(st.sampled_from(("active",) * 4 + ("paused",))),
            )
        )
        for number in range(draw(st.integers(0, 3))):
            resources.append(draw(key_results(f"{key}-{number}", key)))
        for team_key in team_keys:
            role = draw(st.sampled_from(("", "accountable", "responsible", "consulted")))
            status = draw(st.sampled_from(("accepted", "accepted", "proposed")))
            resources += (
                [Responsibility(key, team_key, role, draw(weights), status)] if role else []
            )
    for team_key in team_keys:
        resources += [Contribution("q4", team_key, "x")] if draw(st.booleans()) else []
        signed_revision = draw(st.integers(0, 2))
        resources += [Signoff("q4", team_key, signed_revision, "x")] if signed_revision else []
    if draw(st.booleans()):
        resources += [
            Offering("here", "Here", FIRST_DAY),
            Offering("gone", "Gone", date(2026, 10, 20), date(2026, 11, 5)),
        ]
    policy = {
        component_name: draw(st.integers(0, 5)) * FIXED_SCALE for component_name in Policy().weights
    }
    return [
        *resources,
        Policy(
            policy,
            minimum_events=draw(st.integers(1, 5)),
            minimum_coverage=draw(st.integers(0, FIXED_SCALE)),
        ),
    ]


@st.composite
def key_results(draw, key: str, objective_key: str) -> KeyResult:
    baseline = draw(amounts)
    target = baseline + draw(st.integers(1, 400)) * FIXED_SCALE
    starts_on, ends_on = sorted((draw(days), draw(days)))
    has_own_window = draw(st.booleans())
    return KeyResult(
        key,
        objective_key,
        key,
        draw(st.sampled_from(METRICS)),
        baseline,
        target,
        draw(weights),
        draw(st.integers(1, 30)),
        starts_on if has_own_window else None,
        ends_on if has_own_window else None,
    )


@st.composite
def measures(draw) -> SourceMeasure:
    low, high = sorted((draw(amounts), draw(amounts)))
    return SourceMeasure(
        draw(st.integers(1, 9)),
        draw(amounts),
        low,
        high,
        (draw(st.integers(0, 9)), "id", draw(amounts)),
    )


@st.composite
def snapshots(draw) -> Snapshot:
    """Return a strategy for playbooks with random evidence, on a random day."""
    configuration = make_configuration(*draw(resource_lists()))
    day = draw(days)
    key_result_keys = sorted(configuration.key_results)
    pairs = (
        st.tuples(st.sampled_from(key_result_keys), st.sampled_from(SOURCES))
        if key_result_keys
        else st.nothing()
    )
    objective_keys = st.sampled_from((None, None, *OBJECTIVES, "gone"))
    running = frozenset(("other",)) if day <= OTHER_PLAYBOOK.ends_on else frozenset()
    cells = st.builds(
        EffortCell,
        st.sampled_from((*TEAMS, "gone")),
        st.sampled_from(("outcome", "activity")),
        metric_subsets,
        objective_keys,
        st.just(running),
        st.integers(1, 9),
        st.integers(0, 40).map(lambda n: n * FIXED_SCALE // 4),
    )
    sold_values = st.builds(
        SoldValue,
        st.sampled_from(("here", "gone", "odd")),
        st.sampled_from(TEAMS),
        days,
        st.integers(0, 9 * FIXED_SCALE),
    )
    playbook_index = PlaybookIndex(configuration, "q4")
    return Snapshot(
        playbook_index,
        build_frame(playbook_index.playbook, day, day),
        1,
        readings=make_readings(
            playbook_index,
            draw(st.dictionaries(pairs, measures(), max_size=8)) if key_result_keys else {},
            {},
        ),
        effort_cells=tuple(draw(st.lists(cells, max_size=9))),
        latest_activities=tuple(
            draw(
                st.lists(
                    st.builds(
                        LatestActivity,
                        metric_subsets,
                        objective_keys,
                        st.just(day - timedelta(days=9)),
                    ),
                    max_size=3,
                )
            )
        ),
        sold_values=tuple(draw(st.lists(sold_values, max_size=4))),
    )


def scale_weights(snapshot: Snapshot, factor: int) -> Snapshot:
    """Multiply every priority, share, size and policy weight by a factor."""
    configuration = snapshot.configuration
    policy = replace(
        configuration.policy,
        weights={
            component_name: weight * factor
            for component_name, weight in configuration.policy.weights.items()
        },
    )
    scaled = replace(
        configuration,
        policies={"policy": policy},
        teams={
            noun_key: replace(resource, size=resource.size * factor)
            for noun_key, resource in configuration.teams.items()
        },
        objectives={
            noun_key: replace(resource, priority=resource.priority * factor)
            for noun_key, resource in configuration.objectives.items()
        },
        responsibilities={
            noun_key: replace(resource, share=resource.share * factor)
            for noun_key, resource in configuration.responsibilities.items()
        },
        key_results={
            noun_key: replace(resource, weight=resource.weight * factor)
            for noun_key, resource in configuration.key_results.items()
        },
    )
    return replace(snapshot, playbook_index=PlaybookIndex(scaled, "q4"))
