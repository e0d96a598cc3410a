"""Writes of configuration: preconditions, dry runs, several at once, and nobody's but one's own."""

import asyncio
from dataclasses import replace

import pytest

from app.domain.access.actor import Actor
from app.domain.playbook.configuration import Configuration, Noun
from app.domain.playbook.objectives import Responsibility
from app.domain.playbook.organization import Organization, Team
from app.domain.playbook.playbooks import Playbook
from app.domain.primitives.errors import (
    ForbiddenError,
    InUseError,
    InvalidError,
    NotFoundError,
    PreconditionError,
)
from app.services.playbook import configuration
from app.services.playbook.configuration import Precondition, Written
from app.store.access import organization_version as cursor
from app.store.playbook import configuration as store
from tests.support.configurations import book
from tests.support.services import NOW, ONE, House, event, furnish, record

OPS = Team("ops", "Ops", "operations")
CREATE = Precondition(if_none_match=True)


def matching(*versions: int) -> Precondition:
    return Precondition(frozenset(map(str, versions)))


async def whole(built: House, actor: Actor) -> tuple[int, Configuration]:
    async with built.service.database.reading() as connection:
        version = await cursor.version(connection, actor.organization)
        return version, await store.load(connection, actor.organization)


def renamed(name: str) -> Team:
    return replace(OPS, name=name)


async def test_a_thing_is_created_then_replaced_and_says_the_version_of_its_change(built: House):
    actor = await built.organization()
    first = await configuration.put(built.service, actor, OPS)
    second = await configuration.put(built.service, actor, renamed("Operations"))
    version, found = await whole(built, actor)
    assert (first.created, second.created) == (True, False)
    assert first.changed < second.changed == version
    assert found.teams["ops"] == renamed("Operations")


async def test_putting_the_same_again_moves_no_version(built: House):
    actor = await built.organization()
    first = await configuration.put(built.service, actor, OPS)
    before = await whole(built, actor)
    again = await configuration.put(built.service, actor, OPS)
    assert again == Written(OPS, created=False, changed=first.changed)
    assert await whole(built, actor) == before


async def test_if_match_holds_for_the_present_version_alone(built: House):
    actor = await built.organization()
    first = await configuration.put(built.service, actor, OPS)
    await configuration.put(built.service, actor, Team("other", "Other", "any"))
    second = await configuration.put(built.service, actor, renamed("Two"), matching(first.changed))
    for stale in (matching(first.changed), matching(0, 10**6)):
        with pytest.raises(PreconditionError):
            await configuration.put(built.service, actor, renamed("Three"), stale)
        with pytest.raises(PreconditionError):
            await configuration.patch(
                built.service, actor, "team", "ops", lambda _: renamed("Three"), stale
            )
        with pytest.raises(PreconditionError):
            await configuration.archive(built.service, actor, "team", "ops", stale)
    assert (await whole(built, actor))[1].teams["ops"].name == "Two"
    await configuration.put(built.service, actor, renamed("Three"), matching(0, second.changed))
    await configuration.put(built.service, actor, renamed("Four"), Precondition(frozenset()))
    assert (await whole(built, actor))[1].teams["ops"].name == "Four"


async def test_if_match_never_holds_for_what_is_not_there(built: House):
    actor = await built.organization()
    for precondition in (matching(1), Precondition(frozenset())):
        with pytest.raises(PreconditionError):
            await configuration.put(built.service, actor, OPS, precondition)
    written = await configuration.put(built.service, actor, OPS)
    await configuration.archive(built.service, actor, "team", "ops")
    with pytest.raises(PreconditionError):
        await configuration.put(built.service, actor, OPS, matching(written.changed))
    assert "ops" not in (await whole(built, actor))[1].teams


async def test_if_none_match_creates_only_what_is_not_live(built: House):
    actor = await built.organization()
    assert (await configuration.put(built.service, actor, OPS, CREATE)).created
    with pytest.raises(PreconditionError, match="exists"):
        await configuration.put(built.service, actor, renamed("Again"), CREATE)
    await configuration.archive(built.service, actor, "team", "ops")
    assert (await configuration.put(built.service, actor, renamed("Back"), CREATE)).created


async def test_of_several_writers_who_saw_the_same_version_one_wins(built: House):
    actor = await built.organization()
    first = await configuration.put(built.service, actor, OPS)

    async def write(number: int) -> bool:
        try:
            await configuration.put(
                built.service, actor, renamed(f"Ops {number}"), matching(first.changed)
            )
        except PreconditionError:
            return False
        return True

    won = await asyncio.gather(*(write(number) for number in range(6)))
    assert sum(won) == 1
    assert (await whole(built, actor))[1].teams["ops"].name == f"Ops {won.index(True)}"


async def test_of_several_creators_one_wins(built: House):
    actor = await built.organization()

    async def create(number: int) -> bool:
        try:
            await configuration.put(built.service, actor, renamed(f"Ops {number}"), CREATE)
        except PreconditionError:
            return False
        return True

    assert sum(await asyncio.gather(*(create(number) for number in range(6)))) == 1


async def test_writers_of_different_things_lose_nothing(built: House):
    actor = await built.organization()
    await asyncio.gather(
        *(
            configuration.put(built.service, actor, Team(f"t{number}", "T", "any"))
            for number in range(8)
        )
    )
    assert len((await whole(built, actor))[1].teams) == 8


async def test_a_dry_run_tells_and_leaves_nothing(built: House):
    actor = await built.organization()
    before = await whole(built, actor)
    outcome = await configuration.write(
        built.service, actor, lambda known: known.put(OPS), dry_run=True
    )
    assert [(change.action, change.key) for change in outcome.changes] == [("create", "ops")]
    assert await whole(built, actor) == before


async def test_what_is_refused_leaves_nothing(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    before = await whole(built, actor)
    for noun in (
        Responsibility("win", "nobody", "informed"),
        book("bad", NOW.date(), NOW.date().replace(year=2025)),
    ):
        with pytest.raises(InvalidError):
            await configuration.put(built.service, actor, noun)
    with pytest.raises(InUseError):
        await configuration.archive(built.service, actor, "team", "sales")
    with pytest.raises(NotFoundError, match="'sales'"):
        await configuration.archive(built.service, actor, "team", "sale")
    with pytest.raises(NotFoundError, match="'sales'"):
        await configuration.patch(built.service, actor, "team", "sale", lambda noun: noun)
    assert await whole(built, actor) == before


async def test_organizations_do_not_see_each_other(built: House):
    one, other = await built.organization("one"), await built.organization("other")
    before = await whole(built, other)
    await furnish(built, one)
    await configuration.put(built.service, one, OPS)
    assert await whole(built, other) == before
    with pytest.raises(NotFoundError):
        await configuration.archive(built.service, other, "team", "ops")
    assert (await configuration.put(built.service, other, renamed("Theirs"), CREATE)).created
    assert (await whole(built, one))[1].teams["ops"] == OPS


async def test_putting_a_playbook_never_changes_its_state(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    found = await configuration.put(built.service, actor, book("q4", state="closed", revision=9))
    assert isinstance(found.value, Playbook)
    assert (found.value.state, found.value.revision, found.value.published_at) == (
        "published",
        1,
        NOW,
    )


async def test_a_responsibility_that_is_put_is_proposed(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    found = await configuration.put(
        built.service, actor, Responsibility("win", "sales", "informed", ONE, "accepted")
    )
    assert found.value == Responsibility("win", "sales", "informed")


async def test_the_time_zone_is_fixed_once_events_exist(built: House):
    actor = await built.organization()
    await furnish(built, actor)

    def moved(to: str) -> Organization:
        return Organization("acme", "Acme", to)

    async def move(to: str) -> None:
        await configuration.patch(built.service, actor, "organization", "acme", lambda _: moved(to))

    await move("Asia/Kolkata")
    await record(built, actor, event("a"))
    with pytest.raises(InvalidError, match="fixed"):
        await move("UTC")
    await configuration.patch(
        built.service,
        actor,
        "organization",
        "acme",
        lambda noun: replace(noun, name="Acme Ltd"),  # type: ignore[arg-type]  # an Organization
    )
    assert (await whole(built, actor))[1].organization == Organization(
        "acme", "Acme Ltd", "Asia/Kolkata"
    )


async def test_configuration_is_written_by_those_who_may(built: House):
    owner = await built.organization()
    cases: list[tuple[set[str], str | None, Noun, bool]] = [
        ({"read", "events:write"}, None, OPS, False),
        ({"playbook:write"}, "sales", OPS, False),
        ({"playbook:write"}, None, Organization("acme", "Mine"), False),
        ({"playbook:write"}, None, OPS, True),
        ({"admin"}, None, Organization("acme", "Mine"), True),
    ]
    for scopes, team, noun, may in cases:
        actor = Actor(owner.organization, "somebody", frozenset(scopes), team)
        before = await whole(built, owner)
        if may:
            await configuration.put(built.service, actor, noun)
        else:
            with pytest.raises(ForbiddenError):
                await configuration.put(built.service, actor, noun)
        assert (await whole(built, owner) != before) is may
