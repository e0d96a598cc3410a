"""Every member of the contract has a description."""

from tests.support.openapi_contract import get_contract


def test_every_member_of_every_schema_has_a_description():
    schemas = get_contract()["components"]["schemas"]
    undescribed = [
        f"{schema_name}.{member_name}"
        for schema_name, schema in schemas.items()
        for member_name, member in schema["properties"].items()
        if "description" not in member
    ]
    assert undescribed == [], (
        "describe it at its field, or in app/api/openapi/descriptions.py if it means the same in every schema"
    )
