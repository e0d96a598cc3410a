"""Tables of access: the directory of public ids, and API keys."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Field

from app.store.sql.column_types import (
    UuidColumn,
)
from app.store.tables.base import (
    TABLE_OPTIONS,
    Row,
    instant_column,
    json_column,
    key_column,
    organization_column,
    text_column,
)


class DirectoryRow(Row, table=True):
    """The organization of a public id. Only this table is queried without an organization."""

    __tablename__ = "directory"
    __table_args__ = (TABLE_OPTIONS,)
    kind: str = key_column()
    id: str = key_column()
    organization_id: UUID = Field(sa_type=UuidColumn)


class ApiKeyRow(Row, table=True):
    """An API key. The key itself is not stored, only its digest under the pepper."""

    __tablename__ = "api_key"
    __table_args__ = (TABLE_OPTIONS,)
    organization_id: UUID = organization_column()
    id: str = key_column()
    name: str = text_column()
    digest: str = text_column()
    pepper: str = text_column()
    last_four: str = text_column()
    scopes: Any = json_column()  # Any: a JSON value
    team: str | None = text_column(nullable=True)
    source: str | None = text_column(nullable=True)
    created_at: datetime = instant_column()
    created_by: str = text_column()
    expires_at: datetime | None = instant_column(nullable=True)
    revoked_at: datetime | None = instant_column(nullable=True)
    last_used_at: datetime | None = instant_column(nullable=True)
