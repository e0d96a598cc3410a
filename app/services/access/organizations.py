"""Organizations: made by the operator, never over HTTP."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

from app.domain.playbook.configuration import Configuration, diff_configurations
from app.domain.playbook.organization import Organization
from app.domain.playbook.validation import put_resource
from app.domain.primitives.errors import NotFoundError, unknown_key_message
from app.security import identifiers as ids
from app.services.access import api_keys as keys
from app.services.access.api_keys import IssueKey
from app.services.runtime.context import ServiceContext
from app.store.access import directory
from app.store.access import organization_version as cursor
from app.store.operations import organization_deletion as removal
from app.store.operations import privileges as owner
from app.store.playbook import configuration

DELETE_BATCH_SIZE: Final = 10_000


async def create_organization(service: ServiceContext, organization: Organization) -> str:
    """A new organization with the default policy; returns its first admin API key.

    Raises: ConflictError, InvalidError.
    """
    now = service.clock()
    empty = Configuration({}, policies={})
    initial = put_resource(Configuration({organization.key: organization}), organization)
    organization_id = ids.new_uuid7(now)
    async with service.database.write_transaction() as connection:
        await directory.add_public_id(connection, "organization", organization.key, organization_id)
        await cursor.create_cursor(connection, organization_id, now, organization.time_zone)
        position = await cursor.advance_version(
            connection, organization_id, now, organization.time_zone, changes_configuration=True
        )
        await configuration.save_changes(
            connection, organization_id, position, "operator", diff_configurations(empty, initial)
        )
        key_request = IssueKey("first admin key", frozenset({"admin"}))
        _, api_key = await keys.issue_key_within(
            service, connection, keys.operator_actor(organization_id), key_request
        )
    return api_key


async def delete_organization(
    service: ServiceContext, key: str, report_progress: Callable[[int], None]
) -> int:
    """Nothing is left of the organization; returns how many rows went.

    Done in steps, each a transaction: its keys and hooks stop at once, and whoever is interrupted deletes again.
    Shape: `note` is told how many rows have gone so far. Raises: NotFoundError; ConflictError for all but the owner.
    """
    organization_id, deleted_count = await find_organization(service, key), 0
    async with service.database.write_transaction() as connection:
        await owner.require_owner(connection)
        await removal.revoke_access(connection, organization_id)
    service.hook_cache.invalidate(organization_id)
    for table in removal.list_organization_tables():
        has_more = True
        while has_more:
            async with service.database.write_transaction() as connection:
                batch_count = await removal.delete_rows(
                    connection, organization_id, table, DELETE_BATCH_SIZE
                )
            deleted_count += batch_count
            report_progress(deleted_count)
            has_more = batch_count == DELETE_BATCH_SIZE
    async with service.database.write_transaction() as connection:
        await cursor.lock(
            connection, organization_id
        )  # what was under way when the doors were closed is done, and goes too
        return deleted_count + await removal.delete_organization(connection, organization_id)


async def find_organization(service: ServiceContext, key: str) -> UUID:
    """The identity of the organization with that key. Raises: NotFoundError naming the nearest known one."""
    async with service.database.read_transaction() as connection:
        organization_id = await directory.find_organization(connection, "organization", key)
        if organization_id is None:
            known_keys = [
                name for name, _ in await directory.list_public_ids(connection, "organization")
            ]
            raise NotFoundError(unknown_key_message("organization", key, known_keys))
    return organization_id
