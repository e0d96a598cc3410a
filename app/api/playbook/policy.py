"""The organization's policy over HTTP."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import Request, Response
from pydantic import Field

from app.api.http.authentication import Caller
from app.api.http.body import JSON
from app.api.http.etags import Change, Creation, IfNoneMatch, shown, tag
from app.api.http.resources import find, written
from app.api.http.route import Contract, declare, desk, patches, reads
from app.api.http.schema_base import Given, Shown, example, made
from app.api.http.schema_types import (
    AtLeastOne,
    Days,
    Fraction,
    NotNegative,
    Positive,
    Share,
    ShownNumber,
    Unit,
    default,
    unset,
)
from app.domain.playbook.configuration import Noun
from app.domain.playbook.organization import DEFAULT_WEIGHTS
from app.domain.playbook.organization import Policy as PolicyValue
from app.domain.primitives.decimals import ONE, number
from app.services.playbook import configuration

router = desk("policy")
EXAMPLE: dict[str, Any] = {  # Any: JSON values
    "weights": {name: number(weight) for name, weight in DEFAULT_WEIGHTS.items()},
    "focus_days": 28,
    "minimum_events": 10,
    "required_functions": 2,
    "half_life_days": 14,
    "minimum_coverage": 0.5,
    "unit": None,
}


class Weights(Shown):
    """How much each component weighs in the score."""

    playbook: ShownNumber
    shared_responsibility: ShownNumber
    focus: ShownNumber
    outcomes: ShownNumber
    freshness: ShownNumber
    productivity: ShownNumber
    deliverability: ShownNumber
    agreement: ShownNumber


class Policy(Shown):
    """The weights and windows of the score."""

    weights: Weights
    focus_days: Days
    minimum_events: AtLeastOne
    required_functions: AtLeastOne
    half_life_days: ShownNumber
    minimum_coverage: Fraction
    unit: Annotated[
        Unit | None, Field(description="The unit in which sold items are counted; null: any.")
    ]

    model_config = {"json_schema_extra": example(**EXAMPLE)}


class WeightsPut(Given):
    """How much each component shall weigh; at 0 it is computed and counts for nothing."""

    playbook: NotNegative = default(10 * ONE, 10)
    shared_responsibility: NotNegative = default(15 * ONE, 15)
    focus: NotNegative = default(20 * ONE, 20)
    outcomes: NotNegative = default(30 * ONE, 30)
    freshness: NotNegative = default(10 * ONE, 10)
    productivity: NotNegative = default(5 * ONE, 5)
    deliverability: NotNegative = default(5 * ONE, 5)
    agreement: NotNegative = default(5 * ONE, 5)

    def kept(self) -> dict[str, int]:
        """The weights by component."""
        return dict(self)


class PolicyPut(Given):
    """The policy as it shall be."""

    weights: WeightsPut = Field(default_factory=WeightsPut)
    focus_days: Days = 28
    minimum_events: AtLeastOne = 10
    required_functions: AtLeastOne = 2
    half_life_days: Positive = default(14 * ONE, 14)
    minimum_coverage: Share = default(ONE // 2, 0.5)
    unit: Annotated[
        Unit | None, Field(description="The unit in which sold items are counted; null: any.")
    ] = None

    model_config = {"json_schema_extra": example(**EXAMPLE)}


class WeightsPatch(Given):
    """The weights that shall change."""

    playbook: NotNegative = unset()
    shared_responsibility: NotNegative = unset()
    focus: NotNegative = unset()
    outcomes: NotNegative = unset()
    freshness: NotNegative = unset()
    productivity: NotNegative = unset()
    deliverability: NotNegative = unset()
    agreement: NotNegative = unset()

    def kept(self) -> dict[str, int]:
        """The weights that were sent, by component."""
        return self.given()


class PolicyPatch(Given):
    """What shall change in the policy."""

    weights: WeightsPatch = unset()
    focus_days: Days = unset()
    minimum_events: AtLeastOne = unset()
    required_functions: AtLeastOne = unset()
    half_life_days: Positive = unset()
    minimum_coverage: Share = unset()
    unit: Unit | None = unset()

    model_config = {"json_schema_extra": example(weights={"focus": 25}, focus_days=14)}


@router.get("/v1/policy", response_model=Policy, **reads())
async def get_policy(
    call: Caller, request: Request, response: Response, seen: IfNoneMatch = None
) -> object:
    """The organization's policy."""
    stored = await find(call, "policy", "policy")
    return shown(request, response, Policy.of(stored.value), tag(stored.changed))


@router.put(
    "/v1/policy", **declare(Contract("playbook:write", JSON, problems=(409, 412), etag=True))
)
async def put_policy(
    call: Caller, request: Request, response: Response, body: PolicyPut, precondition: Creation
) -> Policy:
    """Replaces the policy; what the body does not say is as by default."""
    done = await configuration.put(call.service, call.actor, made(PolicyValue, body), precondition)
    written(request, response, done)
    return Policy.of(done.value)


@router.patch("/v1/policy", **patches("playbook:write"))
async def patch_policy(
    call: Caller, request: Request, response: Response, body: PolicyPatch, precondition: Change
) -> Policy:
    """Changes what the merge patch names."""
    given = body.given()

    def edit(noun: Noun) -> Noun:
        assert isinstance(noun, PolicyValue)
        return replace(noun, **{**given, "weights": {**noun.weights, **given.get("weights", {})}})

    done = await configuration.patch(
        call.service, call.actor, "policy", "policy", edit, precondition
    )
    written(request, response, done)
    return Policy.of(done.value)
