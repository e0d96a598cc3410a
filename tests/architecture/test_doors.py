"""What reaches out of the program has one door each: connections, the wall clock, chance, the environment."""

import re

from tests.support.house import Source, sources

ENGINES = re.compile(
    r"sqlalchemy\.(\w+\.)*(create_engine|create_async_engine|engine_from_config|async_engine_from_config)"
    r"|(asyncpg|aiosqlite|sqlite3)\.(connect|create_pool)"
)
ENGINE_DOORS = {"app/store/sql/dialect.py": "knows how each database wants to be opened"}

WALL_CLOCK = re.compile(
    r"(datetime\.)?datetime\.(now|utcnow|today)|(datetime\.)?date\.today|time\.(time|time_ns|localtime|gmtime|ctime|strftime)"
)
CLOCK_DOORS = {"app/clock.py": "the only reader of the wall clock"}

CHANCE = re.compile(r"(random|secrets)\.\w+(\.\w+)*|os\.urandom|uuid\.uuid[147]")
CHANCE_DOORS: dict[str, str] = {
    "app/security/identifiers.py": "identities of events, ordered by time",
}

ENVIRONMENT = re.compile(r"os\.(environ|getenv|environb)(\.\w+)*")
ENVIRONMENT_DOORS = {
    "app/cli.py": "starts everything",
    "app/cli/": "the same, were it a package",
    "app/main.py": "makes the application that a server imports",
}


def through(door: re.Pattern[str], allowed: dict[str, str], source: Source) -> list[str]:
    if any(
        source.path == path or (path.endswith("/") and source.path.startswith(path))
        for path in allowed
    ):
        return []
    return [f"{source.path}:{line}: {name}" for line, name in source.calls if door.fullmatch(name)]


def test_connections_are_opened_at_one_door():
    assert [
        each for source in sources("app") for each in through(ENGINES, ENGINE_DOORS, source)
    ] == []
    planted = "from sqlalchemy.ext.asyncio import create_async_engine as make\nx = make('')\n"
    assert through(ENGINES, ENGINE_DOORS, Source("app/store/events/event_queries.py", planted))


def test_the_wall_clock_is_read_at_one_door():
    assert [
        each for source in sources("app") for each in through(WALL_CLOCK, CLOCK_DOORS, source)
    ] == []
    for planted in (
        "from datetime import datetime\nx = datetime.now()\n",
        "import datetime as d\nx = d.date.today()\n",
        "from time import time\nx = time()\n",
        "import time\nf = time.time\n",
    ):
        assert through(WALL_CLOCK, CLOCK_DOORS, Source("app/api/x.py", planted)), planted
    assert not through(
        WALL_CLOCK, CLOCK_DOORS, Source("app/api/x.py", "import time\nx = time.perf_counter()\n")
    )


def test_chance_comes_in_only_where_it_is_declared():
    assert [
        each for source in sources("app") for each in through(CHANCE, CHANCE_DOORS, source)
    ] == []
    for planted in (
        "import secrets\nx = secrets.token_bytes(3)\n",
        "from uuid import uuid4\nx = uuid4()\n",
    ):
        assert through(CHANCE, CHANCE_DOORS, Source("app/domain/x.py", planted)), planted


def test_the_environment_is_read_by_whoever_starts_the_service():
    assert [
        each
        for source in sources("app")
        for each in through(ENVIRONMENT, ENVIRONMENT_DOORS, source)
    ] == []
    assert through(
        ENVIRONMENT,
        ENVIRONMENT_DOORS,
        Source("app/store/x.py", "import os\nx = os.environ.get('A')\n"),
    )


def test_every_declared_door_is_used():
    texts = {source.path: source for source in sources("app")}
    pairs = [(ENGINE_DOORS, ENGINES), (CLOCK_DOORS, WALL_CLOCK), (CHANCE_DOORS, CHANCE)]
    idle = [
        path
        for doors, door in pairs
        for path in doors
        if not (path in texts and through(door, {}, texts[path]))
    ]
    assert idle == [], "declared doors that nobody goes through"
