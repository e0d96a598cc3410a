"""Use cases for organizations. The operator runs them; they have no HTTP endpoint."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

from app.domain.playbook.configuration import Configuration, diff_configurations
from app.domain.playbook.organization import Organization
from app.domain.playbook.validation import put_resource
from app.domain.primitives.errors import NotFoundError, unknown_key_message
from app.security import identifiers
from app.services.access import api_keys as api_keys_service
from app.services.access.api_keys import IssueKey
from app.services.runtime.context import ServiceContext
from app.store.access import directory, organization_version
from app.store.operations import organization_deletion, privileges
from app.store.playbook import configuration as configuration_store

DELETE_BATCH_SIZE: Final = 10_000


async def create_organization(service: ServiceContext, organization: Organization) -> str:
    """Create an organization with the default policy. Return its first admin API key.

    Raises: ConflictError, InvalidError.
    """
    now = service.clock()
    empty = Configuration({}, policies={})
    initial = put_resource(Configuration({organization.key: organization}), organization)
    organization_id = identifiers.new_uuid7(now)
    async with service.database.write_transaction() as connection:
        await directory.add_public_id(connection, "organization", organization.key, organization_id)
        await organization_version.create_cursor(
            connection, organization_id, now, organization.time_zone
        )
        position = await organization_version.advance_version(
            connection, organization_id, now, organization.time_zone, changes_configuration=True
        )
        await configuration_store.save_changes(
            connection, organization_id, position, "operator", diff_configurations(empty, initial)
        )
        key_request = IssueKey("first admin key", frozenset({"admin"}))
        _, api_key = await api_keys_service.issue_key_within(
            service, connection, api_keys_service.operator_actor(organization_id), key_request
        )
    return api_key


async def delete_organization(
    service: ServiceContext, key: str, report_progress: Callable[[int], None]
) -> int:
    """Delete all rows of an organization. Return their number.

    The first transaction revokes its keys and hooks, the next ones delete rows in batches. An
    interrupted deletion can be repeated. `report_progress` gets the number of rows deleted so far.

    Raises: NotFoundError; ConflictError when the database role does not own the tables.
    """
    organization_id = await find_organization(service, key)
    deleted_count = 0
    async with service.database.write_transaction() as connection:
        await privileges.require_owner(connection)
        await organization_deletion.revoke_access(connection, organization_id)
    service.hook_cache.invalidate(lambda hook: hook.organization == organization_id)
    for table in organization_deletion.list_organization_tables():
        has_more = True
        while has_more:
            async with service.database.write_transaction() as connection:
                batch_count = await organization_deletion.delete_rows(
                    connection, organization_id, table, DELETE_BATCH_SIZE
                )
            deleted_count += batch_count
            report_progress(deleted_count)
            has_more = batch_count == DELETE_BATCH_SIZE
    async with service.database.write_transaction() as connection:
        # Wait for writes that began before the access was revoked; their rows are deleted, too.
        await organization_version.lock(connection, organization_id)
        return deleted_count + await organization_deletion.delete_organization(
            connection, organization_id
        )


async def find_organization(service: ServiceContext, key: str) -> UUID:
    """Return the id of the organization with that key.

    Raises: NotFoundError that names the most similar key.
    """
    async with service.database.read_transaction() as connection:
        organization_id = await directory.find_organization(connection, "organization", key)
        if organization_id is None:
            known_keys = [
                public_id
                for public_id, _ in await directory.list_public_ids(connection, "organization")
            ]
            raise NotFoundError(unknown_key_message("organization", key, known_keys))
    return organization_id
