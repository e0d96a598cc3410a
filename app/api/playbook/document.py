"""The endpoints of playbook as code: export and apply a document."""

from hashlib import sha256
from json import dumps
from typing import Annotated, Literal

from fastapi import Query, Request, Response
from pydantic import Field

from app.api.http.authentication import ContextDep
from app.api.http.body import JSON, MIB
from app.api.http.etags import IfNoneMatch, is_not_modified
from app.api.http.resources import PlaybookKey
from app.api.http.route import Contract, create_router, read_contract, route_contract
from app.api.http.schema_base import ResponseModel, json_schema_example
from app.api.http.schema_types import FreeObject, Int32, Key, text
from app.api.playbook.document_schemas import PlaybookDocument, to_document, to_json_document
from app.domain.playbook.configuration import ConfigurationChange
from app.domain.playbook.serialization import to_json
from app.services.playbook import playbooks

router = create_router("apply")
ResourceKind = Annotated[str, text(40, 1, r"^[a-z_]+$")]
ResourceKey = Annotated[str, text(140, 1)]


class PlanStep(ResponseModel):
    """The change of one resource."""

    action: Literal["create", "update", "restore", "archive", "unchanged"]
    kind: ResourceKind
    key: ResourceKey
    changes: Annotated[
        FreeObject,
        Field(description="For an update or restoration: `before` and `after` by member."),
    ]


class Plan(ResponseModel):
    """The changes that applying the document made or, in a dry run, would make."""

    playbook: Key
    revision: Annotated[Int32, Field(description="The playbook's revision afterwards.")]
    dry_run: bool
    steps: Annotated[list[PlanStep], Field(max_length=100_000)]

    model_config = {
        "json_schema_extra": json_schema_example(
            playbook="fy26-q4",
            revision=3,
            dry_run=True,
            steps=[
                {
                    "action": "update",
                    "kind": "team",
                    "key": "sales",
                    "changes": {"size": {"before": 12, "after": 14}},
                },
                {"action": "unchanged", "kind": "playbook", "key": "fy26-q4", "changes": {}},
            ],
        )
    }


def _to_plan_step(change: ConfigurationChange) -> PlanStep:
    changes = {}
    if change.before is not None and change.after is not None:
        before = to_json(change.before)
        after = to_json(change.after)
        changes = {
            field_name: {"before": before.get(field_name), "after": member}
            for field_name, member in after.items()
            if before.get(field_name) != member
        }
    return PlanStep.model_validate(
        {"action": change.action, "kind": change.kind, "key": change.key, "changes": changes}
    )


@router.get("/v1/playbooks/{playbook}/document", response_model=PlaybookDocument, **read_contract())
async def get_document(
    context: ContextDep, request: Request, playbook: PlaybookKey, if_none_match: IfNoneMatch = None
) -> Response:
    """Export the playbook as code with its dependencies. Applying it changes nothing."""
    document = await playbooks.export_document(context.service, context.actor, playbook)
    body = dumps(to_json_document(document), ensure_ascii=False).encode()
    etag = f'"{sha256(body).hexdigest()[:16]}"'
    if is_not_modified(request, etag):
        return Response(status_code=304, headers={"ETag": etag})
    return Response(body, media_type=JSON, headers={"ETag": etag})


@router.post(
    "/v1/apply",
    **route_contract(Contract("playbook:write", JSON, 2 * MIB, problem_statuses=(409,))),
)
async def apply_document(
    context: ContextDep,
    body: PlaybookDocument,
    dry_run: Annotated[bool, Query(description="Only return the plan.")] = False,
    publish: Annotated[bool, Query(description="Publish the playbook afterwards.")] = False,
    prune: Annotated[
        bool, Query(description="Allow more than half of the playbook to be archived.")
    ] = False,
) -> Plan:
    """Apply the document in one transaction. Applying it again changes nothing."""
    document = to_document(body)
    apply_result = await playbooks.apply_document(
        context.service, context.actor, document, dry_run=dry_run, publish=publish, prune=prune
    )
    steps = [_to_plan_step(change) for change in apply_result.changes]
    steps += [
        PlanStep(action="unchanged", kind=kind, key=unchanged_key, changes={})
        for kind, unchanged_key in apply_result.unchanged
    ]
    return Plan(
        playbook=document.playbook.key, revision=apply_result.revision, dry_run=dry_run, steps=steps
    )
