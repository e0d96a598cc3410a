"""Sources: the systems that send events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal, get_args

ConnectorName = Literal[
    "api",
    "hubspot",
    "salesforce_outbound",
    "salesforce_cdc",
    "pipedrive",
    "pipedrive_v1",
    "twenty",
    "close",
    "standard_webhooks",
    "cloudevents",
    "generic",
]
CONNECTORS: Final[tuple[ConnectorName, ...]] = get_args(ConnectorName)
CRM_CONNECTORS: Final = frozenset(
    {
        "hubspot",
        "salesforce_outbound",
        "salesforce_cdc",
        "pipedrive",
        "pipedrive_v1",
        "twenty",
        "close",
        "generic",
    }
)


@dataclass(frozen=True, slots=True)
class Source:
    """A system that sends events."""

    # The kind of resource.
    kind: ClassVar[str] = "source"
    key: str
    name: str
    connector: str = "api"
    # The id of the account in that system; None accepts any account.
    account: str | None = None
    team: str | None = None
    # JSON, as the user wrote it.
    mapping: Mapping[str, object] = field(default_factory=dict)
