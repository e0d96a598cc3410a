"""The OpenAPI document for tests, built once per process because it takes seconds."""

from functools import cache
from typing import Any

from app.api.app import create_application
from app.api.openapi.document import build_document


@cache
def get_contract() -> dict[str, Any]:
    """Return the complete document. Callers must not change it."""
    return build_document(create_application())
