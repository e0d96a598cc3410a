"""Column types that mean the same on both databases: exact integers, C-ordered text, JSON as canonical text."""

from datetime import date, datetime
from json import loads
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Dialect, Integer, LargeBinary, Text, TypeDecorator
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeEngine

from app.domain.events.events import to_canonical_json
from app.domain.primitives import strict_json
from app.domain.primitives.epoch import (
    from_day_number,
    from_microseconds,
    to_day_number,
    to_microseconds,
)

# STRICT tables of SQLite know INTEGER, TEXT and BLOB only; PostgreSQL orders text by code point only when told to.
Int64: TypeEngine[int] = BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
Int32: TypeEngine[int] = Integer().with_variant(sqlite.INTEGER(), "sqlite")
CollatedText: TypeEngine[str] = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
Binary: TypeEngine[bytes] = LargeBinary()


class InstantColumn(TypeDecorator[datetime]):
    """A UTC instant as microseconds since the epoch."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(
        self, dialect: Dialect
    ) -> TypeEngine[Any]:  # Any: SQLAlchemy's own signature
        """INTEGER on SQLite, bigint elsewhere."""
        return dialect.type_descriptor(Int64)

    def process_bind_param(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002  # SQLAlchemy's signature
    ) -> int | None:  # SQLAlchemy's signature
        """Instant to number."""
        return None if value is None else to_microseconds(value)

    def process_result_value(
        self,
        value: Any | None,
        dialect: Dialect,  # noqa: ARG002  # Any: SQLAlchemy's signature
    ) -> datetime | None:  # Any: SQLAlchemy's signature
        """Number to instant."""
        return None if value is None else from_microseconds(value)


class DayColumn(TypeDecorator[date]):
    """A date as days since 1970-01-01."""

    impl = Integer
    cache_ok = True

    def load_dialect_impl(
        self, dialect: Dialect
    ) -> TypeEngine[Any]:  # Any: SQLAlchemy's own signature
        """INTEGER on both."""
        return dialect.type_descriptor(Int32)

    def process_bind_param(
        self,
        value: date | None,
        dialect: Dialect,  # noqa: ARG002  # SQLAlchemy's signature
    ) -> int | None:  # SQLAlchemy's signature
        """Date to number."""
        return None if value is None else to_day_number(value)

    def process_result_value(
        self,
        value: Any | None,
        dialect: Dialect,  # noqa: ARG002  # Any: SQLAlchemy's signature
    ) -> date | None:  # Any: SQLAlchemy's signature
        """Number to date."""
        return None if value is None else from_day_number(value)


class JsonColumn(TypeDecorator[Any]):
    """A JSON value as its canonical text, so that both databases give back the same bytes."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(
        self, dialect: Dialect
    ) -> TypeEngine[Any]:  # Any: SQLAlchemy's own signature
        """Text on both."""
        return dialect.type_descriptor(CollatedText)

    def process_bind_param(
        self,
        value: object,
        dialect: Dialect,  # noqa: ARG002  # SQLAlchemy's signature
    ) -> str | None:  # SQLAlchemy's signature
        """Value to text."""
        return None if value is None else to_canonical_json(value)

    def process_result_value(
        self,
        value: Any | None,
        dialect: Dialect,  # noqa: ARG002  # Any: a JSON value is anything
    ) -> Any:  # Any: a JSON value is anything
        """Text to value."""
        return None if value is None else loads(value)


class DecimalJsonColumn(JsonColumn):
    """A JSON value whose numbers with a point are Decimals: what a CRM said, digit for digit."""

    cache_ok = True

    def process_bind_param(
        self,
        value: object,
        dialect: Dialect,  # noqa: ARG002  # SQLAlchemy's signature
    ) -> str | None:  # SQLAlchemy's signature
        """Value to text."""
        return None if value is None else strict_json.dumps(value)

    def process_result_value(
        self,
        value: Any | None,
        dialect: Dialect,  # noqa: ARG002  # Any: a JSON value is anything
    ) -> Any:  # Any: a JSON value is anything
        """Text to value."""
        return None if value is None else strict_json.loads(value.encode())


class UuidColumn(TypeDecorator[UUID]):
    """A UUID: native on PostgreSQL, 36 characters on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(
        self, dialect: Dialect
    ) -> TypeEngine[Any]:  # Any: SQLAlchemy's own signature
        """Uuid or text."""
        column_type: TypeEngine[Any] = Text().with_variant(
            postgresql.UUID(as_uuid=True), "postgresql"
        )
        return dialect.type_descriptor(column_type)

    def process_bind_param(self, value: UUID | None, dialect: Dialect) -> UUID | str | None:
        """UUID to what the database takes."""
        if value is None or dialect.name == "postgresql":
            return value
        return str(value)

    def process_result_value(
        self,
        value: Any | None,
        dialect: Dialect,  # noqa: ARG002  # Any: SQLAlchemy's signature
    ) -> UUID | None:  # Any: SQLAlchemy's signature
        """What the database gives to UUID."""
        return value if value is None or isinstance(value, UUID) else UUID(value)
