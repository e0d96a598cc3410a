"""The schemas of playbook as code, and the conversion to and from the domain."""

from collections import defaultdict
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from app.api.http.schema_base import RequestModel, json_schema_example, to_domain
from app.api.http.schema_types import (
    Day,
    Days,
    Key,
    Name,
    Narrative,
    Number,
    Positive,
    StrictBoolean,
    defaulted_member,
)
from app.api.playbook.key_results import CADENCE_DESCRIPTION
from app.api.playbook.metrics import MetricPut
from app.api.playbook.objectives import State
from app.api.playbook.offerings import OfferingPut
from app.api.playbook.responsibilities import Role
from app.api.playbook.teams import TeamPut
from app.domain.events.metrics import Metric
from app.domain.playbook.configuration import Resource
from app.domain.playbook.document import Document, Located
from app.domain.playbook.objectives import KeyResult, Objective, Responsibility
from app.domain.playbook.offerings import Offering
from app.domain.playbook.organization import Team
from app.domain.playbook.playbooks import Playbook
from app.domain.playbook.serialization import to_json
from app.domain.primitives.decimals import FIXED_SCALE
from app.domain.sources.sources import Source

MAX_ENTITIES: Final = 10_000
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


class DocumentSource(RequestModel):
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


class DocumentResponsibility(RequestModel):
    """A team's part in the objective."""

    team: Key
    role: Role
    share: Positive = defaulted_member(FIXED_SCALE, 1)
    accepted: Annotated[
        StrictBoolean,
        Field(description="Only an admin key may accept; otherwise the team accepts."),
    ] = False


class DocumentKeyResult(RequestModel):
    """A measurable outcome of the objective."""

    key: Key
    title: Name
    metric: Key
    baseline: Number
    target: Number
    weight: Positive = defaulted_member(FIXED_SCALE, 1)
    cadence_days: Annotated[Days, Field(description=CADENCE_DESCRIPTION)] = 7
    starts_on: Day | None = None
    ends_on: Day | None = None


class DocumentObjective(RequestModel):
    """An objective of the playbook."""

    key: Key
    title: Name
    description: Narrative = ""
    priority: Positive = defaulted_member(FIXED_SCALE, 1)
    parent: Key | None = None
    state: State = "active"
    responsibilities: Annotated[list[DocumentResponsibility], Field(max_length=1_000)] = []
    key_results: Annotated[list[DocumentKeyResult], Field(max_length=1_000)] = []


class DocumentPlaybook(RequestModel):
    """The playbook itself, with its objectives."""

    key: Key
    title: Name
    narrative: Narrative = ""
    starts_on: Day
    ends_on: Day
    objectives: Annotated[list[DocumentObjective], Field(max_length=MAX_ENTITIES)] = []


class PlaybookDocument(RequestModel):
    """A playbook as code, to keep in git and apply."""

    sightline: Annotated[Literal[1], Field(description="The version of the format.")]
    sources: Annotated[list[DocumentSource], Field(max_length=MAX_ENTITIES)] = []
    teams: Annotated[list[DocumentTeam], Field(max_length=MAX_ENTITIES)] = []
    metrics: Annotated[list[DocumentMetric], Field(max_length=MAX_ENTITIES)] = []
    offerings: Annotated[list[DocumentOffering], Field(max_length=MAX_ENTITIES)] = []
    playbook: DocumentPlaybook

    model_config = {"json_schema_extra": json_schema_example(**EXAMPLE)}


def to_document(document: PlaybookDocument) -> Document:
    """Convert a request body to the domain's document, each resource with its JSON pointer."""
    playbook = document.playbook
    objectives = []
    responsibilities = []
    key_results = []
    for index, objective in enumerate(playbook.objectives):
        pointer = f"/playbook/objectives/{index}"
        objectives.append(Located(pointer, _to_objective(playbook.key, objective)))
        for part_index, responsibility in enumerate(objective.responsibilities):
            responsibilities.append(
                Located(
                    f"{pointer}/responsibilities/{part_index}",
                    _to_responsibility(objective.key, responsibility),
                )
            )
        for part_index, key_result in enumerate(objective.key_results):
            key_results.append(
                Located(
                    f"{pointer}/key_results/{part_index}",
                    to_domain(KeyResult, key_result, objective=objective.key),
                )
            )
    return Document(
        Playbook(
            playbook.key, playbook.title, playbook.narrative, playbook.starts_on, playbook.ends_on
        ),
        sources=tuple(
            Located(f"/sources/{i}", to_domain(Source, s)) for i, s in enumerate(document.sources)
        ),
        teams=tuple(
            Located(f"/teams/{i}", to_domain(Team, t)) for i, t in enumerate(document.teams)
        ),
        metrics=tuple(
            Located(f"/metrics/{i}", to_domain(Metric, m)) for i, m in enumerate(document.metrics)
        ),
        offerings=tuple(
            Located(f"/offerings/{i}", to_domain(Offering, o))
            for i, o in enumerate(document.offerings)
        ),
        objectives=tuple(objectives),
        responsibilities=tuple(responsibilities),
        key_results=tuple(key_results),
    )


def _to_objective(playbook: str, body: DocumentObjective) -> Objective:
    return Objective(
        body.key,
        playbook,
        body.title,
        body.description,
        body.priority,
        body.parent,
        body.state,
    )


def _to_responsibility(objective: str, body: DocumentResponsibility) -> Responsibility:
    status = "accepted" if body.accepted else "proposed"
    return Responsibility(objective, body.team, body.role, body.share, status)


def to_json_document(document: Document) -> dict[str, Any]:  # Any: JSON values
    """Convert a document to the JSON in which it can be applied."""
    playbook = {
        field_name: to_json(document.playbook)[field_name]
        for field_name in ("key", "title", "narrative", "starts_on", "ends_on")
    }
    responsibilities: dict[str, list[dict[str, object]]] = defaultdict(list)
    key_results: dict[str, list[dict[str, object]]] = defaultdict(list)
    for located in (*document.responsibilities, *document.key_results):
        if isinstance(located.resource, Responsibility):
            responsibilities[located.resource.objective].append(
                _responsibility_to_json(located.resource)
            )
        elif isinstance(located.resource, KeyResult):
            key_results[located.resource.objective].append(
                _to_json_without(located.resource, "objective")
            )
    objectives = []
    for located in document.objectives:
        objective_key = located.resource.key
        nested_fields = {
            "responsibilities": responsibilities.get(objective_key, []),
            "key_results": key_results.get(objective_key, []),
        }
        objectives.append({**_to_json_without(located.resource, "playbook"), **nested_fields})
    return {
        "sightline": 1,
        "sources": [
            {"key": located_source.resource.key, "name": to_json(located_source.resource)["name"]}
            for located_source in document.sources
        ],
        "teams": [to_json(located.resource) for located in document.teams],
        "metrics": [to_json(located.resource) for located in document.metrics],
        "offerings": [to_json(located.resource) for located in document.offerings],
        "playbook": {**playbook, "objectives": objectives},
    }


def _responsibility_to_json(responsibility: Responsibility) -> dict[str, object]:
    json_fields = to_json(responsibility)
    return {
        "team": responsibility.team,
        "role": responsibility.role,
        "share": json_fields["share"],
        "accepted": responsibility.status == "accepted",
    }


def _to_json_without(resource: Resource, excluded: str) -> dict[str, object]:
    return {
        member: member_value
        for member, member_value in to_json(resource).items()
        if member != excluded
    }
