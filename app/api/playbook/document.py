"""Playbook as code over HTTP: the document, and applying one."""

from hashlib import sha256
from json import dumps
from typing import Annotated, Literal

from fastapi import Query, Request, Response
from pydantic import Field

from app.api.http.authentication import Caller
from app.api.http.body import JSON, MIB
from app.api.http.etags import IfNoneMatch, not_modified
from app.api.http.resources import PlaybookKey
from app.api.http.route import Contract, declare, desk, reads
from app.api.http.schema_base import Shown, example
from app.api.http.schema_types import FreeObject, Key, Small, text
from app.api.playbook.document_schemas import PlaybookDocument, to_domain, to_wire
from app.domain.playbook.configuration import Change
from app.domain.playbook.serialization import to_json
from app.services.playbook import playbooks

router = desk("apply")
Kind = Annotated[str, text(40, 1, r"^[a-z_]+$")]
Named = Annotated[str, text(140, 1)]


class PlanStep(Shown):
    """What happens to one thing."""

    action: Literal["create", "update", "restore", "archive", "unchanged"]
    kind: Kind
    key: Named
    changes: Annotated[
        FreeObject,
        Field(description="Of what is updated or restored, by member: `before`, `after`."),
    ]


class Plan(Shown):
    """What applying the document did, or with a dry run would do."""

    playbook: Key
    revision: Annotated[Small, Field(description="The playbook's revision afterwards.")]
    dry_run: bool
    steps: Annotated[list[PlanStep], Field(max_length=100_000)]

    model_config = {
        "json_schema_extra": example(
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


def _step(change: Change) -> PlanStep:
    changes = {}
    if change.before is not None and change.after is not None:
        before, after = to_json(change.before), to_json(change.after)
        changes = {
            name: {"before": before.get(name), "after": value}
            for name, value in after.items()
            if before.get(name) != value
        }
    return PlanStep.model_validate(
        {"action": change.action, "kind": change.kind, "key": change.key, "changes": changes}
    )


@router.get("/v1/playbooks/{playbook}/document", response_model=PlaybookDocument, **reads())
async def get_document(
    call: Caller, request: Request, playbook: PlaybookKey, seen: IfNoneMatch = None
) -> Response:
    """The playbook as code, with all it needs; applying it changes nothing."""
    found = await playbooks.document(call.service, call.actor, playbook)
    body = dumps(to_wire(found), ensure_ascii=False).encode()
    etag = f'"{sha256(body).hexdigest()[:16]}"'
    if not_modified(request, etag):
        return Response(status_code=304, headers={"ETag": etag})
    return Response(body, media_type=JSON, headers={"ETag": etag})


@router.post("/v1/apply", **declare(Contract("playbook:write", JSON, 2 * MIB, problems=(409,))))
async def apply_document(
    call: Caller,
    body: PlaybookDocument,
    dry_run: Annotated[bool, Query(description="Only say what would happen.")] = False,
    publish: Annotated[bool, Query(description="Publish the playbook afterwards.")] = False,
    prune: Annotated[
        bool, Query(description="Archive even more than half of what the playbook has.")
    ] = False,
) -> Plan:
    """Makes things as the document says, in one transaction; applying it twice changes nothing."""
    document = to_domain(body)
    done = await playbooks.apply(
        call.service, call.actor, document, dry_run=dry_run, publish=publish, prune=prune
    )
    steps = [_step(change) for change in done.changes]
    steps += [
        PlanStep(action="unchanged", kind=kind, key=key, changes={}) for kind, key in done.unchanged
    ]
    return Plan(
        playbook=document.playbook.key, revision=done.revision, dry_run=dry_run, steps=steps
    )
