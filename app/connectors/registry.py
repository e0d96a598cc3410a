"""Every connector by name: a new one is a module, a line here, its samples and its test."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from app.connectors.close import Close
from app.connectors.cloudevents import CloudEvents
from app.connectors.connector import Connector
from app.connectors.generic import Generic
from app.connectors.hubspot import HubSpot
from app.connectors.pipedrive import Pipedrive, PipedriveV1
from app.connectors.salesforce_cdc import SalesforceCdc
from app.connectors.salesforce_outbound import SalesforceOutbound
from app.connectors.standard_webhooks import StandardWebhooks
from app.connectors.twenty import Twenty
from app.domain.primitives.errors import InvalidError, unknown
from app.domain.sources import sources

_ALL: Final[tuple[Connector, ...]] = (
    *(
        HubSpot(),
        SalesforceOutbound(),
        SalesforceCdc(),
        Pipedrive(),
        PipedriveV1(),
        Twenty(),
        Close(),
    ),
    *(StandardWebhooks(), CloudEvents(), Generic()),
)
CONNECTORS: Final[Mapping[str, Connector]] = MappingProxyType({one.name: one for one in _ALL})


def get(name: str) -> Connector:
    """The connector of that name. Raises: InvalidError for one that is unknown; `api` has no hook."""
    if name in CONNECTORS:
        return CONNECTORS[name]
    if name in sources.CONNECTORS:
        raise InvalidError(
            f"The connector '{name}' takes no deliveries here; those that do are {', '.join(CONNECTORS)}."
        )
    raise InvalidError(unknown("connector", name, sources.CONNECTORS))
