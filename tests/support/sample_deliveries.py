"""The sample deliveries in openapi/deliveries: documentation, and the input of tests."""

from collections.abc import Mapping, Sequence

from app.connectors.connector import Connector, Delivery, Translation
from app.domain.sources.crm import deals
from app.domain.sources.crm.changes import Change
from app.domain.sources.crm.reconciliation import DesiredEvent
from app.domain.sources.mapping.mapping import DealMapping
from app.domain.sources.mapping.mapping_parser import parse_mapping
from tests.support.source_files import ROOT

HOOK_URL = "https://sightline.example/hooks/x"


def read_sample(connector: str, name: str) -> bytes:
    """Return the bytes of one sample."""
    return (ROOT / "openapi" / "deliveries" / connector / name).read_bytes()


def resolve_mapping(
    connector: Connector, overrides: Mapping[str, object] | None = None
) -> DealMapping:
    """Merge the overrides with the connector's default mapping."""
    return parse_mapping(overrides or {}, connector.default_mapping, connector.mapping_form)


def translate_body(
    connector: Connector,
    body: bytes,
    account: str | None = None,
    mapping: DealMapping | None = None,
    headers: Mapping[str, str] | None = None,
) -> Translation:
    delivery = Delivery("POST", HOOK_URL, headers or {}, body)
    return connector.translate(delivery, account, mapping or resolve_mapping(connector))


def read_changes(
    connector: Connector,
    *names: str,
    account: str | None = None,
    mapping: DealMapping | None = None,
) -> tuple[Change, ...]:
    """Translate the samples to changes. Check that nothing is rejected."""
    changes: list[Change] = []
    for file_name in names:
        translation = translate_body(
            connector, read_sample(connector.name, file_name), account, mapping
        )
        assert translation.rejects == ()
        changes += translation.changes
    return tuple(changes)


def fold_events(
    changes: Sequence[Change], mapping: DealMapping, entity: str | None = None
) -> dict[str, DesiredEvent]:
    """Project the changes of one deal to events. Return the last event of each type."""
    deal_changes = [change for change in changes if change.entity == entity] if entity else changes
    return {
        event.type: event for event in deals.project_events(deal_changes, mapping, "sales").events
    }
