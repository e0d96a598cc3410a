"""What all wire shapes have in common: requests refuse what they do not know, replies always say everything."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict

from app.domain.playbook.configuration import Noun
from app.domain.playbook.serialization import to_json

Thing = TypeVar("Thing")


def example(**members: Any) -> dict[str, Any]:  # Any: JSON values
    """The `json_schema_extra` that shows one example."""
    return {"examples": [members]}


def examples(shape: type[BaseModel] = BaseModel) -> dict[str, Any]:  # Any: JSON values
    """The example of every wire shape that has one, by its name. FastAPI's own copy of them has lost its nulls."""
    found = {} if shape is BaseModel else _own_example(shape)
    for narrower in shape.__subclasses__() if shape is not BaseModel else (Given, Shown):
        found |= examples(narrower)
    return found


def _own_example(shape: type[BaseModel]) -> dict[str, Any]:  # Any: JSON values
    extra = shape.model_config.get("json_schema_extra")
    return (
        {shape.__name__: extra["examples"][0]}  # type: ignore[index]  # `example` made it
        if isinstance(extra, dict) and "examples" in extra
        else {}
    )


class Given(BaseModel):
    """The shape of a request."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)

    def kept(self) -> object:
        """What a nested shape is in the domain: itself, where it says nothing else."""
        return self

    def given(self) -> dict[str, Any]:  # Any: each member has its own type
        """The members that were sent, by name."""
        return {name: _kept(getattr(self, name)) for name in self.model_fields_set}


class Shown(BaseModel):
    """The shape of a reply."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="ignore", frozen=True, json_schema_serialization_defaults_required=True
    )

    @classmethod
    def of(cls, noun: Noun, **more: object) -> Self:
        """The reply that shows a thing."""
        return cls.model_validate({**to_json(noun), **more})


def made(kind: type[Thing], body: Given, **more: object) -> Thing:
    """The domain's value of what was sent."""
    values: Mapping[str, Any] = {
        name: _kept(value) for name, value in body
    }  # Any: each member has its own type
    return kind(**{**values, **more})


def _kept(value: object) -> object:
    """Lists as tuples and nested shapes as the domain's values."""
    if isinstance(value, list):
        return tuple(map(_kept, value))
    return value.kept() if isinstance(value, Given) else value
