"""The configuration that events are checked and matched against, compiled once per version."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.domain.events.metrics import Matcher
from app.domain.playbook import history as history_domain
from app.domain.playbook.configuration import Configuration
from app.services.runtime.versioned_cache import VersionedCache
from app.store.access import organization_version
from app.store.events import metric_restatement as metric_restatement_store
from app.store.playbook import configuration as configuration_store
from app.store.sql.database import Connection

COMPILED_KINDS: Final = ("organization", "team", "source", "metric", "objective")
# Resources in all cached configurations of a process; each takes some hundred bytes.
MAX_CACHED_RESOURCES: Final = 100_000


@dataclass(frozen=True, slots=True)
class CompiledConfiguration:
    """The part of a configuration that events are checked and matched against, at one version."""

    configuration: Configuration
    # Matches events by the metrics that are in effect: the previous ones while history is restated.
    matcher: Matcher
    # The organization's configuration version.
    version: int
    # Whether history is being restated. The days of new events must then be restated again.
    is_restating: bool

    @property
    def time_zone(self) -> str:
        """The organization's time zone, an IANA name."""
        return self.configuration.organization.time_zone

    @property
    def size(self) -> int:
        """The number of resources in it, archived ones included."""
        configuration = self.configuration
        return sum(
            len(configuration.resources_of(kind)) + len(configuration.archived.get(kind, ()))
            for kind in COMPILED_KINDS
        )


def find_latest_compiled(cache: VersionedCache, organization: UUID) -> CompiledConfiguration | None:
    """Return the cached configuration, which may be outdated, or None on a cache miss.

    An outdated one is safe for a write of events. The write compares its version under the
    organization's lock, and is repeated if it has changed.
    """
    return cache.get_latest(organization, None, CompiledConfiguration)


async def load_compiled_configuration(
    connection: Connection, organization: UUID, cache: VersionedCache | None = None
) -> CompiledConfiguration:
    """Return the organization's current configuration, from the cache if it has that version.

    Raises: NotFoundError when the organization was deleted.
    """
    version = await organization_version.load_configuration_version(connection, organization)
    cached = (
        None if cache is None else cache.get(organization, None, version, CompiledConfiguration)
    )
    if cached is not None:
        return cached
    configuration = await configuration_store.load_configuration(
        connection, organization, COMPILED_KINDS
    )
    pending_metrics = await metric_restatement_store.load_previous_metrics(connection, organization)
    compiled = CompiledConfiguration(
        configuration,
        Matcher(history_domain.effective_metrics(configuration, pending_metrics)),
        version,
        bool(pending_metrics),
    )
    if cache is not None:
        # A configuration larger than the whole cache is cached alone.
        cache.put(organization, None, version, compiled, min(compiled.size, cache.max_cost))
    return compiled
