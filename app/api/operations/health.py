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
    "The service runs as the owner of its tables, which can change and delete events. "
    "Give it a role of its own: "
    "sightline db upgrade --service-role NAME"
)


class Health(ResponseModel):
    """The health of the service."""

    status: Annotated[Literal["ok"], Field(description="Any other state is a problem document.")]

    model_config = {"json_schema_extra": json_schema_example(status="ok")}


class Readiness(Health):
    """The health of the service, with warnings to its operator."""

    warnings: Annotated[
        list[Annotated[str, text(500)]],
        Field(max_length=20, description="Conditions that should be corrected."),
    ]

    model_config = {"json_schema_extra": json_schema_example(status="ok", warnings=[])}


@router.get("/livez", **route_contract(Contract(None)))
async def check_liveness() -> Health:
    """Answer while the process runs. Restart it when it does not."""
    return Health(status="ok")


@router.get("/readyz", **route_contract(Contract(None)))
async def check_readiness(service: ServiceDep) -> Readiness:
    """Check that the database can be read. Send no traffic while it cannot."""
    async with service.database.read_transaction() as connection:
        is_owner = await privileges.is_table_owner(connection)
    return Readiness(status="ok", warnings=[OWNER_WARNING] if is_owner else [])
