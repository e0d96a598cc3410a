"""Every member of the contract says what it is."""

from tests.support.openapi_contract import get_contract


def test_every_member_of_every_shape_says_what_it_is():
    shapes = get_contract()["components"]["schemas"]
    silent = [
        f"{n}.{m}"
        for n, shape in shapes.items()
        for m, s in shape["properties"].items()
        if "description" not in s
    ]
    assert silent == [], (
        "describe it where it stands, or in app/api/openapi/descriptions.py where it means one thing everywhere"
    )
