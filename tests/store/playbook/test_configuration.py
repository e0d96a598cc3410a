"""What is saved is found, alone, in pages and whole; what is archived is out of sight and comes back."""

from functools import reduce

from app.domain.access.actor import Actor
from app.domain.playbook.configuration import TABLES, Configuration, Noun
from app.domain.playbook.objectives import Objective, Responsibility
from app.domain.playbook.organization import Team
from app.domain.playbook.playbooks import Contribution, Revision, Signoff
from app.services.playbook import configuration as flow
from app.store.playbook import configuration as store
from app.store.playbook.configuration import Stored
from tests.support.configurations import known
from tests.support.services import House

MORE = (
    Contribution("q4", "sales", "Ann", "a note"),
    Signoff("q4", "sales", 1, "Ann"),
    Revision("q4", 1, {"playbook:q4": {"title": "Win", "more": [1, None, {"a": 1.5}]}}),
    Revision("q4", 10, {}),
    Revision("q4", 9, {}),
)


async def filled(built: House, key: str = "acme") -> tuple[Actor, Configuration]:
    """An organization with at least one thing of every kind, and what it should read."""
    actor = await built.organization(key)
    whole = known(*MORE)
    nouns = [noun for kind in TABLES if kind != "organization" for noun in whole.of(kind).values()]
    outcome = await flow.write(
        built.service, actor, lambda found: reduce(Configuration.put, nouns, found)
    )
    return actor, outcome.after


async def load(built: House, actor: Actor) -> Configuration:
    async with built.service.database.reading() as connection:
        return await store.load(connection, actor.organization)


async def find(built: House, actor: Actor, kind: str, key: str) -> Stored | None:
    async with built.service.database.reading() as connection:
        return await store.find(connection, actor.organization, kind, key)


async def paged(built: House, actor: Actor, kind: str, limit: int, **more: object) -> list[str]:
    """The keys of all pages, one after the other."""
    equals = more.get("equals", {})
    archived = bool(more.get("archived"))
    found: list[str] = []
    async with built.service.database.reading() as connection:
        while True:
            page = await store.page(
                connection,
                actor.organization,
                kind,
                equals=equals,  # type: ignore[arg-type]  # columns and their values
                after=found[-1] if found else None,
                limit=limit,
                archived=archived,
            )
            found += [stored.value.key for stored in page]
            if len(page) < limit:
                return found


async def test_what_is_saved_is_loaded_as_it_was(built: House):
    actor, wanted = await filled(built)
    found = await load(built, actor)
    for kind in TABLES:
        assert dict(found.of(kind)) == dict(wanted.of(kind)), kind
        assert len(wanted.of(kind)) > 0, kind


async def test_each_thing_is_found_by_its_key_and_in_its_page(built: House):
    actor, wanted = await filled(built)
    for kind in set(TABLES) - {"organization", "policy"}:
        for key, noun in wanted.of(kind).items():
            stored = await find(built, actor, kind, key)
            assert stored is not None
            assert (stored.value, stored.archived) == (noun, False)
        for limit in (1, 100):
            assert sorted(await paged(built, actor, kind, limit)) == sorted(wanted.of(kind))


async def test_some_kinds_alone_can_be_loaded(built: House):
    actor, wanted = await filled(built)
    async with built.service.database.reading() as connection:
        found = await store.load(connection, actor.organization, ("team", "metric"))
    assert (dict(found.teams), dict(found.metrics)) == (dict(wanted.teams), dict(wanted.metrics))
    assert (found.objectives, found.organizations) == ({}, {})


async def test_pages_go_by_each_part_of_a_key_in_its_own_order(built: House):
    actor = await built.organization()
    # By whole text "a-b/x" would come before "a/y": the minus sorts before the slash.
    objectives = [Objective(key, "q4", key) for key in ("a", "a-b", "b")]
    borne = [
        Responsibility(o.key, team, "informed")
        for o in objectives
        for team in ("marketing", "sales")
    ]
    nouns: list[Noun] = [*known().teams.values(), known().playbooks["q4"], *objectives, *borne]
    await flow.write(built.service, actor, lambda found: reduce(Configuration.put, nouns, found))
    wanted = ["a/marketing", "a/sales", "a-b/marketing", "a-b/sales", "b/marketing", "b/sales"]
    for limit in (1, 4):
        assert await paged(built, actor, "responsibility", limit) == wanted
    assert (
        await paged(built, actor, "responsibility", 1, equals={"objective": "a-b"}) == wanted[2:4]
    )


async def test_revisions_are_counted_not_spelled(built: House):
    actor, _ = await filled(built)
    assert await paged(built, actor, "revision", 1) == ["q4/1", "q4/9", "q4/10"]


async def test_keys_are_ordered_by_code_point_on_both_databases(built: House):
    actor = await built.organization()
    nouns = [Team(key, key, "any") for key in ("b", "a-b", "ab", "a0", "a")]
    await flow.write(built.service, actor, lambda found: reduce(Configuration.put, nouns, found))
    assert await paged(built, actor, "team", 2) == ["a", "a-b", "a0", "ab", "b"]


async def test_what_is_archived_is_out_of_sight_and_comes_back(built: House):
    actor, wanted = await filled(built)
    before = await find(built, actor, "key_result", "arr-2m")
    await flow.archive(built.service, actor, "key_result", "arr-2m")
    stored = await find(built, actor, "key_result", "arr-2m")
    assert before is not None
    assert stored is not None
    assert (stored.archived, stored.value) == (True, before.value)
    assert stored.changed > before.changed
    found = await load(built, actor)
    assert found.key_results == {}
    assert found.archived["key_result"] == {"arr-2m": before.value}
    assert await paged(built, actor, "key_result", 5) == []
    assert await paged(built, actor, "key_result", 5, archived=True) == ["arr-2m"]
    await flow.put(built.service, actor, wanted.key_results["arr-2m"])
    assert dict((await load(built, actor)).key_results) == dict(wanted.key_results)


async def test_an_unchanged_thing_keeps_the_version_of_its_last_change(built: House):
    actor, _ = await filled(built)
    before = await find(built, actor, "team", "sales")
    await flow.put(built.service, actor, Team("ops", "Ops", "operations"))
    assert await find(built, actor, "team", "sales") == before


async def test_nothing_is_found_in_another_organization(built: House):
    _, wanted = await filled(built)
    other = await built.organization("other")
    for kind in TABLES:
        if kind not in ("organization", "policy"):
            for key in wanted.of(kind):
                assert await find(built, other, kind, key) is None
            assert await paged(built, other, kind, 9, archived=True) == []


def test_a_key_is_parted_into_its_columns():
    assert store.parts("team", "sales") == {"key": "sales"}
    assert store.parts("responsibility", "win/sales") == {"objective": "win", "team": "sales"}
    assert store.parts("revision", "q4/12") == {"playbook": "q4", "revision": 12}
    assert store.identity("organization") == ()
