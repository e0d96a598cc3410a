"""The playbook as code: the document's wire shape, and its way to the domain's value and back."""

from collections import defaultdict
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from app.api.http.schema_base import Given, example, made
from app.api.http.schema_types import (
    Day,
    Days,
    Key,
    Name,
    Narrative,
    Number,
    Positive,
    Yes,
    default,
)
from app.api.playbook.key_results import CADENCE
from app.api.playbook.metrics import MetricPut
from app.api.playbook.objectives import State
from app.api.playbook.offerings import OfferingPut
from app.api.playbook.responsibilities import Role
from app.api.playbook.teams import TeamPut
from app.domain.events.metrics import Metric
from app.domain.playbook.configuration import Noun
from app.domain.playbook.document import Document, Placed
from app.domain.playbook.objectives import KeyResult, Objective, Responsibility
from app.domain.playbook.offerings import Offering
from app.domain.playbook.organization import Team
from app.domain.playbook.playbooks import Playbook
from app.domain.playbook.serialization import to_json
from app.domain.primitives.decimals import ONE
from app.domain.sources.sources import Source

MOST: Final = 10_000
EXAMPLE: Final = {
    "sightline": 1,
    "sources": [{"key": "billing", "name": "Billing"}],
    "teams": [{"key": "sales", "name": "Sales", "function": "sales", "size": 12}],
    "metrics": [
        {
            "key": "revenue",
            "name": "Revenue",
            "unit": "EUR",
            "events": ["invoice.paid"],
            "aggregation": "sum",
        }
    ],
    "offerings": [
        {"key": "onboarding-plus", "name": "Onboarding Plus", "available_from": "2026-01-01"}
    ],
    "playbook": {
        "key": "fy26-q4",
        "title": "Win the enterprise",
        "starts_on": "2026-10-01",
        "ends_on": "2026-12-31",
        "objectives": [
            {
                "key": "win-enterprise",
                "title": "Win in the enterprise segment",
                "priority": 5,
                "responsibilities": [{"team": "sales", "role": "accountable", "share": 50}],
                "key_results": [
                    {
                        "key": "revenue-2m",
                        "title": "2M of revenue",
                        "metric": "revenue",
                        "baseline": 0,
                        "target": 2_000_000,
                    }
                ],
            }
        ],
    },
}


class DocumentSource(Given):
    """A source of the connector `api`."""

    key: Key
    name: Name


class DocumentTeam(TeamPut):
    """A team."""

    key: Key

    model_config = {"json_schema_extra": {}}


class DocumentMetric(MetricPut):
    """A metric; its canonical source need not exist yet."""

    key: Key

    model_config = {"json_schema_extra": {}}


class DocumentOffering(OfferingPut):
    """An offering."""

    key: Key

    model_config = {"json_schema_extra": {}}


class DocumentResponsibility(Given):
    """A team's part in the objective."""

    team: Key
    role: Role
    share: Positive = default(ONE, 1)
    accepted: Annotated[
        Yes, Field(description="Honored for an admin key; else the team accepts it itself.")
    ] = False


class DocumentKeyResult(Given):
    """A measurable outcome of the objective."""

    key: Key
    title: Name
    metric: Key
    baseline: Number
    target: Number
    weight: Positive = default(ONE, 1)
    cadence_days: Annotated[Days, Field(description=CADENCE)] = 7
    starts_on: Day | None = None
    ends_on: Day | None = None


class DocumentObjective(Given):
    """What the playbook is after."""

    key: Key
    title: Name
    description: Narrative = ""
    priority: Positive = default(ONE, 1)
    parent: Key | None = None
    state: State = "active"
    responsibilities: Annotated[list[DocumentResponsibility], Field(max_length=1_000)] = []
    key_results: Annotated[list[DocumentKeyResult], Field(max_length=1_000)] = []


class DocumentPlaybook(Given):
    """The playbook itself, with its objectives."""

    key: Key
    title: Name
    narrative: Narrative = ""
    starts_on: Day
    ends_on: Day
    objectives: Annotated[list[DocumentObjective], Field(max_length=MOST)] = []


class PlaybookDocument(Given):
    """A playbook as code: what a person keeps in git and applies."""

    sightline: Annotated[Literal[1], Field(description="The version of the format.")]
    sources: Annotated[list[DocumentSource], Field(max_length=MOST)] = []
    teams: Annotated[list[DocumentTeam], Field(max_length=MOST)] = []
    metrics: Annotated[list[DocumentMetric], Field(max_length=MOST)] = []
    offerings: Annotated[list[DocumentOffering], Field(max_length=MOST)] = []
    playbook: DocumentPlaybook

    model_config = {"json_schema_extra": example(**EXAMPLE)}


def to_domain(document: PlaybookDocument) -> Document:
    """The domain's document, each thing with its place."""
    book = document.playbook
    objectives, parts, results = [], [], []
    for index, objective in enumerate(book.objectives):
        at = f"/playbook/objectives/{index}"
        objectives.append(Placed(at, _objective(book.key, objective)))
        for place, part in enumerate(objective.responsibilities):
            parts.append(Placed(f"{at}/responsibilities/{place}", _part(objective.key, part)))
        for place, result in enumerate(objective.key_results):
            results.append(
                Placed(
                    f"{at}/key_results/{place}", made(KeyResult, result, objective=objective.key)
                )
            )
    return Document(
        Playbook(book.key, book.title, book.narrative, book.starts_on, book.ends_on),
        sources=tuple(
            Placed(f"/sources/{i}", made(Source, s)) for i, s in enumerate(document.sources)
        ),
        teams=tuple(Placed(f"/teams/{i}", made(Team, t)) for i, t in enumerate(document.teams)),
        metrics=tuple(
            Placed(f"/metrics/{i}", made(Metric, m)) for i, m in enumerate(document.metrics)
        ),
        offerings=tuple(
            Placed(f"/offerings/{i}", made(Offering, o)) for i, o in enumerate(document.offerings)
        ),
        objectives=tuple(objectives),
        responsibilities=tuple(parts),
        key_results=tuple(results),
    )


def _objective(playbook: str, found: DocumentObjective) -> Objective:
    return Objective(
        found.key,
        playbook,
        found.title,
        found.description,
        found.priority,
        found.parent,
        found.state,
    )


def _part(objective: str, found: DocumentResponsibility) -> Responsibility:
    status = "accepted" if found.accepted else "proposed"
    return Responsibility(objective, found.team, found.role, found.share, status)


def to_wire(document: Document) -> dict[str, Any]:  # Any: JSON values
    """The document as JSON, in the shape that it is applied in."""
    book = {
        name: to_json(document.playbook)[name]
        for name in ("key", "title", "narrative", "starts_on", "ends_on")
    }
    parts: dict[str, list[dict[str, object]]] = defaultdict(list)
    results: dict[str, list[dict[str, object]]] = defaultdict(list)
    for placed in (*document.responsibilities, *document.key_results):
        if isinstance(placed.noun, Responsibility):
            parts[placed.noun.objective].append(_shown_part(placed.noun))
        elif isinstance(placed.noun, KeyResult):
            results[placed.noun.objective].append(_without(placed.noun, "objective"))
    objectives = []
    for placed in document.objectives:
        key = placed.noun.key
        mine = {"responsibilities": parts.get(key, []), "key_results": results.get(key, [])}
        objectives.append({**_without(placed.noun, "playbook"), **mine})
    return {
        "sightline": 1,
        "sources": [{"key": p.noun.key, "name": to_json(p.noun)["name"]} for p in document.sources],
        "teams": [to_json(placed.noun) for placed in document.teams],
        "metrics": [to_json(placed.noun) for placed in document.metrics],
        "offerings": [to_json(placed.noun) for placed in document.offerings],
        "playbook": {**book, "objectives": objectives},
    }


def _shown_part(part: Responsibility) -> dict[str, object]:
    shown = to_json(part)
    return {
        "team": part.team,
        "role": part.role,
        "share": shown["share"],
        "accepted": part.status == "accepted",
    }


def _without(noun: Noun, name: str) -> dict[str, object]:
    return {member: value for member, value in to_json(noun).items() if member != name}
