"""Entity tags: nobody overwrites what they did not see."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.http.etags import entity_tag, parse_tags
from app.domain.primitives.errors import InvalidError
from tests.api.conftest import SQLITE_ONLY

TEAM = {"name": "Sales", "function": "sales"}


async def test_a_write_with_the_tag_that_was_read_goes_through_and_an_old_one_does_not(admin):
    old_etag = (await admin.put("/v1/teams/sales", TEAM)).headers["etag"]
    new_etag = (
        await admin.put(
            "/v1/teams/sales", {**TEAM, "name": "Selling"}, headers={"If-Match": old_etag}
        )
    ).headers["etag"]
    assert new_etag != old_etag
    for send in (admin.put, admin.patch):
        rejection = await send("/v1/teams/sales", TEAM, headers={"If-Match": old_etag})
        assert (rejection.status_code, rejection.json()["code"]) == (412, "precondition-failed")
    assert (
        await admin.delete("/v1/teams/sales", headers={"If-Match": old_etag})
    ).status_code == 412
    assert (
        await admin.patch("/v1/teams/sales", TEAM, headers={"If-Match": f'"7", {new_etag}'})
    ).status_code == 200
    assert (await admin.delete("/v1/teams/sales", headers={"If-Match": "*"})).status_code == 204


async def test_a_weak_tag_never_matches_a_write(admin):
    etag = (await admin.put("/v1/teams/sales", TEAM)).headers["etag"]
    assert (
        await admin.put("/v1/teams/sales", TEAM, headers={"If-Match": f"W/{etag}"})
    ).status_code == 412


async def test_if_match_on_what_is_not_there_fails(admin):
    assert (await admin.put("/v1/teams/sales", TEAM, headers={"If-Match": "*"})).status_code == 412
    assert (
        await admin.put("/v1/teams/sales", TEAM, headers={"If-Match": '"1"'})
    ).status_code == 412


async def test_if_none_match_of_anything_creates_only(admin):
    create_only_headers = {"If-None-Match": "*"}
    assert (
        await admin.put("/v1/teams/sales", TEAM, headers=create_only_headers)
    ).status_code == 201
    assert (
        await admin.put("/v1/teams/sales", TEAM, headers=create_only_headers)
    ).status_code == 412
    await admin.delete("/v1/teams/sales")
    assert (
        await admin.put("/v1/teams/sales", TEAM, headers=create_only_headers)
    ).status_code == 201


async def test_if_none_match_of_a_tag_is_no_question_for_a_put(admin):
    assert (
        await admin.put("/v1/teams/sales", TEAM, headers={"If-None-Match": '"1"'})
    ).status_code == 422


@SQLITE_ONLY
@pytest.mark.parametrize("template", ["{}", "W/{}", '"7", {}', "*", '"7" , W/{}'])
async def test_a_reader_who_has_it_already_gets_no_body(admin, template):
    etag = (await admin.put("/v1/teams/sales", TEAM)).headers["etag"]
    reply = await admin.get("/v1/teams/sales", headers={"If-None-Match": template.format(etag)})
    assert (reply.status_code, reply.content, reply.headers["etag"]) == (304, b"", etag)
    assert reply.headers["cache-control"] == "private, no-cache"


@SQLITE_ONLY
@pytest.mark.parametrize("header", ["7", '"', "W/7", '"a" "b"', '"a",,"b"', "**"])
async def test_what_is_no_list_of_tags_is_refused(admin, header):
    await admin.put("/v1/teams/sales", TEAM)
    assert (
        await admin.get("/v1/teams/sales", headers={"If-None-Match": header})
    ).status_code == 422
    rejection = await admin.put("/v1/teams/sales", TEAM, headers={"If-Match": header})
    assert (rejection.status_code, rejection.json()["errors"][0]["pointer"]) == (422, "If-Match")


async def test_what_is_computed_changes_the_tag_but_no_precondition(api):
    await api.seed_strategy()
    admin = api.admin
    etag = (await admin.get("/v1/playbooks/fy26-q4")).headers["etag"]
    await admin.patch("/v1/objectives/win", {"title": "Win more"})
    reply_after = await admin.get("/v1/playbooks/fy26-q4", headers={"If-None-Match": etag})
    assert (reply_after.status_code, reply_after.json()["unpublished_changes"]) == (200, 1)
    patch_reply = await admin.patch(
        "/v1/playbooks/fy26-q4", {"narrative": "x"}, headers={"If-Match": etag}
    )
    assert patch_reply.status_code == 200


@given(st.lists(st.tuples(st.booleans(), st.text("abc!#,.é", max_size=5)), min_size=1, max_size=4))
def test_every_list_of_tags_is_read_back(tags):
    header = ", ".join(f'{"W/" if is_weak else ""}"{opaque_tag}"' for is_weak, opaque_tag in tags)
    assert parse_tags(header, "If-Match") == tags


def test_a_tag_is_quoted():
    assert entity_tag(42) == '"42"'
    with pytest.raises(InvalidError):
        parse_tags("42", "If-Match")
