"""The base classes of schemas: requests reject unknown members, replies contain every member."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict

from app.domain.playbook.configuration import Resource
from app.domain.playbook.serialization import to_json

DomainType = TypeVar("DomainType")


def json_schema_example(**fields: Any) -> dict[str, Any]:  # Any: JSON values
    """Return the `json_schema_extra` with one example."""
    return {"examples": [fields]}


def collect_examples(model: type[BaseModel] = BaseModel) -> dict[str, Any]:  # Any: JSON values
    """Collect the example of every schema, by name. FastAPI's own copy has lost its nulls."""
    examples_by_name = {} if model is BaseModel else _model_example(model)
    for subclass in (
        model.__subclasses__() if model is not BaseModel else (RequestModel, ResponseModel)
    ):
        examples_by_name |= collect_examples(subclass)
    return examples_by_name


def _model_example(model: type[BaseModel]) -> dict[str, Any]:  # Any: JSON values
    extra = model.model_config.get("json_schema_extra")
    return (
        {model.__name__: extra["examples"][0]}  # type: ignore[index]  # `example` made it
        if isinstance(extra, dict) and "examples" in extra
        else {}
    )


class RequestModel(BaseModel):
    """The base class of request bodies."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)

    def to_domain_value(self) -> object:
        """Return the value of a nested schema in the domain; by default the schema itself."""
        return self

    def sent_fields(self) -> dict[str, Any]:  # Any: each member has its own type
        """Return the members that were sent, by name."""
        return {
            field_name: _to_domain_value(getattr(self, field_name))
            for field_name in self.model_fields_set
        }


class ResponseModel(BaseModel):
    """The base class of replies."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="ignore", frozen=True, json_schema_serialization_defaults_required=True
    )

    @classmethod
    def from_domain(cls, resource: Resource, **extra_fields: object) -> Self:
        """Build the reply that shows a resource."""
        return cls.model_validate({**to_json(resource), **extra_fields})


def to_domain(
    domain_class: type[DomainType], body: RequestModel, **extra_fields: object
) -> DomainType:
    """Convert a request body to a value of the domain."""
    body_fields: Mapping[str, Any] = {
        field_name: _to_domain_value(member) for field_name, member in body
    }  # Any: each member has its own type
    return domain_class(**{**body_fields, **extra_fields})


def _to_domain_value(member: object) -> object:
    """Convert lists to tuples, and nested schemas to values of the domain."""
    if isinstance(member, list):
        return tuple(map(_to_domain_value, member))
    return member.to_domain_value() if isinstance(member, RequestModel) else member
