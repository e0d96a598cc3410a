"""The catalogue is read once per version of the configuration, and a stale one is noticed by whoever writes."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from app.domain.events.metrics import Matcher
from app.domain.playbook.configuration import Configuration
from app.domain.playbook.organization import Organization, Team
from app.services.events import ingestion as events
from app.services.playbook import configuration
from app.services.runtime.matcher_cache import Catalogue, Catalogues, catalogue
from tests.support.services import ONE, House, event, furnish, house, metric, record


def holding(version: int, teams: int) -> Catalogue:
    known = Configuration(organizations={"acme": Organization("acme", "Acme")})
    for number in range(teams):
        known = known.put(Team(f"team-{number}", "Team", "sales", ONE))
    return Catalogue(known, Matcher({}), version, restating=False)


def test_memory_is_bounded_and_those_asked_for_longest_ago_go_first():
    kept = Catalogues(most=10)
    for number in range(3):
        kept.keep(UUID(int=number), holding(1, 3))  # four things each
        kept.newest(UUID(int=0))
    assert [number for number in range(3) if kept.newest(UUID(int=number)) is not None] == [0, 2]


def test_one_that_is_larger_than_the_bound_is_kept_alone():
    kept = Catalogues(most=10)
    kept.keep(UUID(int=1), holding(1, 2))
    kept.keep(UUID(int=2), holding(1, 50))
    assert kept.newest(UUID(int=1)) is None
    assert kept.newest(UUID(int=2)) is not None
    kept.keep(UUID(int=2), holding(2, 1))
    kept.keep(UUID(int=1), holding(1, 2))
    assert kept.newest(UUID(int=1)) is not None
    assert kept.newest(UUID(int=2)) is not None


@pytest.fixture
async def second(built: House, database_url: str) -> AsyncIterator[House]:
    """Another process on the same database."""
    async with house(database_url) as found:
        yield found


async def test_the_kept_one_is_taken_while_it_is_of_the_databases_version(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    kept = Catalogues()
    async with built.service.database.reading() as connection:
        first = await catalogue(connection, actor.organization, kept)
        assert await catalogue(connection, actor.organization, kept) is first
    await record(built, actor, event("a"))
    async with built.service.database.reading() as connection:
        assert await catalogue(connection, actor.organization, kept) is first
    await configuration.put(built.service, actor, metric("other"))
    async with built.service.database.reading() as connection:
        assert await catalogue(connection, actor.organization, kept) is not first


async def test_a_team_that_another_process_made_is_known_at_once(built: House, second: House):
    actor = await built.organization()
    await furnish(built, actor)
    await record(built, actor, event("a"))
    await configuration.put(second.service, actor, Team("support", "Support", "sales", ONE))
    items = await record(built, actor, event("b", team="support"))
    assert [item.status for item in items] == ["recorded"]


async def test_a_team_that_another_process_archived_is_refused_at_once(built: House, second: House):
    actor = await built.organization()
    await furnish(built, actor)
    await configuration.put(built.service, actor, Team("support", "Support", "sales", ONE))
    await record(built, actor, event("a", team="support"))
    await configuration.archive(second.service, actor, "team", "support")
    items = await record(built, actor, event("b", team="support"), event("c"))
    assert [item.status for item in items] == ["invalid", "recorded"]


async def test_a_metric_that_another_process_redefined_matches_at_once(built: House, second: House):
    actor = await built.organization()
    await furnish(built, actor)
    await record(built, actor, event("a"))
    await configuration.put(second.service, actor, metric("other", where=()))
    (item,) = await record(built, actor, event("b"))
    found = await events.stored(built.service, actor.organization, item)
    assert found.metrics == ("arr", "other")
