"""Configurations and single resources, built by hand or drawn by Hypothesis."""

import string
from collections.abc import Mapping
from datetime import UTC, date, datetime

from hypothesis import strategies as st

from app.domain.events.metrics import AGGREGATIONS, Condition, Metric
from app.domain.playbook import objectives, offerings, organization, playbooks
from app.domain.playbook.configuration import Configuration, Resource
from app.domain.playbook.document import Document, Located
from app.domain.playbook.objectives import KeyResult, Objective, Responsibility
from app.domain.playbook.offerings import Offering
from app.domain.playbook.organization import Organization, Team
from app.domain.playbook.playbooks import Playbook
from app.domain.sources import sources
from app.domain.sources.sources import Source
from tests.support.service_harness import SCALE, make_metric

FIRST_DAY = date(2026, 10, 1)
LAST_DAY = date(2026, 12, 31)
NEXT_QUARTER = (date(2027, 1, 1), date(2027, 3, 31))


def make_playbook(
    key: str = "q4", starts_on: date = FIRST_DAY, ends_on: date = LAST_DAY, **overrides: object
) -> Playbook:
    """Make a draft playbook for the last quarter."""
    return Playbook(key, key, "", starts_on, ends_on, **overrides)  # type: ignore[arg-type]  # a builder takes any of the fields


def make_key_result(key: str = "arr-2m", **overrides: object) -> KeyResult:
    """Make a key result of the objective `win`: 2,000 of the metric `arr`."""
    fields: dict[str, object] = {
        "objective": "win",
        "metric": "arr",
        "baseline": 0,
        "target": 2000 * SCALE,
        **overrides,
    }
    return KeyResult(key=key, title=key, **fields)  # type: ignore[arg-type]  # a builder takes any of the fields


def make_configuration(*extra_nouns: Resource) -> Configuration:
    """Make a small configuration with one draft playbook.

    It has two teams, a source, a metric, an offering, and one measured objective for both teams.
    """
    configuration = Configuration({"acme": Organization("acme", "Acme")})
    for noun in (
        Team("sales", "Sales", "sales", 12 * SCALE),
        Team("marketing", "Marketing", "marketing", 6 * SCALE),
        Source("billing", "Billing"),
        make_metric(),
        Offering("onboarding", "Onboarding", FIRST_DAY),
        make_playbook(),
        Objective("win", "q4", "Win"),
        make_key_result(),
        Responsibility("win", "sales", "accountable", SCALE, "accepted", "Ann", "gladly"),
        Responsibility("win", "marketing", "responsible"),
        *extra_nouns,
    ):
        configuration = configuration.with_resource(noun)
    return configuration


KEYS = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=4)
TEXTS = st.text(max_size=6)
# At most 15 significant digits, the limit of the API.
DECIMALS = st.one_of(
    st.integers(-(10**15) + 1, 10**15 - 1),
    st.integers(-(10**12), 10**12).map(lambda integer: integer * SCALE),
)
DAYS = st.dates(date(1990, 1, 1), date(2100, 1, 1))
INSTANTS = st.datetimes(
    datetime(1990, 1, 1),  # noqa: DTZ001  # Hypothesis requires naive bounds
    datetime(2100, 1, 1),  # noqa: DTZ001  # the same
    timezones=st.just(UTC),
)
SCALARS = st.one_of(st.booleans(), st.integers(-5, 5), st.floats(-5, 5), TEXTS)
JSON: st.SearchStrategy[object] = st.recursive(
    SCALARS | st.none(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
)
CONDITIONS = st.builds(
    Condition,
    st.sampled_from(["value", "unit", "data.segment"]),
    st.sampled_from(["eq", "in", "exists"]),
    st.one_of(st.none(), SCALARS, st.lists(SCALARS, max_size=3).map(tuple)),
)
NOUNS: Mapping[str, st.SearchStrategy[Resource]] = {
    "organization": st.builds(Organization, KEYS, TEXTS, st.sampled_from(["UTC", "Europe/Berlin"])),
    "policy": st.builds(
        organization.Policy,
        weights=st.dictionaries(st.sampled_from(organization.COMPONENTS), DECIMALS),
        focus_days=st.integers(1, 400),
        half_life_days=DECIMALS,
        minimum_coverage=DECIMALS,
        unit=st.none() | TEXTS,
    ),
    "team": st.builds(Team, KEYS, TEXTS, TEXTS, DECIMALS),
    "source": st.builds(
        Source,
        KEYS,
        TEXTS,
        st.sampled_from(sources.CONNECTORS),
        st.none() | TEXTS,
        st.none() | KEYS,
        st.dictionaries(TEXTS, JSON, max_size=2),
    ),
    "metric": st.builds(
        Metric,
        key=KEYS,
        name=TEXTS,
        events=st.lists(TEXTS, max_size=3).map(tuple),
        aggregation=st.sampled_from(AGGREGATIONS),
        unit=st.none() | TEXTS,
        activities=st.lists(TEXTS, max_size=3).map(tuple),
        where=st.lists(CONDITIONS, max_size=3).map(tuple),
        value=st.sampled_from(["value", "data.amount"]),
        canonical_source=st.none() | KEYS,
    ),
    "offering": st.builds(
        offerings.Offering, KEYS, TEXTS, DAYS, st.none() | DAYS, st.none() | KEYS
    ),
    "playbook": st.builds(
        Playbook,
        KEYS,
        TEXTS,
        TEXTS,
        DAYS,
        DAYS,
        st.sampled_from(["draft", "published", "closed"]),
        st.integers(0, 9),
        st.none() | INSTANTS,
    ),
    "objective": st.builds(
        objectives.Objective, KEYS, KEYS, TEXTS, TEXTS, DECIMALS, st.none() | KEYS
    ),
    "key_result": st.builds(
        KeyResult,
        KEYS,
        KEYS,
        TEXTS,
        KEYS,
        DECIMALS,
        DECIMALS,
        DECIMALS,
        st.integers(1, 90),
        st.none() | DAYS,
        st.none() | DAYS,
    ),
    "responsibility": st.builds(
        Responsibility,
        KEYS,
        KEYS,
        st.sampled_from(objectives.ROLES),
        DECIMALS,
        st.sampled_from(["proposed", "accepted", "declined"]),
        TEXTS,
        TEXTS,
    ),
    "contribution": st.builds(playbooks.Contribution, KEYS, KEYS, TEXTS, TEXTS),
    "signoff": st.builds(playbooks.Signoff, KEYS, KEYS, st.integers(0, 9), TEXTS),
    "revision": st.builds(
        playbooks.Revision,
        KEYS,
        st.integers(0, 9),
        st.dictionaries(TEXTS, st.dictionaries(TEXTS, JSON, max_size=2)),
    ),
}


def locate_nouns(kind: str, nouns: list[Resource]) -> tuple[Located, ...]:
    """Give each resource the location that it would have in a document."""
    return tuple(Located(f"/{kind}/{index}", noun) for index, noun in enumerate(nouns))


@st.composite
def valid_documents(draw: st.DrawFn) -> Document:
    """Draw a valid document.

    Objectives are in any order, with any parents, key results and responsibilities.
    """
    team_keys = draw(st.lists(st.sampled_from("abcd"), unique=True, max_size=4))
    objective_keys = draw(st.lists(st.sampled_from("pqrst"), unique=True, max_size=5))
    key_result_keys = (
        draw(st.lists(st.sampled_from("xyz"), unique=True, max_size=3)) if objective_keys else []
    )
    parents = {
        objective_key: draw(st.none() | st.sampled_from(objective_keys[:n])) if n else None
        for n, objective_key in enumerate(objective_keys)
    }
    objective_order = draw(st.permutations(objective_keys))
    numbers = st.integers(1, 30)
    windows = st.none() | st.dates(FIRST_DAY, LAST_DAY)
    key_results: list[Resource] = []
    for drawn_key in key_result_keys:
        starts_on = draw(windows)
        ends_on = draw(windows)
        if starts_on is not None and ends_on is not None:
            starts_on, ends_on = sorted((starts_on, ends_on))
        objective_key = draw(st.sampled_from(objective_keys))
        target = draw(numbers) * SCALE
        key_results.append(
            make_key_result(
                drawn_key,
                objective=objective_key,
                metric=f"m-{drawn_key}",
                target=target,
                starts_on=starts_on,
                ends_on=ends_on,
            )
        )
    responsible_pairs = (
        draw(
            st.lists(
                st.tuples(st.sampled_from(objective_keys), st.sampled_from(team_keys)),
                unique=True,
                max_size=5,
            )
        )
        if (objective_keys and team_keys)
        else []
    )
    roles = st.sampled_from(objectives.ROLES)
    statuses = st.sampled_from(["proposed", "accepted"])
    return Document(
        make_playbook(ends_on=LAST_DAY),
        teams=locate_nouns(
            "teams",
            [Team(drawn_key, drawn_key, "any", draw(numbers) * SCALE) for drawn_key in team_keys],
        ),
        metrics=locate_nouns(
            "metrics",
            [
                make_metric(f"m-{drawn_key}", aggregation=draw(st.sampled_from(AGGREGATIONS)))
                for drawn_key in key_result_keys
            ],
        ),
        objectives=locate_nouns(
            "objectives",
            [
                Objective(drawn_key, "q4", drawn_key, parent=parents[drawn_key])
                for drawn_key in objective_order
            ],
        ),
        responsibilities=locate_nouns(
            "responsibilities",
            [
                Responsibility(objective_key, team, draw(roles), SCALE, draw(statuses))
                for objective_key, team in responsible_pairs
            ],
        ),
        key_results=locate_nouns("key_results", key_results),
    )
