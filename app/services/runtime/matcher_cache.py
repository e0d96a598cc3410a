"""What events are checked and matched against: compiled once per version of an organization's configuration."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.domain.events.metrics import Matcher
from app.domain.playbook import history as past
from app.domain.playbook.configuration import Configuration
from app.store.access import organization_version as cursor
from app.store.events import metric_restatement as restatements
from app.store.playbook import configuration as store
from app.store.sql.database import Connection

COMPILED_KINDS: Final = ("organization", "team", "source", "metric", "objective")
DEFAULT_MAX_SIZE: Final = (
    100_000  # things, in all catalogues that a process keeps: some hundred bytes each
)


@dataclass(frozen=True, slots=True)
class CompiledConfiguration:
    """What an event is checked and matched against, as of one version of the configuration.

    Shape: `restating` says that history is being restated, and the days that events come in for have to be done again.
    """

    configuration: Configuration
    matcher: Matcher
    version: int
    is_restating: bool

    @property
    def time_zone(self) -> str:
        """The organization's."""
        return self.configuration.organization.time_zone

    @property
    def size(self) -> int:
        """How many things it holds, archived ones too."""
        configuration = self.configuration
        return sum(
            len(configuration.resources_of(kind)) + len(configuration.archived.get(kind, ()))
            for kind in COMPILED_KINDS
        )


class CompiledConfigurationCache:
    """The catalogues of the organizations that this process heard of last, in bounded memory.

    One may be out of date: every write asks the database for its version, under the lock of the organization's cursor.
    """

    def __init__(self, max_size: int = DEFAULT_MAX_SIZE) -> None:
        """Holds at most so many things, or a single larger catalogue."""
        self._max_size, self._total_size = max_size, 0
        self._compiled_by_organization: OrderedDict[UUID, CompiledConfiguration] = OrderedDict()

    def latest(self, organization: UUID) -> CompiledConfiguration | None:
        """The last one that was read. None when none is kept."""
        compiled = self._compiled_by_organization.get(organization)
        if compiled is not None:
            self._compiled_by_organization.move_to_end(organization)
        return compiled

    def put(self, organization: UUID, compiled: CompiledConfiguration) -> None:
        """That one is the newest; those not asked for longest are let go."""
        previous = self._compiled_by_organization.pop(organization, None)
        self._total_size += compiled.size - (0 if previous is None else previous.size)
        self._compiled_by_organization[organization] = compiled
        while self._total_size > self._max_size and len(self._compiled_by_organization) > 1:
            _, evicted = self._compiled_by_organization.popitem(last=False)
            self._total_size -= evicted.size


async def load_compiled_configuration(
    connection: Connection, organization: UUID, cache: CompiledConfigurationCache | None = None
) -> CompiledConfiguration:
    """The organization's catalogue as it is now: the kept one while it is of the database's version.

    Raises: NotFoundError when the organization is gone.
    """
    version = await cursor.load_configuration_version(connection, organization)
    latest = None if cache is None else cache.latest(organization)
    if latest is not None and latest.version == version:
        return latest
    configuration = await store.load_configuration(connection, organization, COMPILED_KINDS)
    pending_metrics = await restatements.load_previous_metrics(connection, organization)
    compiled = CompiledConfiguration(
        configuration,
        Matcher(past.effective_metrics(configuration, pending_metrics)),
        version,
        bool(pending_metrics),
    )
    if cache is not None:
        cache.put(organization, compiled)
    return compiled
