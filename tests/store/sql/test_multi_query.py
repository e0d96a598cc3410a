"""Several lists come back as one answer, whatever is in them."""

from app.store.sql.multi_query import Part, ask
from tests.support.services import House, furnish

STRANGE = 'quo"te, back\\slash, new\nline, é and 😀'


async def test_lists_come_back_in_the_order_of_their_parts_and_empty_ones_are_empty(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    teams = Part(
        "key, size",
        "select key, size from team where organization_id = :organization and size > :least",
    )
    large = (
        "select cast(:large as bigint) as number, :words as words, null as missing where :large > 0"
    )
    values = {"least": 10**15, "large": 2**63 - 1, "words": STRANGE}
    async with built.service.database.reading() as connection:
        none, one = await ask(
            connection, actor.organization, [teams, Part("number, words, missing", large)], values
        )
        (some,) = await ask(connection, actor.organization, [teams], {"least": 0})
    assert (none, one) == ([], [[2**63 - 1, STRANGE, None]])
    assert min(some)[0] == "marketing"


async def test_what_parts_share_is_named_before_them(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    before = "with mine as (select key, size from team where organization_id = :organization)"
    parts = [
        Part("key", "select key from mine"),
        Part("number", "select count(*) as number from mine"),
    ]
    async with built.service.database.reading() as connection:
        rows, number = await ask(connection, actor.organization, parts, {}, before)
    assert number == [[len(rows)]] != [[0]]
