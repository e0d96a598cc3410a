"""The endpoints of liveness and readiness, without authentication."""

from typing import Annotated, Final, Literal

from pydantic import Field

from app.api.http.authentication import ServiceDep
from app.api.http.route import Contract, create_router, route_contract
from app.api.http.schema_base import ResponseModel, json_schema_example
from app.api.http.schema_types import text
from app.store.operations import privileges

router = create_router("health")
OWNER_WARNING: Final = (
    "The service runs as the owner of its tables, which can change and delete events. Give it a role of its own: "
    "sightline db upgrade --service-role NAME"
)


class Health(ResponseModel):
    """How the service is."""

    status: Annotated[Literal["ok"], Field(description="What is not is a problem document.")]

    model_config = {"json_schema_extra": json_schema_example(status="ok")}


class Readiness(Health):
    """How the service is, and what its operator should know."""

    warnings: Annotated[
        list[Annotated[str, text(500)]],
        Field(max_length=20, description="What works and should not stay so."),
    ]

    model_config = {"json_schema_extra": json_schema_example(status="ok", warnings=[])}


@router.get("/livez", **route_contract(Contract(None)))
async def check_liveness() -> Health:
    """The process answers; restart it when it does not."""
    return Health(status="ok")


@router.get("/readyz", **route_contract(Contract(None)))
async def check_readiness(service: ServiceDep) -> Readiness:
    """The database can be read; send no traffic while it cannot."""
    async with service.database.read_transaction() as connection:
        is_owner = await privileges.is_table_owner(connection)
    return Readiness(status="ok", warnings=[OWNER_WARNING] if is_owner else [])
