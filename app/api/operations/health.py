"""Whether the service lives and is ready; no key."""

from typing import Annotated, Final, Literal

from pydantic import Field

from app.api.http.authentication import TheService
from app.api.http.route import Contract, declare, desk
from app.api.http.schema_base import Shown, example
from app.api.http.schema_types import text
from app.store.operations import privileges as owner

router = desk("health")
OWNER: Final = (
    "The service runs as the owner of its tables, which can change and delete events. Give it a role of its own: "
    "sightline db upgrade --service-role NAME"
)


class Health(Shown):
    """How the service is."""

    status: Annotated[Literal["ok"], Field(description="What is not is a problem document.")]

    model_config = {"json_schema_extra": example(status="ok")}


class Readiness(Health):
    """How the service is, and what its operator should know."""

    warnings: Annotated[
        list[Annotated[str, text(500)]],
        Field(max_length=20, description="What works and should not stay so."),
    ]

    model_config = {"json_schema_extra": example(status="ok", warnings=[])}


@router.get("/livez", **declare(Contract(None)))
async def check_liveness() -> Health:
    """The process answers; restart it when it does not."""
    return Health(status="ok")


@router.get("/readyz", **declare(Contract(None)))
async def check_readiness(service: TheService) -> Readiness:
    """The database can be read; send no traffic while it cannot."""
    async with service.database.reading() as connection:
        owns = await owner.owns(connection)
    return Readiness(status="ok", warnings=[OWNER] if owns else [])
