"""Raw bodies of deliveries are kept for so many days; the running service empties older ones by itself."""

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

from app.domain.primitives.errors import SightlineError
from app.services.operations.rollup_check import organizations
from app.services.runtime.context import Service
from app.store.sources import deliveries

LOG: Final = logging.getLogger("sightline.retention")
AT_ONCE: Final = 500


async def step(service: Service, organization: UUID, days: int) -> int:
    """At most 500 raw bodies older than that are kept no longer; what they said stands. Returns how many went."""
    before = service.clock() - timedelta(days=days)
    async with service.database.writing() as connection:
        return await deliveries.empty_bodies(connection, organization, before, AT_ONCE)


async def trim(service: Service, organization: UUID, days: int) -> int:
    """No raw body older than that is kept any longer. Returns how many went."""
    gone = 0
    while some := await step(service, organization, days):
        gone += some
    return gone


async def work(service: Service, days: int, pause: Callable[[bool], Awaitable[bool]]) -> None:
    """Empties raw bodies as they grow old, a step of each organization in turn, until it is told to end.

    Any number of processes may do so at once: each takes bodies that no other has in hand.
    Shape: `pause` is awaited before each round, told whether there is more to do, and says whether to end.
    """
    busy = False
    while not await pause(busy):
        busy = False
        try:
            for _, organization in await organizations(service):
                busy |= await _tried(service, organization, days)
        except SightlineError as error:
            LOG.warning("emptying old deliveries has to wait", extra={"problem": error.detail})


async def _tried(service: Service, organization: UUID, days: int) -> bool:
    """Whether there is more to do; what failed is tried again in a later round, for a step is a transaction."""
    try:
        return await step(service, organization, days) == AT_ONCE
    except SightlineError as error:
        LOG.warning("emptying old deliveries has to wait", extra={"problem": error.detail})
    except Exception:
        LOG.exception("emptying old deliveries failed and is tried again")
    return False
