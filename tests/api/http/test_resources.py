"""What all resources with a key share, taken from the document; each is shown by itself in its own file."""

from tests.api.http.test_route import fill_path, list_operations

BODIES = {
    "/v1/teams/{team}": {"name": "A", "function": "a"},
    "/v1/metrics/{metric}": {"name": "A", "events": ["a"], "aggregation": "count"},
    "/v1/offerings/{offering}": {"name": "A", "available_from": "2026-01-01"},
    "/v1/playbooks/{playbook}": {"title": "A", "starts_on": "2026-01-01", "ends_on": "2026-12-31"},
    "/v1/sources/{source}": {"name": "A"},
}


async def test_every_keyed_resource_can_be_created_read_archived_and_restored(api):
    admin = api.admin
    for path, body in BODIES.items():
        object_path = path.split("{")[0] + "a-thing"
        assert (await admin.put(object_path, body)).status_code == 201, path
        object_reply = await admin.get(object_path)
        assert (object_reply.status_code, object_reply.json()["key"]) == (200, "a-thing")
        assert (
            await admin.get(object_path, headers={"If-None-Match": object_reply.headers["etag"]})
        ).status_code == 304
        assert (await admin.delete(object_path)).status_code == 204
        for method in ("GET", "DELETE", "PATCH"):
            missing_reply = await admin.send(method, object_path, {} if method == "PATCH" else None)
            assert missing_reply.status_code == 404, (method, object_path)
        assert (await admin.put(object_path, body)).status_code == 201, path
        assert (await admin.get(object_path)).json()["archived"] is False


async def test_every_keyed_put_is_covered_here_or_in_its_own_file(api):
    put_paths = {path for method, path, _ in list_operations() if method == "PUT"}
    uncovered_paths = {path for path in put_paths if path not in BODIES}
    assert uncovered_paths == {
        "/v1/policy",
        "/v1/objectives/{objective}",
        "/v1/key-results/{key_result}",
        "/v1/objectives/{objective}/responsibilities/{team}",
        "/v1/objectives/{objective}/responsibilities/{team}/acceptance",
        "/v1/playbooks/{playbook}/contributions/{team}",
        "/v1/playbooks/{playbook}/signoffs/{team}",
    }


async def test_a_key_that_is_no_slug_is_refused_in_every_address(api):
    for method, path, _ in list_operations():
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
            reply = await api.admin.send(method, fill_path(path, names))
            assert reply.status_code in (404, 422), (method, path)
