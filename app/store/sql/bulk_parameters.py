"""Many rows as few parameters of a statement of PostgreSQL: each column is one text.

asyncpg asks of each element of an array whether it is one itself, which takes longer than all else that it does.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from app.security import identifiers as ids

BETWEEN: Final = "\x1f"


def packed(columns: Sequence[Sequence[object]], between: str = BETWEEN) -> list[str]:
    """What separates the values, and the values of each column. NULL is an empty value, and an empty text is NULL."""
    texts = [
        between.join(
            [
                value if type(value) is str else "" if value is None else str(value)
                for value in column
            ]
        )
        for column in columns
    ]
    if all(
        text.count(between) == max(0, len(column) - 1)
        for text, column in zip(texts, columns, strict=True)
    ):
        return [between, *texts]
    return packed(
        columns, f"{BETWEEN}{ids.random_bytes(16).hex()}{BETWEEN}"
    )  # a value holds the separator


def unnest(separator: int, first: int, shape: Mapping[str, str]) -> str:
    """The rows of packed columns. Shape: the places of the parameters; the columns' types, by their names."""
    columns = [
        f"string_to_array(${first + place}::text, ${separator}::text, '')"
        + ("" if kind == "text" else f"::{kind}[]")
        for place, kind in enumerate(shape.values())
    ]
    return f"unnest({', '.join(columns)})"
