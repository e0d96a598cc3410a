"""Faults of the envelope of a generic mapping."""

import pytest

from app.domain.primitives.errors import InvalidError
from app.domain.sources.mapping.mapping_parser import parse_mapping

MAPPING_SPEC = {
    "version": 1,
    "entity": {"type": "deal", "id": "/data/id"},
    "occurred_at": {"property": "/timestamp", "format": "rfc3339"},
}


@pytest.mark.parametrize(
    ("overrides", "pointer"),
    [
        ({"version": 2}, "/mapping/version"),
        ({"entity": {"type": "person", "id": "/id"}}, "/mapping/entity/type"),
        ({"entity": {"type": "deal"}}, "/mapping/entity/id"),
        ({"entity": {"type": "deal", "id": "/~2"}}, "/mapping/entity/id/property"),
        ({"entity": {"type": "deal", "id": "/a" * 17}}, "/mapping/entity/id/property"),
        ({"occurred_at": None}, "/mapping/occurred_at"),
        ({"occurred_at": {"property": "/t", "format": "iso"}}, "/mapping/occurred_at/format"),
        ({"occurred_at": {"property": "/t", "zone": "Mars/Olympus"}}, "/mapping/occurred_at/zone"),
        ({"kind": {"property": "/t", "map": {"x": "won"}}}, "/mapping/kind/map/x"),
        ({"when": {}}, "/mapping/when"),
        ({"when": [{"property": "/t"}]}, "/mapping/when/0"),
        ({"when": [{"property": "/t", "in": [], "equals": 1}]}, "/mapping/when/0"),
        ({"when": [{"property": "/t", "in": [{}]}]}, "/mapping/when/0/in"),
        ({"dedupe": "/id"}, "/mapping/dedupe"),
        ({"each": 5}, "/mapping/each"),
    ],
)
def test_a_wrong_envelope_has_a_fault_at_its_place(overrides, pointer):
    with pytest.raises(InvalidError) as excinfo:
        parse_mapping({**MAPPING_SPEC, **overrides}, {}, "generic")
    assert [fault.pointer for fault in excinfo.value.faults] == [pointer]
