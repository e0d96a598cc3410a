"""Offerings over HTTP."""

OFFERING = {
    "name": "Plus",
    "available_from": "2026-01-01",
    "retired_on": "2027-01-01",
    "team": None,
}


async def test_an_offering_comes_back_as_it_was_sent_and_takes_a_null_in_a_patch(admin):
    created = await admin.put_object("/v1/offerings/plus", OFFERING)
    assert created == {"key": "plus", **OFFERING, "archived": False}
    assert (await admin.get("/v1/offerings/plus")).json() == created
    patched = (await admin.patch("/v1/offerings/plus", {"retired_on": None})).json()
    assert patched == {**created, "retired_on": None}
    assert (await admin.get("/v1/offerings")).json()["items"] == [patched]
    assert (await admin.delete("/v1/offerings/plus")).status_code == 204


async def test_a_day_is_an_iso_day_and_nothing_else(admin):
    for day in (
        0,
        20_000,
        "2026-1-1",
        "2026-02-30",
        "2026-01-01T00:00:00Z",
        "0001-01-01",
        "9999-12-31",
        "٢٠٢٦-01-01",
        "",
    ):
        rejection = await admin.put("/v1/offerings/plus", {"name": "Plus", "available_from": day})
        assert rejection.status_code == 422, day
        assert rejection.json()["errors"][0]["pointer"] == "/available_from"
