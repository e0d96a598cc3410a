"""The registry of connectors by name (docs/crm/)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from app.connectors import hubspot, pipedrive, salesforce_ids
from app.connectors.close import CloseConnector
from app.connectors.cloudevents import CloudEventsConnector
from app.connectors.connector import Connector
from app.connectors.generic import GenericConnector
from app.connectors.hubspot import HubSpotConnector
from app.connectors.pipedrive import PipedriveConnector, PipedriveV1Connector
from app.connectors.salesforce_cdc import SalesforceCdcConnector
from app.connectors.salesforce_outbound import SalesforceOutboundConnector
from app.connectors.standard_webhooks import StandardWebhooksConnector
from app.connectors.twenty import TwentyConnector
from app.domain.primitives.errors import InvalidError, unknown_key_message
from app.domain.sources import sources

_ALL_CONNECTORS: Final[tuple[Connector, ...]] = (
    HubSpotConnector(),
    SalesforceOutboundConnector(),
    SalesforceCdcConnector(),
    PipedriveConnector(),
    PipedriveV1Connector(),
    TwentyConnector(),
    CloseConnector(),
    StandardWebhooksConnector(),
    CloudEventsConnector(),
    GenericConnector(),
)
# Properties that hold the id of a record in an export or an answer of the CRM's API, the first
# one present counts. Any source accepts all of them.
RECORD_ID_PROPERTIES: Final = (
    "id",
    "Id",
    "ID",
    *hubspot.RECORD_ID_PROPERTIES,
    *pipedrive.RECORD_ID_PROPERTIES,
    *salesforce_ids.RECORD_ID_PROPERTIES,
)
CONNECTORS: Final[Mapping[str, Connector]] = MappingProxyType(
    {connector.name: connector for connector in _ALL_CONNECTORS}
)


def get_connector(name: str) -> Connector:
    """Return a connector. Raises: InvalidError for an unknown name, and for `api`."""
    if name in CONNECTORS:
        return CONNECTORS[name]
    if name in sources.CONNECTORS:
        raise InvalidError(
            f"The connector '{name}' takes no deliveries here;"
            f" those that do are {', '.join(CONNECTORS)}."
        )
    raise InvalidError(unknown_key_message("connector", name, sources.CONNECTORS))
