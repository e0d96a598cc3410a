"""The contract as the tests read it, made once in a process: to make it takes longer than most tests."""

from functools import cache
from typing import Any

from app.api.app import build
from app.api.openapi.document import document


@cache
def contract() -> dict[str, Any]:
    """The whole document. Whoever reads it leaves it as it is."""
    return document(build())
