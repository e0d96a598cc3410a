import json


def test_the_contract_is_printed_without_a_service(sightline):
    contract = json.loads(sightline("openapi").stdout)
    assert contract["openapi"].startswith("3.1")
    assert "/v1/alignment" in contract["paths"]
    assert "webhooks" not in json.loads(sightline("openapi", "--client").stdout)
