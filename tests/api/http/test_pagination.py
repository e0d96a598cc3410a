"""Pages: a cursor fits one list of one organization only."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from app.api.http.pagination import decode, encode
from app.domain.primitives.errors import InvalidError
from tests.api.conftest import EMBEDDED


@pytest.fixture
async def many(admin):
    for name in ("a", "a-a", "b", "c", "d"):
        await admin.made(f"/v1/teams/{name}", {"name": name, "function": "sales"})
    return admin


async def test_following_the_cursor_gives_everything_once_in_order(many):
    for limit in (1, 2, 3, 5, 200):
        seen, params = [], {"limit": limit}
        while True:
            page = (await many.get("/v1/teams", params=params)).json()
            seen += [team["key"] for team in page["items"]]
            assert len(page["items"]) <= limit
            if page["next_cursor"] is None:
                break
            params = {"limit": limit, "cursor": page["next_cursor"]}
        assert seen == ["a", "a-a", "b", "c", "d"], limit


async def test_the_link_header_leads_to_the_next_page(many):
    first = await many.get("/v1/teams", params={"limit": 2, "archived": "true"})
    address = first.headers["link"].removeprefix("<").split(">")[0]
    second = await many.get(address)
    assert [team["key"] for team in second.json()["items"]] == ["b", "c"]


async def test_a_cursor_of_another_list_organization_or_making_is_refused(world, many):
    cursor = (await many.get("/v1/teams", params={"limit": 2})).json()["next_cursor"]
    other = await world.organization("other")
    altered = ("A" if cursor[0] != "A" else "B") + cursor[1:]
    for caller, path, params in (
        (many, "/v1/metrics", {"cursor": cursor}),
        (many, "/v1/teams", {"cursor": cursor, "archived": "true"}),
        (many, "/v1/teams", {"cursor": altered}),
        (many, "/v1/teams", {"cursor": cursor[:-1]}),
        (many, "/v1/teams", {"cursor": "x"}),
        (other, "/v1/teams", {"cursor": cursor}),
    ):
        refused = await caller.get(path, params=params)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "cursor"), (
            path,
            params,
        )


@EMBEDDED
@pytest.mark.parametrize("limit", ["0", "-1", "201", "9" * 30, "x", "1.5", ""])
async def test_a_limit_outside_its_bounds_is_refused(many, limit):
    assert (await many.get("/v1/teams", params={"limit": limit})).status_code == 422


@given(some.text(min_size=1).filter(lambda s: s.isprintable()), some.binary(), some.binary())
def test_a_position_comes_back_from_its_own_cursor_alone(position, mine, other):
    cursor = encode(position, mine)
    assert decode(cursor, mine) == position
    if mine != other:
        with pytest.raises(InvalidError):
            decode(cursor, other)


async def test_a_position_that_no_database_takes_is_refused(forged):
    refused = await forged("/v1/teams", "a\x00b")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "cursor")
