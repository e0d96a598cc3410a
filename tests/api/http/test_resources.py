"""What all resources with a key share, taken from the document; each is shown by itself in its own file."""

from tests.api.test_operation import filled, operations

BODIES = {
    "/v1/teams/{team}": {"name": "A", "function": "a"},
    "/v1/metrics/{metric}": {"name": "A", "events": ["a"], "aggregation": "count"},
    "/v1/offerings/{offering}": {"name": "A", "available_from": "2026-01-01"},
    "/v1/playbooks/{playbook}": {"title": "A", "starts_on": "2026-01-01", "ends_on": "2026-12-31"},
    "/v1/sources/{source}": {"name": "A"},
}


async def test_every_key_can_be_created_read_archived_and_brought_back(world):
    admin = world.admin
    for path, body in BODIES.items():
        place = path.split("{")[0] + "a-thing"
        assert (await admin.put(place, body)).status_code == 201, path
        read = await admin.get(place)
        assert (read.status_code, read.json()["key"]) == (200, "a-thing")
        assert (
            await admin.get(place, headers={"If-None-Match": read.headers["etag"]})
        ).status_code == 304
        assert (await admin.delete(place)).status_code == 204
        for method in ("GET", "DELETE", "PATCH"):
            gone = await admin.send(method, place, {} if method == "PATCH" else None)
            assert gone.status_code == 404, (method, place)
        assert (await admin.put(place, body)).status_code == 201, path
        assert (await admin.get(place)).json()["archived"] is False


async def test_every_put_of_a_key_is_covered_here_or_in_its_own_file(world):
    puts = {path for method, path, _ in operations() if method == "PUT"}
    needing = {path for path in puts if path not in BODIES}
    assert needing == {
        "/v1/policy",
        "/v1/objectives/{objective}",
        "/v1/key-results/{key_result}",
        "/v1/objectives/{objective}/responsibilities/{team}",
        "/v1/objectives/{objective}/responsibilities/{team}/acceptance",
        "/v1/playbooks/{playbook}/contributions/{team}",
        "/v1/playbooks/{playbook}/signoffs/{team}",
    }


async def test_a_key_that_is_no_slug_is_refused_in_every_address(world):
    for method, path, _ in operations():
        if "{" in path and method in ("GET", "DELETE"):
            names = dict.fromkeys(
                (
                    "team",
                    "metric",
                    "offering",
                    "playbook",
                    "objective",
                    "key_result",
                    "source",
                    "uid",
                    "id",
                ),
                "a_b%20",
            )
            reply = await world.admin.send(method, filled(path, names))
            assert reply.status_code in (404, 422), (method, path)
