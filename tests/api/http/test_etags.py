"""Entity tags: nobody overwrites what they did not see."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from app.api.http.etags import parse, tag
from app.domain.primitives.errors import InvalidError
from tests.api.conftest import EMBEDDED

TEAM = {"name": "Sales", "function": "sales"}


async def test_a_write_with_the_tag_that_was_read_goes_through_and_an_old_one_does_not(admin):
    old = (await admin.put("/v1/teams/sales", TEAM)).headers["etag"]
    new = (
        await admin.put("/v1/teams/sales", {**TEAM, "name": "Selling"}, headers={"If-Match": old})
    ).headers["etag"]
    assert new != old
    for send in (admin.put, admin.patch):
        refused = await send("/v1/teams/sales", TEAM, headers={"If-Match": old})
        assert (refused.status_code, refused.json()["code"]) == (412, "precondition-failed")
    assert (await admin.delete("/v1/teams/sales", headers={"If-Match": old})).status_code == 412
    assert (
        await admin.patch("/v1/teams/sales", TEAM, headers={"If-Match": f'"7", {new}'})
    ).status_code == 200
    assert (await admin.delete("/v1/teams/sales", headers={"If-Match": "*"})).status_code == 204


async def test_a_weak_tag_never_matches_a_write(admin):
    seen = (await admin.put("/v1/teams/sales", TEAM)).headers["etag"]
    assert (
        await admin.put("/v1/teams/sales", TEAM, headers={"If-Match": f"W/{seen}"})
    ).status_code == 412


async def test_if_match_on_what_is_not_there_fails(admin):
    assert (await admin.put("/v1/teams/sales", TEAM, headers={"If-Match": "*"})).status_code == 412
    assert (
        await admin.put("/v1/teams/sales", TEAM, headers={"If-Match": '"1"'})
    ).status_code == 412


async def test_if_none_match_of_anything_creates_only(admin):
    only_new = {"If-None-Match": "*"}
    assert (await admin.put("/v1/teams/sales", TEAM, headers=only_new)).status_code == 201
    assert (await admin.put("/v1/teams/sales", TEAM, headers=only_new)).status_code == 412
    await admin.delete("/v1/teams/sales")
    assert (await admin.put("/v1/teams/sales", TEAM, headers=only_new)).status_code == 201


async def test_if_none_match_of_a_tag_is_no_question_for_a_put(admin):
    assert (
        await admin.put("/v1/teams/sales", TEAM, headers={"If-None-Match": '"1"'})
    ).status_code == 422


@EMBEDDED
@pytest.mark.parametrize("form", ["{}", "W/{}", '"7", {}', "*", '"7" , W/{}'])
async def test_a_reader_who_has_it_already_gets_no_body(admin, form):
    seen = (await admin.put("/v1/teams/sales", TEAM)).headers["etag"]
    reply = await admin.get("/v1/teams/sales", headers={"If-None-Match": form.format(seen)})
    assert (reply.status_code, reply.content, reply.headers["etag"]) == (304, b"", seen)
    assert reply.headers["cache-control"] == "private, no-cache"


@EMBEDDED
@pytest.mark.parametrize("header", ["7", '"', "W/7", '"a" "b"', '"a",,"b"', "**"])
async def test_what_is_no_list_of_tags_is_refused(admin, header):
    await admin.put("/v1/teams/sales", TEAM)
    assert (
        await admin.get("/v1/teams/sales", headers={"If-None-Match": header})
    ).status_code == 422
    refused = await admin.put("/v1/teams/sales", TEAM, headers={"If-Match": header})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "If-Match")


async def test_what_is_computed_changes_the_tag_but_no_precondition(world):
    await world.strategy()
    admin = world.admin
    seen = (await admin.get("/v1/playbooks/fy26-q4")).headers["etag"]
    await admin.patch("/v1/objectives/win", {"title": "Win more"})
    after = await admin.get("/v1/playbooks/fy26-q4", headers={"If-None-Match": seen})
    assert (after.status_code, after.json()["unpublished_changes"]) == (200, 1)
    changed = await admin.patch(
        "/v1/playbooks/fy26-q4", {"narrative": "x"}, headers={"If-Match": seen}
    )
    assert changed.status_code == 200


@given(
    some.lists(
        some.tuples(some.booleans(), some.text("abc!#,.é", max_size=5)), min_size=1, max_size=4
    )
)
def test_every_list_of_tags_is_read_back(tags):
    header = ", ".join(f'{"W/" if weak else ""}"{opaque}"' for weak, opaque in tags)
    assert parse(header, "If-Match") == tags


def test_a_tag_is_quoted():
    assert tag(42) == '"42"'
    with pytest.raises(InvalidError):
        parse("42", "If-Match")
