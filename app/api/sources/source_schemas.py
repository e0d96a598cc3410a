"""The schemas of sources."""

from typing import Annotated, Any

from pydantic import Field

from app.api.http.schema_base import RequestModel, ResponseModel, json_schema_example
from app.api.http.schema_types import (
    Address,
    Count,
    Cursor,
    FreeObject,
    Instant,
    Key,
    Name,
    Secret,
    optional_member,
    text,
)
from app.domain.sources.sources import ConnectorName

AccountId = Annotated[
    str, text(200, 1), Field(description="The CRM's own id of the account; null: any.")
]
MappingObject = Annotated[
    FreeObject, Field(description="How the CRM's fields are read; empty: the connector's own way.")
]
SigningSecret = Annotated[
    Secret | None,
    Field(
        description="What deliveries are signed with; needed where the vendor makes it, else made and shown once."
    ),
]
EXAMPLE: dict[str, Any] = {  # Any: JSON values
    "name": "HubSpot",
    "connector": "hubspot",
    "account": "4412",
    "mapping": {"stages": {"closedwon": "won", "closedlost": "lost"}},
    "team": "sales",
}
EXAMPLE_SOURCE: dict[str, Any] = {  # Any: JSON values
    "key": "hubspot",
    **EXAMPLE,
    "hook_url": None,
    "health": {
        "last_delivery_at": "2026-10-02T12:00:00Z",
        "last_refused_at": None,
        "deliveries_last_day": 120,
        "failures_last_day": 0,
        "silent": False,
        "lag_median_seconds": 4,
        "lag_worst_seconds": 310,
        "wins_without_amount": 1,
        "unmapped": [{"property": "pipeline", "value": "partners", "count": 3}],
    },
    "archived": False,
}


class UnmappedPair(ResponseModel):
    """A value that the mapping does not know."""

    property: Annotated[str, text(600)]
    value: Annotated[str, text(600)]


class UnmappedValue(UnmappedPair):
    """A value that deliveries hold and the mapping does not know."""

    count: Count


class SourceHealth(ResponseModel):
    """How a source has been doing."""

    last_delivery_at: Instant | None
    last_refused_at: Annotated[
        Instant | None,
        Field(
            description="When one last had no valid signature, or was too old; noted once a minute; null: never."
        ),
    ]
    deliveries_last_day: Count
    failures_last_day: Count
    silent: Annotated[
        bool,
        Field(description="Nothing came for longer than it ever took in the four weeks before."),
    ]
    lag_median_seconds: Annotated[
        Count | None,
        Field(
            description="Between an event and its recording, in the last day; null without events."
        ),
    ]
    lag_worst_seconds: Annotated[
        Count | None, Field(description="The longest one; of each hour the newest 200 count.")
    ]
    wins_without_amount: Annotated[Count, Field(description="Won deals whose amount is not known.")]
    unmapped: Annotated[list[UnmappedValue], Field(max_length=1_000)]


class Source(ResponseModel):
    """A system that events come from."""

    key: Key
    name: Name
    connector: ConnectorName
    account: AccountId | None
    mapping: MappingObject
    team: Annotated[Key | None, Field(description="The default team.")]
    hook_url: Annotated[
        Address | None, Field(description="Where deliveries go; only shown to an admin key.")
    ]
    health: SourceHealth
    archived: bool

    model_config = {"json_schema_extra": json_schema_example(**EXAMPLE_SOURCE)}


class ConnectedSource(Source):
    """A source as it was written, with the secret that was made for it."""

    secret: Annotated[
        Secret | None, Field(description="Null unless it was made now; it is not shown again.")
    ]

    model_config = {"json_schema_extra": json_schema_example(**EXAMPLE_SOURCE, secret=None)}


class SourcePage(ResponseModel):
    """A page of sources."""

    items: Annotated[list[Source], Field(max_length=200)]
    next_cursor: Cursor | None


class SourcePut(RequestModel):
    """A source as it shall be."""

    name: Name
    connector: Annotated[ConnectorName, Field(description="Fixed once the source is there.")] = (
        "api"
    )
    account: AccountId | None = None
    mapping: MappingObject = {}
    team: Annotated[Key | None, Field(description="The default team; a CRM needs one.")] = None
    secret: SigningSecret = None

    model_config = {
        "json_schema_extra": json_schema_example(
            **{**EXAMPLE, "secret": "what-hubspot-calls-the-client-secret"}
        )
    }


class SourcePatch(RequestModel):
    """What shall change in a source; the mapping is merged member by member."""

    name: Name = optional_member()
    connector: ConnectorName = optional_member()
    account: AccountId | None = optional_member()
    mapping: Annotated[FreeObject, Field(description="A merge patch of the mapping.")] = (
        optional_member()
    )
    team: Key | None = optional_member()
    secret: Secret = optional_member()

    model_config = {
        "json_schema_extra": json_schema_example(
            mapping={"team": {"map": {"partners": "alliances"}}}
        )
    }


class SecretRotation(RequestModel):
    """The new secret, where the vendor makes it."""

    secret: SigningSecret = None

    model_config = {"json_schema_extra": json_schema_example(secret=None)}
