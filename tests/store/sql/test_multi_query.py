"""Several queries return their rows in one statement, whatever the rows contain."""

from app.store.sql.multi_query import JsonQuery, query_many
from tests.support.service_harness import ServiceHarness, seed_playbook

SPECIAL_CHARACTERS = 'quo"te, back\\slash, new\nline, é and 😀'


async def test_rows_are_returned_in_the_order_of_the_queries(harness: ServiceHarness):
    actor = await harness.create_organization()
    await seed_playbook(harness, actor)
    teams = JsonQuery(
        "key, size",
        "select key, size from team where organization_id = :organization and size > :least",
    )
    large_query = (
        "select cast(:large as bigint) as number, :words as words, null as missing where :large > 0"
    )
    parameters = {"least": 10**15, "large": 2**63 - 1, "words": SPECIAL_CHARACTERS}
    async with harness.service.database.read_transaction() as reader:
        no_teams, number_rows = await query_many(
            reader,
            actor.organization,
            [teams, JsonQuery("number, words, missing", large_query)],
            parameters,
        )
        (all_teams,) = await query_many(reader, actor.organization, [teams], {"least": 0})
    assert (no_teams, number_rows) == ([], [[2**63 - 1, SPECIAL_CHARACTERS, None]])
    assert min(all_teams)[0] == "marketing"


async def test_queries_can_share_a_common_table_expression(harness: ServiceHarness):
    actor = await harness.create_organization()
    await seed_playbook(harness, actor)
    common_table = "with mine as (select key, size from team where organization_id = :organization)"
    parts = [
        JsonQuery("key", "select key from mine"),
        JsonQuery("number", "select count(*) as number from mine"),
    ]
    async with harness.service.database.read_transaction() as reader:
        rows, number = await query_many(reader, actor.organization, parts, {}, common_table)
    assert number == [[len(rows)]] != [[0]]
