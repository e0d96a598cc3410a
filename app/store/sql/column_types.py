"""Column types with the same meaning on both databases.

Integers are exact, text is ordered by code point, and JSON is stored as canonical text.
"""

from datetime import date, datetime
from json import loads
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from sqlalchemy import BigInteger, Dialect, Integer, LargeBinary, Text, TypeDecorator
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeEngine

from app.domain.events.events import to_canonical_json
from app.domain.primitives import epoch, strict_json

T = TypeVar("T")
# STRICT tables of SQLite accept INTEGER, TEXT and BLOB only. PostgreSQL orders text by code point
# only with the collation C.
Int64: TypeEngine[int] = BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
Int32: TypeEngine[int] = Integer().with_variant(sqlite.INTEGER(), "sqlite")
CollatedText: TypeEngine[str] = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
Binary: TypeEngine[bytes] = LargeBinary()
UuidOrText: TypeEngine[Any] = Text().with_variant(postgresql.UUID(as_uuid=True), "postgresql")


class ConvertedColumn(TypeDecorator[T]):
    """A column whose values are converted; NULL is None. Subclasses implement encode and decode."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = Text
    cache_ok = True
    stored_type: ClassVar[TypeEngine[Any]]

    def encode(self, value: T) -> object:
        """Return the stored form of a value."""
        raise NotImplementedError

    def decode(self, stored: Any) -> T:  # Any: what a database driver returns
        """Return the value of a stored form."""
        raise NotImplementedError

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:  # Any: SQLAlchemy's signature
        """Return the stored type of the dialect."""
        return dialect.type_descriptor(self.stored_type)

    def process_bind_param(
        self,
        value: T | None,
        dialect: Dialect,  # noqa: ARG002  # SQLAlchemy's signature
    ) -> Any:  # Any: SQLAlchemy's signature
        """Encode a parameter."""
        return None if value is None else self.encode(value)

    def process_result_value(
        self,
        value: Any | None,  # Any: SQLAlchemy's signature
        dialect: Dialect,  # noqa: ARG002  # SQLAlchemy's signature
    ) -> T | None:
        """Decode a column of a row."""
        return None if value is None else self.decode(value)


class InstantColumn(ConvertedColumn[datetime]):
    """A UTC instant, in microseconds since 1970."""

    impl = BigInteger
    cache_ok = True
    stored_type = Int64

    def encode(self, value: datetime) -> int:
        """Return microseconds."""
        return epoch.to_microseconds(value)

    def decode(self, stored: int) -> datetime:
        """Return the instant."""
        return epoch.from_microseconds(stored)


class DayColumn(ConvertedColumn[date]):
    """A date, in days since 1970-01-01."""

    impl = Integer
    cache_ok = True
    stored_type = Int32

    def encode(self, value: date) -> int:
        """Return the number of days."""
        return epoch.to_day_number(value)

    def decode(self, stored: int) -> date:
        """Return the date."""
        return epoch.from_day_number(stored)


class JsonColumn(ConvertedColumn[Any]):
    """A JSON value as canonical text: both databases return the same bytes."""

    cache_ok = True
    stored_type = CollatedText

    def encode(self, value: object) -> str:
        """Return canonical text."""
        return to_canonical_json(value)

    def decode(self, stored: str) -> Any:  # Any: a JSON value
        """Return the JSON value."""
        return loads(stored)


class DecimalJsonColumn(JsonColumn):
    """A JSON value whose non-integer numbers are Decimals: the digits of a CRM do not change."""

    cache_ok = True

    def encode(self, value: object) -> str:
        """Return JSON text with the digits of each Decimal."""
        return strict_json.dumps(value)

    def decode(self, stored: str) -> Any:  # Any: a JSON value
        """Return the JSON value with Decimals."""
        return strict_json.loads(stored.encode())


class UuidColumn(TypeDecorator[UUID]):
    """A UUID: native on PostgreSQL, 36 characters on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:  # Any: SQLAlchemy's signature
        """Return the dialect's type: uuid or text."""
        return dialect.type_descriptor(UuidOrText)

    def process_bind_param(self, value: UUID | None, dialect: Dialect) -> UUID | str | None:
        """Return the UUID itself on PostgreSQL, its text on SQLite."""
        if value is None or dialect.name == "postgresql":
            return value
        return str(value)

    def process_result_value(
        self,
        value: Any | None,  # Any: SQLAlchemy's signature
        dialect: Dialect,  # noqa: ARG002  # SQLAlchemy's signature
    ) -> UUID | None:
        """Return the UUID of a column of a row."""
        return value if value is None or isinstance(value, UUID) else UUID(value)
