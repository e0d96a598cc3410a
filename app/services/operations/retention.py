"""Retention of raw deliveries: the running service empties bodies that are too old."""

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
    """Empty at most 500 raw bodies that are older than `days`. Return their number."""
    cutoff = service.clock() - timedelta(days=days)
    async with service.database.write_transaction() as connection:
        return await deliveries.empty_bodies(connection, organization, cutoff, BATCH_SIZE)


async def empty_old_bodies(service: ServiceContext, organization: UUID, days: int) -> int:
    """Empty all raw bodies that are older than `days`. Return their number."""
    emptied_count = 0
    while batch_count := await empty_batch(service, organization, days):
        emptied_count += batch_count
    return emptied_count


async def run_worker(
    service: ServiceContext, days: int, pause: Callable[[bool], Awaitable[bool]]
) -> None:
    """Empty old raw bodies, one batch of each organization in turn, until `pause` returns True.

    Any number of processes may run it: each takes bodies that no other has locked. `pause` is
    awaited before each round. It gets whether there is more to do.
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
    """Empty a batch, and log an error. Return whether there is more to do.

    A batch is a transaction, so a later round can repeat a failed one.
    """
    try:
        return await empty_batch(service, organization, days) == BATCH_SIZE
    except SightlineError as error:
        LOG.warning("emptying old deliveries has to wait", extra={"problem": error.detail})
    except Exception:
        LOG.exception("emptying old deliveries failed and is tried again")
    return False
