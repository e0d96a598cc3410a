"""The endpoints of the organization's policy."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import Response
from pydantic import Field

from app.api.http.authentication import ContextDep
from app.api.http.body import JSON
from app.api.http.etags import (
    IfNoneMatch,
    UpdatePreconditionDep,
    WritePreconditionDep,
)
from app.api.http.resources import KeyedResource
from app.api.http.route import (
    Contract,
    create_router,
    patch_contract,
    read_contract,
    route_contract,
)
from app.api.http.schema_base import RequestModel, ResponseModel, json_schema_example, to_domain
from app.api.http.schema_types import (
    AtLeastOne,
    Days,
    Fraction,
    NotNegative,
    Positive,
    Share,
    ShownNumber,
    Unit,
    defaulted_member,
    optional_member,
)
from app.domain.playbook.configuration import Resource
from app.domain.playbook.organization import DEFAULT_WEIGHTS
from app.domain.playbook.organization import Policy as PolicyValue
from app.domain.primitives.decimals import FIXED_SCALE, to_json_number
from app.services.playbook import configuration as configuration_service

router = create_router("policy")
EXAMPLE: dict[str, Any] = {  # Any: JSON values
    "weights": {name: to_json_number(weight) for name, weight in DEFAULT_WEIGHTS.items()},
    "focus_days": 28,
    "minimum_events": 10,
    "required_functions": 2,
    "half_life_days": 14,
    "minimum_coverage": 0.5,
    "unit": None,
}


class Weights(ResponseModel):
    """The weight of each component in the score."""

    playbook: ShownNumber
    shared_responsibility: ShownNumber
    focus: ShownNumber
    outcomes: ShownNumber
    freshness: ShownNumber
    productivity: ShownNumber
    deliverability: ShownNumber
    agreement: ShownNumber


class Policy(ResponseModel):
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

    model_config = {"json_schema_extra": json_schema_example(**EXAMPLE)}


class WeightsPut(RequestModel):
    """The weight of each component. With weight 0 it is computed but does not count."""

    playbook: NotNegative = defaulted_member(10 * FIXED_SCALE, 10)
    shared_responsibility: NotNegative = defaulted_member(15 * FIXED_SCALE, 15)
    focus: NotNegative = defaulted_member(20 * FIXED_SCALE, 20)
    outcomes: NotNegative = defaulted_member(30 * FIXED_SCALE, 30)
    freshness: NotNegative = defaulted_member(10 * FIXED_SCALE, 10)
    productivity: NotNegative = defaulted_member(5 * FIXED_SCALE, 5)
    deliverability: NotNegative = defaulted_member(5 * FIXED_SCALE, 5)
    agreement: NotNegative = defaulted_member(5 * FIXED_SCALE, 5)

    def to_domain_value(self) -> dict[str, int]:
        """Return the weights by component."""
        return dict(self)


class PolicyPut(RequestModel):
    """The policy to set."""

    weights: WeightsPut = Field(default_factory=WeightsPut)
    focus_days: Days = 28
    minimum_events: AtLeastOne = 10
    required_functions: AtLeastOne = 2
    half_life_days: Positive = defaulted_member(14 * FIXED_SCALE, 14)
    minimum_coverage: Share = defaulted_member(FIXED_SCALE // 2, 0.5)
    unit: Annotated[
        Unit | None, Field(description="The unit in which sold items are counted; null: any.")
    ] = None

    model_config = {"json_schema_extra": json_schema_example(**EXAMPLE)}


class WeightsPatch(RequestModel):
    """The weights to change."""

    playbook: NotNegative = optional_member()
    shared_responsibility: NotNegative = optional_member()
    focus: NotNegative = optional_member()
    outcomes: NotNegative = optional_member()
    freshness: NotNegative = optional_member()
    productivity: NotNegative = optional_member()
    deliverability: NotNegative = optional_member()
    agreement: NotNegative = optional_member()

    def to_domain_value(self) -> dict[str, int]:
        """Return the weights that were sent, by component."""
        return self.sent_fields()


class PolicyPatch(RequestModel):
    """The changes of the policy."""

    weights: WeightsPatch = optional_member()
    focus_days: Days = optional_member()
    minimum_events: AtLeastOne = optional_member()
    required_functions: AtLeastOne = optional_member()
    half_life_days: Positive = optional_member()
    minimum_coverage: Share = optional_member()
    unit: Unit | None = optional_member()

    model_config = {"json_schema_extra": json_schema_example(weights={"focus": 25}, focus_days=14)}


POLICY = KeyedResource("policy", Policy)


@router.get("/v1/policy", response_model=Policy, **read_contract())
async def get_policy(
    context: ContextDep, response: Response, if_none_match: IfNoneMatch = None
) -> object:
    """Return the policy."""
    return await POLICY.get_resource(context, response, "policy")


@router.put(
    "/v1/policy",
    **route_contract(Contract("playbook:write", JSON, problem_statuses=(409, 412), has_etag=True)),
)
async def put_policy(
    context: ContextDep,
    response: Response,
    body: PolicyPut,
    precondition: WritePreconditionDep,
) -> Policy:
    """Replace the policy. Absent members get their defaults."""
    return await POLICY.put_resource(context, response, to_domain(PolicyValue, body), precondition)


@router.patch("/v1/policy", **patch_contract("playbook:write"))
async def patch_policy(
    context: ContextDep,
    response: Response,
    body: PolicyPatch,
    precondition: UpdatePreconditionDep,
) -> Policy:
    """Change the members in the merge patch."""
    fields = body.sent_fields()

    def apply_patch(policy: Resource) -> Resource:
        assert isinstance(policy, PolicyValue)
        return replace(
            policy, **{**fields, "weights": {**policy.weights, **fields.get("weights", {})}}
        )

    written = await configuration_service.patch_resource(
        context.service, context.actor, "policy", "policy", apply_patch, precondition
    )
    return POLICY.reply_to_write(context, response, written)
