"""The transaction in which deliveries of one source are processed."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.access.actor import Actor
from app.domain.playbook.configuration import missing_message
from app.domain.primitives.errors import ConflictError, NotFoundError
from app.domain.sources.mapping.mapping import DealMapping
from app.domain.sources.sources import Source
from app.security.vault import Vault
from app.services.runtime.compiled_configuration import (
    CompiledConfiguration,
    load_compiled_configuration,
)
from app.services.runtime.context import ServiceContext
from app.services.sources.delivery_parsing import parse_source_mapping
from app.store.access import organization_version
from app.store.access.organization_version import WritePosition
from app.store.playbook import configuration as configuration_store
from app.store.sources import sources as sources_store
from app.store.sources.changes import SourceGeneration
from app.store.sql.database import Connection


@dataclass(frozen=True, slots=True)
class SourceTransaction:
    """A write transaction on one source. It holds the lock of the organization until it ends."""

    connection: Connection
    organization: UUID
    source: Source
    # Parsed once, however many deliveries the transaction processes.
    mapping: DealMapping
    compiled: CompiledConfiguration
    position: WritePosition
    vault: Vault
    # The number of the source's present set of changes. A replay that alters or omits a reported
    # change stores all changes of the source under the next number. Events are derived from the
    # latest number only.
    generation: int = 1
    # The reason of retractions; empty where each delivery is the reason of its own.
    reason: str = ""

    @property
    def source_generation(self) -> SourceGeneration:
        """The key of the source's changes that are in force."""
        return SourceGeneration(self.organization, self.source.key, self.generation)


async def begin_source_transaction(
    service: ServiceContext, connection: Connection, actor: Actor, key: str, reason: str
) -> tuple[SourceTransaction, datetime]:
    """Lock the organization and load what work on a source needs. Return it and the current time.

    Raises: NotFoundError; ConflictError for a source that receives no deliveries; InvalidError for
    a stored mapping that is no longer valid.
    """
    now = service.clock()
    zone = await organization_version.time_zone(connection, actor.organization)
    position = await organization_version.advance_version(
        connection, actor.organization, now, zone, changes_configuration=False
    )
    source = await load_delivering_source(connection, actor.organization, key)
    compiled = await load_compiled_configuration(
        connection, actor.organization, service.compiled_configuration_cache
    )
    generation = await sources_store.load_generation(connection, actor.organization, key)
    transaction = SourceTransaction(
        connection,
        actor.organization,
        source,
        parse_source_mapping(source),
        compiled,
        position,
        service.vault,
        generation,
        reason,
    )
    return transaction, now


async def load_delivering_source(connection: Connection, organization: UUID, key: str) -> Source:
    """Load a source that receives deliveries.

    Raises: NotFoundError for an unknown or archived source; ConflictError for one of the connector
    `api`.
    """
    stored_source = await configuration_store.find_resource(connection, organization, "source", key)
    if (
        stored_source is None
        or stored_source.is_archived
        or not isinstance(stored_source.resource, Source)
    ):
        configuration = await configuration_store.load_configuration(
            connection, organization, ("source",)
        )
        raise NotFoundError(missing_message(configuration, "source", key))
    if stored_source.resource.connector == "api":
        raise ConflictError(
            f"The source '{key}' has no deliveries: its events come with an API key."
        )
    return stored_source.resource
