"""Configurations and single things of them, made by hand or by chance."""

import string
from collections.abc import Mapping
from datetime import UTC, date, datetime

from hypothesis import strategies as st

from app.domain.events.metrics import AGGREGATIONS, Condition, Metric
from app.domain.playbook import objectives, offerings, playbooks
from app.domain.playbook import organization as teams
from app.domain.playbook.configuration import Configuration, Noun
from app.domain.playbook.document import Document, Placed
from app.domain.playbook.objectives import KeyResult, Objective, Responsibility
from app.domain.playbook.offerings import Offering
from app.domain.playbook.organization import Organization, Team
from app.domain.playbook.playbooks import Playbook
from app.domain.sources import sources
from app.domain.sources.sources import Source
from tests.support.services import ONE, metric

FIRST, LAST = date(2026, 10, 1), date(2026, 12, 31)
LATER = (date(2027, 1, 1), date(2027, 3, 31))


def book(key: str = "q4", first: date = FIRST, last: date = LAST, **more: object) -> Playbook:
    """A draft for the last quarter."""
    return Playbook(key, key, "", first, last, **more)  # type: ignore[arg-type]  # a builder takes any of the fields


def result(key: str = "arr-2m", **more: object) -> KeyResult:
    """Two thousand of the metric `arr`, for the objective `win`."""
    values: dict[str, object] = {
        "objective": "win",
        "metric": "arr",
        "baseline": 0,
        "target": 2000 * ONE,
        **more,
    }
    return KeyResult(key=key, title=key, **values)  # type: ignore[arg-type]  # a builder takes any of the fields


def known(*more: Noun) -> Configuration:
    """Two teams, a source, a metric, an offering, a draft with one measured objective that both teams are to bear."""
    found = Configuration({"acme": Organization("acme", "Acme")})
    for noun in (
        Team("sales", "Sales", "sales", 12 * ONE),
        Team("marketing", "Marketing", "marketing", 6 * ONE),
        Source("billing", "Billing"),
        metric(),
        Offering("onboarding", "Onboarding", FIRST),
        book(),
        Objective("win", "q4", "Win"),
        result(),
        Responsibility("win", "sales", "accountable", ONE, "accepted", "Ann", "gladly"),
        Responsibility("win", "marketing", "responsible"),
        *more,
    ):
        found = found.put(noun)
    return found


KEYS = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=4)
TEXTS = st.text(max_size=6)
# At most 15 significant digits, as the wire takes them.
FIXED = st.one_of(
    st.integers(-(10**15) + 1, 10**15 - 1),
    st.integers(-(10**12), 10**12).map(lambda whole: whole * ONE),
)
DAYS = st.dates(date(1990, 1, 1), date(2100, 1, 1))
INSTANTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # Hypothesis wants naive bounds
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
NOUNS: Mapping[str, st.SearchStrategy[Noun]] = {
    "organization": st.builds(Organization, KEYS, TEXTS, st.sampled_from(["UTC", "Europe/Berlin"])),
    "policy": st.builds(
        teams.Policy,
        weights=st.dictionaries(st.sampled_from(teams.COMPONENTS), FIXED),
        focus_days=st.integers(1, 400),
        half_life_days=FIXED,
        minimum_coverage=FIXED,
        unit=st.none() | TEXTS,
    ),
    "team": st.builds(Team, KEYS, TEXTS, TEXTS, FIXED),
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
    "objective": st.builds(objectives.Objective, KEYS, KEYS, TEXTS, TEXTS, FIXED, st.none() | KEYS),
    "key_result": st.builds(
        KeyResult,
        KEYS,
        KEYS,
        TEXTS,
        KEYS,
        FIXED,
        FIXED,
        FIXED,
        st.integers(1, 90),
        st.none() | DAYS,
        st.none() | DAYS,
    ),
    "responsibility": st.builds(
        Responsibility,
        KEYS,
        KEYS,
        st.sampled_from(objectives.ROLES),
        FIXED,
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


def placed(kind: str, found: list[Noun]) -> tuple[Placed, ...]:
    """Things where a document would say them."""
    return tuple(Placed(f"/{kind}/{index}", noun) for index, noun in enumerate(found))


@st.composite
def written(draw: st.DrawFn) -> Document:
    """A document that is right: objectives in any order, some under others, measured and borne in any way."""
    members = draw(st.lists(st.sampled_from("abcd"), unique=True, max_size=4))
    aims = draw(st.lists(st.sampled_from("pqrst"), unique=True, max_size=5))
    measured = draw(st.lists(st.sampled_from("xyz"), unique=True, max_size=3)) if aims else []
    parents = {
        aim: draw(st.none() | st.sampled_from(aims[:n])) if n else None
        for n, aim in enumerate(aims)
    }
    shown = draw(st.permutations(aims))
    numbers = st.integers(1, 30)
    windows = st.none() | st.dates(FIRST, LAST)
    results: list[Noun] = []
    for key in measured:
        first, last = draw(windows), draw(windows)
        if first is not None and last is not None:
            first, last = min(first, last), max(first, last)
        aim, target = draw(st.sampled_from(aims)), draw(numbers) * ONE
        results.append(
            result(
                key, objective=aim, metric=f"m-{key}", target=target, starts_on=first, ends_on=last
            )
        )
    borne = (
        draw(
            st.lists(
                st.tuples(st.sampled_from(aims), st.sampled_from(members)), unique=True, max_size=5
            )
        )
        if (aims and members)
        else []
    )
    roles = st.sampled_from(objectives.ROLES)
    status = st.sampled_from(["proposed", "accepted"])
    return Document(
        book(last=LAST),
        teams=placed("teams", [Team(key, key, "any", draw(numbers) * ONE) for key in members]),
        metrics=placed(
            "metrics",
            [
                metric(f"m-{key}", aggregation=draw(st.sampled_from(AGGREGATIONS)))
                for key in measured
            ],
        ),
        objectives=placed(
            "objectives", [Objective(key, "q4", key, parent=parents[key]) for key in shown]
        ),
        responsibilities=placed(
            "responsibilities",
            [Responsibility(aim, team, draw(roles), ONE, draw(status)) for aim, team in borne],
        ),
        key_results=placed("key_results", results),
    )
