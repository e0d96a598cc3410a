"""Wire shapes that several resources share."""

from typing import Annotated

from pydantic import Field

from app.api.http.schema_base import ResponseModel, json_schema_example
from app.api.http.schema_types import Address, Int32, LongText, Name

Code = Annotated[str, Field(strict=True, max_length=64)]


class ProblemPlace(ResponseModel):
    """One thing that is wrong with an input."""

    pointer: Annotated[
        LongText, Field(description="A JSON Pointer into the body, or the name of a parameter.")
    ]
    detail: LongText


class Problem(ResponseModel):
    """Why something was refused (RFC 9457)."""

    type: Annotated[Address, Field(description="A stable URI reference, `/problems/<code>`.")]
    title: Name
    status: Annotated[Int32, Field(description="The HTTP status.")]
    detail: LongText
    code: Annotated[
        Code,
        Field(
            description="A stable word for programs; the list is in this document's description."
        ),
    ]
    instance: Address
    request_id: Code
    errors: Annotated[list[ProblemPlace], Field(max_length=100)] = Field(default_factory=list)

    model_config = {
        "json_schema_serialization_defaults_required": False,
        "json_schema_extra": json_schema_example(
            type="/problems/invalid-input",
            title="The input breaks a rule",
            status=422,
            detail="/function: Field required",
            code="invalid-input",
            instance="/v1/teams/sales",
            request_id="018fd1a0c5d44b7e8a2f6d0e9c1b3a57",
            errors=[{"pointer": "/function", "detail": "Field required"}],
        ),
    }
