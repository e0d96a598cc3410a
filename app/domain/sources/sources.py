"""Sources: the systems that events come from, and what one calls its account and its mapping."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

CONNECTORS: Final = (
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
)
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
    """A system that events come from. None when any account may send: `account`; the mapping is JSON as given."""

    kind: ClassVar[str] = "source"
    key: str
    name: str
    connector: str = "api"
    account: str | None = None
    team: str | None = None
    mapping: Mapping[str, object] = field(default_factory=dict)
