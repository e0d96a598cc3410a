"""Tables of sources: hooks, deliveries, changes and unmapped values."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field

from app.store.sql.column_types import (
    Binary,
    DecimalJsonColumn,
    Int32,
    UuidColumn,
)
from app.store.tables.base import (
    TABLE_OPTIONS,
    ConfigurationRow,
    Row,
    bigint_column,
    instant_column,
    json_column,
    key_column,
    organization_column,
    organization_foreign_key,
    text_column,
)

HAS_BODY = text("body is not null")  # deliveries whose raw body is not deleted yet
HAS_OTHER_ENTITY = text("other is not null")  # few changes name another record


class SourceRow(ConfigurationRow, table=True):
    """A source."""

    __tablename__ = "source"
    __table_args__ = (organization_foreign_key(("team",), "team"), TABLE_OPTIONS)
    key: str = key_column()
    name: str = text_column()
    connector: str = text_column()
    account: str | None = text_column(nullable=True)
    team: str | None = text_column(nullable=True)
    mapping: Any = json_column()  # Any: a JSON value


class HookRow(Row, table=True):
    """The inbound webhook of a source, with its encrypted secrets."""

    __tablename__ = "hook"
    __table_args__ = (organization_foreign_key(("source",), "source"), TABLE_OPTIONS)
    organization_id: UUID = organization_column()
    source: str = key_column()
    hook_id: str = text_column()
    # Newest first.
    secrets: Any = json_column()  # Any: a JSON value
    generation: int = Field(default=1, sa_type=Int32)
    # The last rejected delivery.
    refused_at: datetime | None = instant_column(nullable=True)


class DeliveryRow(Row, table=True):
    """A delivery of a CRM as it was received, and its outcome."""

    __tablename__ = "delivery"
    __table_args__ = (
        Index(None, "organization_id", "source", "received_at", "uid"),
        Index(
            "ix_delivery_kept",
            "organization_id",
            "received_at",
            sqlite_where=HAS_BODY,
            postgresql_where=HAS_BODY,
        ),
        TABLE_OPTIONS,
    )
    organization_id: UUID = organization_column()
    uid: UUID = Field(primary_key=True, sa_type=UuidColumn)
    source: str = text_column()
    received_at: datetime = instant_column()
    content_type: str = text_column()
    headers: Any = json_column()  # Any: a JSON value
    body: bytes | None = Field(sa_type=Binary, nullable=True)
    state: str = text_column()
    problem: str | None = text_column(nullable=True)
    rejects: Any = json_column()  # Any: a JSON value
    changes: int = Field(sa_type=Int32)
    recorded: int = Field(sa_type=Int32)
    retracted: int = Field(sa_type=Int32)
    origin: str = text_column()


class ChangeRow(Row, table=True):
    """A change that a delivery reported, translated. Append-only; it outlives the raw body."""

    __tablename__ = "change"
    __table_args__ = (
        Index(None, "organization_id", "source", "entity"),
        Index(
            "ix_change_links",
            *("organization_id", "source", "other"),
            sqlite_where=HAS_OTHER_ENTITY,
            postgresql_where=HAS_OTHER_ENTITY,
        ),
        TABLE_OPTIONS,
    )
    organization_id: UUID = organization_column()
    source: str = key_column()
    generation: int = Field(primary_key=True, sa_type=Int32)
    key: str = key_column()
    entity: str = text_column()
    other: str | None = text_column(nullable=True)
    at: datetime = instant_column()
    verb: str = text_column()
    fields: Any = Field(sa_type=DecimalJsonColumn)  # Any: a JSON value
    delivery: UUID = Field(sa_type=UuidColumn)
    seq: int = bigint_column()
    sequence: str = text_column()


class MessageRow(Row, table=True):
    """The sender's id of a delivery, and the hash of its body."""

    __tablename__ = "message"
    __table_args__ = (TABLE_OPTIONS,)
    organization_id: UUID = organization_column()
    source: str = key_column()
    id: str = key_column()
    digest: str = text_column()


class UnmappedRow(Row, table=True):
    """A value that the source's mapping does not cover, with the record that had it last."""

    __tablename__ = "unmapped"
    __table_args__ = (TABLE_OPTIONS,)
    organization_id: UUID = organization_column()
    source: str = key_column()
    entity: str = key_column()
    property: str = key_column()
    value: str = key_column()
