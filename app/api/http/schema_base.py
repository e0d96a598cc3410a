"""What all wire shapes have in common: requests refuse what they do not know, replies always say everything."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict

from app.domain.playbook.configuration import Resource
from app.domain.playbook.serialization import to_json

DomainType = TypeVar("DomainType")


def json_schema_example(**fields: Any) -> dict[str, Any]:  # Any: JSON values
    """The `json_schema_extra` that shows one example."""
    return {"examples": [fields]}


def collect_examples(model: type[BaseModel] = BaseModel) -> dict[str, Any]:  # Any: JSON values
    """The example of every wire shape that has one, by its name. FastAPI's own copy of them has lost its nulls."""
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
    """The shape of a request."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)

    def to_domain_value(self) -> object:
        """What a nested shape is in the domain: itself, where it says nothing else."""
        return self

    def sent_fields(self) -> dict[str, Any]:  # Any: each member has its own type
        """The members that were sent, by name."""
        return {name: _to_domain_value(getattr(self, name)) for name in self.model_fields_set}


class ResponseModel(BaseModel):
    """The shape of a reply."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="ignore", frozen=True, json_schema_serialization_defaults_required=True
    )

    @classmethod
    def from_domain(cls, resource: Resource, **extra_fields: object) -> Self:
        """The reply that shows a thing."""
        return cls.model_validate({**to_json(resource), **extra_fields})


def to_domain(
    domain_class: type[DomainType], body: RequestModel, **extra_fields: object
) -> DomainType:
    """The domain's value of what was sent."""
    body_fields: Mapping[str, Any] = {
        name: _to_domain_value(member) for name, member in body
    }  # Any: each member has its own type
    return domain_class(**{**body_fields, **extra_fields})


def _to_domain_value(member: object) -> object:
    """Lists as tuples and nested shapes as the domain's values."""
    if isinstance(member, list):
        return tuple(map(_to_domain_value, member))
    return member.to_domain_value() if isinstance(member, RequestModel) else member
