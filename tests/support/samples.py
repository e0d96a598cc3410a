"""The sample deliveries in openapi/deliveries, which are documentation and the input of tests."""

from collections.abc import Mapping, Sequence

from app.connectors.connector import Connector, Delivery, Translation
from app.domain.sources.crm import deals
from app.domain.sources.crm.changes import Change
from app.domain.sources.crm.reconciliation import DesiredEvent
from app.domain.sources.mapping.mapping import DealMapping, parse
from tests.support.house import ROOT

URL = "https://sightline.example/hooks/x"


def body(connector: str, name: str) -> bytes:
    """The bytes of one sample."""
    return (ROOT / "openapi" / "deliveries" / connector / name).read_bytes()


def mapped(connector: Connector, own: Mapping[str, object] | None = None) -> DealMapping:
    """The mapping in force."""
    return parse(own or {}, connector.default_mapping, connector.form)


def said(
    connector: Connector,
    raw: bytes,
    account: str | None = None,
    mapping: DealMapping | None = None,
    headers: Mapping[str, str] | None = None,
) -> Translation:
    """What a body says."""
    delivery = Delivery("POST", URL, headers or {}, raw)
    return connector.translate(delivery, account, mapping or mapped(connector))


def changes(
    connector: Connector,
    *names: str,
    account: str | None = None,
    mapping: DealMapping | None = None,
) -> tuple[Change, ...]:
    """The changes that these samples say; none of them has anything that is set aside."""
    found: list[Change] = []
    for name in names:
        translation = said(connector, body(connector.name, name), account, mapping)
        assert translation.rejects == ()
        found += translation.changes
    return tuple(found)


def events(
    told: Sequence[Change], mapping: DealMapping, entity: str | None = None
) -> dict[str, DesiredEvent]:
    """The events of the one deal of these changes, by type; of several of one type the last."""
    of_deal = [one for one in told if one.entity == entity] if entity else told
    return {event.type: event for event in deals.fold(of_deal, mapping, "sales").events}
