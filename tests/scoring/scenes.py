"""Small worlds to score: a configuration from its nouns, evidence from a line each, and random ones of both."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from app.domain.events.metrics import Metric
from app.domain.playbook.configuration import TABLES, Configuration, Noun
from app.domain.playbook.objectives import KeyResult, Objective, Responsibility
from app.domain.playbook.offerings import Offering
from app.domain.playbook.organization import Organization, Policy, Team
from app.domain.playbook.playbooks import Contribution, Playbook, Signoff
from app.domain.primitives.decimals import ONE
from app.scoring.effort import Attention
from app.scoring.ledger import Loss
from app.scoring.playbook_index import Plan, Window
from app.scoring.snapshot import Measure, Newest, Said, Snapshot, Sold, frame

FIRST, LAST, DAY = date(2026, 10, 1), date(2026, 12, 31), date(2026, 11, 23)
PLAYBOOK = Playbook("q4", "Q4", "", FIRST, LAST, state="published", revision=2)


def configuration(*nouns: Noun) -> Configuration:
    """The nouns as one configuration; the playbook and the policy are there without being named."""
    tables: dict[str, Any] = {name: {} for name in TABLES.values()}
    for noun in (Organization("acme", "Acme"), Policy(), PLAYBOOK, *nouns):
        tables[TABLES[noun.kind]][noun.key] = noun
    return Configuration(**tables)


def snapshot(
    *nouns: Noun,
    as_of: date = DAY,
    known_at: date | None = None,
    measures: Mapping[tuple[str, str], Measure] | None = None,
    unknown: Mapping[str, int] | None = None,
    **evidence,
) -> Snapshot:
    """The nouns and the evidence as they stand on a day; what is said is by key result, and by source."""
    plan = Plan(configuration(*nouns), "q4")
    when = frame(plan.playbook, as_of, known_at or as_of)
    return Snapshot(plan, when, 1, said=heard(plan, measures or {}, unknown or {}), **evidence)


def heard(
    plan: Plan, measures: Mapping[tuple[str, str], Measure], unknown: Mapping[str, int]
) -> Mapping[Window, Said]:
    """What is said of key results, by window: those of the same one are said the same of."""
    found: dict[Window, Said] = {}
    for place, results in plan.windows.items():
        sources = {
            source: said
            for result in results
            for (key, source), said in measures.items()
            if key == result.key
        }
        lacking = max(unknown.get(result.key, 0) for result in results)
        if sources or lacking:
            found[place] = Said(sources, lacking)
    return found


def team(key: str, function: str = "", size: float = 1) -> Team:
    return Team(key, key.title(), function or key, int(size * ONE))


def objective(
    key: str, priority: float = 1, playbook: str = "q4", state: str = "active"
) -> Objective:
    return Objective(key, playbook, key.title(), priority=int(priority * ONE), state=state)


def metric(key: str, aggregation: str = "sum", source: str | None = None) -> Metric:
    return Metric(key, key.title(), (f"{key}.done",), aggregation, canonical_source=source)


def key_result(
    key: str, of: str, on: str, target: float = 100, baseline: float = 0, **more
) -> KeyResult:
    return KeyResult(key, of, key.title(), on, int(baseline * ONE), int(target * ONE), **more)


def bears(
    of: str, by: str, role: str = "responsible", share: float = 1, status: str = "accepted"
) -> Responsibility:
    return Responsibility(of, by, role, int(share * ONE), status)


def said(total: float = 0, count: int = 1, **more) -> Measure:
    return Measure(count, int(total * ONE), **more)


def work(
    by: str,
    *on: str,
    events: int = 10,
    effort: float | None = None,
    named: str | None = None,
    **more,
) -> Attention:
    """Events of a team that matched the metrics `on`; each weighs 1 unless their effort is given."""
    cell: dict[str, Any] = {"kind": "outcome", "running": frozenset()} | more
    weight = int((events if effort is None else effort) * ONE)
    return Attention(
        team=by, metrics=frozenset(on), objective=named, events=events, effort=weight, **cell
    )


def losses(found: Iterable[Loss], component: str) -> list[Loss]:
    return [loss for loss in found if loss.component == component]


# --- Random worlds: few keys, so that things meet; windows that begin and end on either side of the day. ---

TEAMS, OBJECTIVES, METRICS, SOURCES = (
    ("ann", "bob", "cyd"),
    ("one", "two", "tri", "off"),
    ("m", "n", "o"),
    ("crm", "erp"),
)
weights = st.integers(1, 50).map(lambda n: n * ONE // 10)
amounts = st.integers(-50, 300).map(lambda n: n * ONE // 4)
days = st.integers(0, 91).map(lambda n: FIRST + timedelta(days=n))
subsets = st.frozensets(st.sampled_from(METRICS), max_size=3)
OTHER = Playbook("other", "Other", "", FIRST, date(2026, 11, 10), state="published", revision=1)


@st.composite
def nouns(draw) -> list[Noun]:
    found: list[Noun] = [OTHER]
    functions = st.sampled_from(("sales", "ops"))
    keys = draw(st.lists(st.sampled_from(TEAMS), unique=True))
    found += [Team(key, key, draw(functions), draw(weights)) for key in keys]
    aggregations = st.sampled_from(("sum", "count", "mean", "min", "max", "last"))
    canonical = st.sampled_from((None, *SOURCES))
    found += [
        Metric(key, key, (key,), draw(aggregations), canonical_source=draw(canonical))
        for key in METRICS
    ]
    for key in draw(st.lists(st.sampled_from(OBJECTIVES), unique=True)):
        home = "other" if key == "off" else "q4"
        found.append(
            Objective(
                key,
                home,
                key,
                "",
                draw(weights),
                None,
                draw(st.sampled_from(("active",) * 4 + ("paused",))),
            )
        )
        for number in range(draw(st.integers(0, 3))):
            found.append(draw(key_results(f"{key}-{number}", key)))
        for by in keys:
            part = draw(st.sampled_from(("", "accountable", "responsible", "consulted")))
            status = draw(st.sampled_from(("accepted", "accepted", "proposed")))
            found += [Responsibility(key, by, part, draw(weights), status)] if part else []
    for by in keys:
        found += [Contribution("q4", by, "x")] if draw(st.booleans()) else []
        signed = draw(st.integers(0, 2))
        found += [Signoff("q4", by, signed, "x")] if signed else []
    if draw(st.booleans()):
        found += [
            Offering("here", "Here", FIRST),
            Offering("gone", "Gone", date(2026, 10, 20), date(2026, 11, 5)),
        ]
    policy = {name: draw(st.integers(0, 5)) * ONE for name in Policy().weights}
    return [
        *found,
        Policy(
            policy,
            minimum_events=draw(st.integers(1, 5)),
            minimum_coverage=draw(st.integers(0, ONE)),
        ),
    ]


@st.composite
def key_results(draw, key: str, of: str) -> KeyResult:
    baseline = draw(amounts)
    target = baseline + draw(st.integers(1, 400)) * ONE
    starts_on, ends_on = sorted((draw(days), draw(days)))
    own = draw(st.booleans())
    return KeyResult(
        key, of, key, draw(st.sampled_from(METRICS)), baseline, target, draw(weights), draw(st.integers(1, 30)),
        starts_on if own else None, ends_on if own else None,
    )  # fmt: skip


@st.composite
def measures(draw) -> Measure:
    low, high = sorted((draw(amounts), draw(amounts)))
    return Measure(
        draw(st.integers(1, 9)),
        draw(amounts),
        low,
        high,
        (draw(st.integers(0, 9)), "id", draw(amounts)),
    )


@st.composite
def snapshots(draw) -> Snapshot:
    """Any playbook with any evidence, on a day in it."""
    found, day = configuration(*draw(nouns())), draw(days)
    known = sorted(found.key_results)
    pairs = st.tuples(st.sampled_from(known), st.sampled_from(SOURCES)) if known else st.nothing()
    named = st.sampled_from((None, None, *OBJECTIVES, "gone"))
    running = frozenset(("other",)) if day <= OTHER.ends_on else frozenset()
    cells = st.builds(
        Attention, st.sampled_from((*TEAMS, "gone")), st.sampled_from(("outcome", "activity")), subsets, named,
        st.just(running), st.integers(1, 9), st.integers(0, 40).map(lambda n: n * ONE // 4),
    )  # fmt: skip
    items = st.builds(
        Sold,
        st.sampled_from(("here", "gone", "odd")),
        st.sampled_from(TEAMS),
        days,
        st.integers(0, 9 * ONE),
    )
    plan = Plan(found, "q4")
    return Snapshot(
        plan,
        frame(plan.playbook, day, day),
        1,
        said=heard(plan, draw(st.dictionaries(pairs, measures(), max_size=8)) if known else {}, {}),
        attention=tuple(draw(st.lists(cells, max_size=9))),
        newest=tuple(
            draw(
                st.lists(
                    st.builds(Newest, subsets, named, st.just(day - timedelta(days=9))), max_size=3
                )
            )
        ),
        sold=tuple(draw(st.lists(items, max_size=4))),
    )


def reweighted(found: Snapshot, factor: int) -> Snapshot:
    """The snapshot with every priority, share, size and policy weight times a factor."""
    was = found.configuration
    policy = replace(
        was.policy, weights={name: weight * factor for name, weight in was.policy.weights.items()}
    )
    now = replace(
        was,
        policies={"policy": policy},
        teams={key: replace(noun, size=noun.size * factor) for key, noun in was.teams.items()},
        objectives={
            key: replace(noun, priority=noun.priority * factor)
            for key, noun in was.objectives.items()
        },
        responsibilities={
            key: replace(noun, share=noun.share * factor)
            for key, noun in was.responsibilities.items()
        },
        key_results={
            key: replace(noun, weight=noun.weight * factor) for key, noun in was.key_results.items()
        },
    )
    return replace(found, plan=Plan(now, "q4"))
