"""A cursor is valid for one list of one organization only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.http.pagination import decode_cursor, encode_cursor
from app.domain.primitives.errors import InvalidError
from tests.api.conftest import SQLITE_ONLY


@pytest.fixture
async def admin_with_teams(admin):
    for team_key in ("a", "a-a", "b", "c", "d"):
        await admin.put_object(f"/v1/teams/{team_key}", {"name": team_key, "function": "sales"})
    return admin


async def test_following_the_cursor_lists_every_team_once_in_order(admin_with_teams):
    for limit in (1, 2, 3, 5, 200):
        team_keys = []
        params = {"limit": limit}
        while True:
            page = (await admin_with_teams.get("/v1/teams", params=params)).json()
            team_keys += [team["key"] for team in page["items"]]
            assert len(page["items"]) <= limit
            if page["next_cursor"] is None:
                break
            params = {"limit": limit, "cursor": page["next_cursor"]}
        assert team_keys == ["a", "a-a", "b", "c", "d"], limit


async def test_the_link_header_leads_to_the_next_page(admin_with_teams):
    first_reply = await admin_with_teams.get("/v1/teams", params={"limit": 2, "archived": "true"})
    next_url = first_reply.headers["link"].removeprefix("<").split(">")[0]
    second_reply = await admin_with_teams.get(next_url)
    assert [team["key"] for team in second_reply.json()["items"]] == ["b", "c"]


async def test_a_cursor_of_another_list_or_organization_or_an_altered_one_is_rejected(
    api, admin_with_teams
):
    cursor = (await admin_with_teams.get("/v1/teams", params={"limit": 2})).json()["next_cursor"]
    other_admin = await api.create_organization("other")
    altered_cursor = ("A" if cursor[0] != "A" else "B") + cursor[1:]
    for caller, path, params in (
        (admin_with_teams, "/v1/metrics", {"cursor": cursor}),
        (admin_with_teams, "/v1/teams", {"cursor": cursor, "archived": "true"}),
        (admin_with_teams, "/v1/teams", {"cursor": altered_cursor}),
        (admin_with_teams, "/v1/teams", {"cursor": cursor[:-1]}),
        (admin_with_teams, "/v1/teams", {"cursor": "x"}),
        (other_admin, "/v1/teams", {"cursor": cursor}),
    ):
        rejection = await caller.get(path, params=params)
        assert (rejection.status_code, rejection.json()["errors"][0]["pointer"]) == (
            422,
            "cursor",
        ), (
            path,
            params,
        )


@SQLITE_ONLY
@pytest.mark.parametrize("limit", ["0", "-1", "201", "9" * 30, "x", "1.5", ""])
async def test_a_limit_outside_its_bounds_is_refused(admin_with_teams, limit):
    assert (await admin_with_teams.get("/v1/teams", params={"limit": limit})).status_code == 422


@given(st.text(min_size=1).filter(lambda text: text.isprintable()), st.binary(), st.binary())
def test_a_position_comes_back_from_its_own_cursor_alone(position, binding, other_binding):
    cursor = encode_cursor(position, binding)
    assert decode_cursor(cursor, binding) == position
    if binding != other_binding:
        with pytest.raises(InvalidError):
            decode_cursor(cursor, other_binding)


async def test_a_position_that_the_database_cannot_store_is_rejected(get_forged_page):
    rejection = await get_forged_page("/v1/teams", "a\x00b")
    assert (rejection.status_code, rejection.json()["errors"][0]["pointer"]) == (422, "cursor")
