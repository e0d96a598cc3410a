"""Many rows as few parameters of a statement of PostgreSQL: each column is one text.

asyncpg asks of each element of an array whether it is one itself, which takes longer than all else that it does.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from app.security import identifiers as ids

DEFAULT_SEPARATOR: Final = "\x1f"


def pack_columns(
    columns: Sequence[Sequence[object]], separator: str = DEFAULT_SEPARATOR
) -> list[str]:
    """What separates the values, and the values of each column. NULL is an empty value, and an empty text is NULL."""
    texts = [
        separator.join(
            [
                value if type(value) is str else "" if value is None else str(value)
                for value in column
            ]
        )
        for column in columns
    ]
    if all(
        text.count(separator) == max(0, len(column) - 1)
        for text, column in zip(texts, columns, strict=True)
    ):
        return [separator, *texts]
    return pack_columns(
        columns, f"{DEFAULT_SEPARATOR}{ids.random_bytes(16).hex()}{DEFAULT_SEPARATOR}"
    )  # a value holds the separator


def unpack_columns_sql(
    separator_position: int, first_position: int, column_types: Mapping[str, str]
) -> str:
    """The rows of packed columns. Shape: the places of the parameters; the columns' types, by their names."""
    columns = [
        f"string_to_array(${first_position + offset}::text, ${separator_position}::text, '')"
        + ("" if column_type == "text" else f"::{column_type}[]")
        for offset, column_type in enumerate(column_types.values())
    ]
    return f"unnest({', '.join(columns)})"
