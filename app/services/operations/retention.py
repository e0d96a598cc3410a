"""Raw bodies of deliveries are kept for so many days; the running service empties older ones by itself."""

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

from app.domain.primitives.errors import SightlineError
from app.services.operations.rollup_check import list_organizations
from app.services.runtime.context import ServiceContext
from app.store.sources import deliveries

LOG: Final = logging.getLogger("sightline.retention")
BATCH_SIZE: Final = 500


async def empty_batch(service: ServiceContext, organization: UUID, days: int) -> int:
    """At most 500 raw bodies older than that are kept no longer; what they said stands. Returns how many went."""
    cutoff = service.clock() - timedelta(days=days)
    async with service.database.write_transaction() as connection:
        return await deliveries.empty_bodies(connection, organization, cutoff, BATCH_SIZE)


async def empty_old_bodies(service: ServiceContext, organization: UUID, days: int) -> int:
    """No raw body older than that is kept any longer. Returns how many went."""
    emptied_count = 0
    while batch_count := await empty_batch(service, organization, days):
        emptied_count += batch_count
    return emptied_count


async def run_worker(
    service: ServiceContext, days: int, pause: Callable[[bool], Awaitable[bool]]
) -> None:
    """Empties raw bodies as they grow old, a step of each organization in turn, until it is told to end.

    Any number of processes may do so at once: each takes bodies that no other has in hand.
    Shape: `pause` is awaited before each round, told whether there is more to do, and says whether to end.
    """
    is_busy = False
    while not await pause(is_busy):
        is_busy = False
        try:
            for _, organization in await list_organizations(service):
                is_busy |= await _try_batch(service, organization, days)
        except SightlineError as error:
            LOG.warning("emptying old deliveries has to wait", extra={"problem": error.detail})


async def _try_batch(service: ServiceContext, organization: UUID, days: int) -> bool:
    """Whether there is more to do; what failed is tried again in a later round, for a step is a transaction."""
    try:
        return await empty_batch(service, organization, days) == BATCH_SIZE
    except SightlineError as error:
        LOG.warning("emptying old deliveries has to wait", extra={"problem": error.detail})
    except Exception:
        LOG.exception("emptying old deliveries failed and is tried again")
    return False
