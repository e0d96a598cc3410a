"""The contract as the tests read it, made once in a process: to make it takes longer than most tests."""

from functools import cache
from typing import Any

from app.api.app import create_application
from app.api.openapi.document import build_document


@cache
def get_contract() -> dict[str, Any]:
    """The whole document. Whoever reads it leaves it as it is."""
    return build_document(create_application())
