"""Whether the service lives and is ready; no key."""

from typing import Annotated, Literal

from pydantic import Field

from app.api.callers import TheService
from app.api.operation import Contract, declare, desk
from app.api.wire import Shown, example

router = desk("health")


class Health(Shown):
    """How the service is."""

    status: Annotated[Literal["ok"], Field(description="What is not is a problem document.")]

    model_config = {"json_schema_extra": example(status="ok")}


@router.get("/livez", **declare(Contract(None)))
async def check_liveness() -> Health:
    """The process answers; restart it when it does not."""
    return Health(status="ok")


@router.get("/readyz", **declare(Contract(None)))
async def check_readiness(service: TheService) -> Health:
    """The database can be read; send no traffic while it cannot."""
    async with service.database.reading():
        pass
    return Health(status="ok")
