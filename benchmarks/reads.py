"""How fast the service answers, as ratios to simpler things that are measured in turn in the same run.

`python -m benchmarks.reads [--small] [--growth] [--to FOLDER]`, or `make bench`: on a durable PostgreSQL of this
machine, which is gone after the run, prints a table, and writes it as reads.md and reads.svg. Medians of interleaved
rounds. `--growth` goes on to five million events and to plans of other sizes, and writes how answers grow with them.

An answer is measured from the question to the bytes of the reply, by a process that keeps no answers: after an event
it still has the configuration that it read before, and the evidence that was recorded on days before the last one; when
it is new it has nothing. Its statements alone are those that read the whole evidence. Source of the bars: quality.md.
"""

import argparse
import asyncio
import gc
import signal
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import asyncpg

from app.main import GARBAGE, make_service
from app.security.vault import new_keys
from app.services.runtime.context import Service
from app.settings import Settings
from benchmarks import unchanged
from benchmarks.bench import durable, served
from benchmarks.company import (
    Company,
    answered,
    forgetful,
    furnished,
    multiply,
    new,
    reading,
    statements,
)
from benchmarks.past import DAYS, START, Clock
from benchmarks.report import Row, curves, keep, shown, table, write

SERVER: Final = {
    "jit": "off",
    "plan_cache_mode": "force_custom_plan",
    "timezone": "UTC",
}  # as the service asks it
WINDOW: Final = tuple(
    int((START + timedelta(days=days)).timestamp()) * 1_000_000 for days in (0, DAYS)
)
# The events alone, as narrow as they can be, with the index that the aggregate would like best.
RAW: Final = (
    "drop table if exists raw",
    "create table raw as select substr(type, strpos(type, '-') + 1) as metric, kind, source, time_us, value "  # noqa: ISC004  # one statement
    "from event where organization_id = '{}'",
    "create index on raw (kind, metric, source, time_us) include (value)",
    "vacuum analyze raw",
)
AGGREGATE: Final = (
    "select metric, source, count(*), sum(value), min(value), max(value) from raw "
    "where kind = 'outcome' and time_us between $1 and $2 group by metric, source"
)
# Each is measured, and an answer is compared with the one that is best.
WAYS: Final[Mapping[str, Mapping[str, str]]] = {
    "as planned": {},
    "by the index": {"enable_seqscan": "off", "enable_bitmapscan": "off"},
    "by one process": {"max_parallel_workers_per_gather": "0"},
}
ANSWER, QUERY, RAWLY = "the answer", "the statements that read it whole", "the SQL aggregate"
FRESH, FRESHLY = "in a new process", "those statements then"
Times = Mapping[str, Sequence[float]]
Points = list[tuple[int, dict[str, float]]]


@dataclass(frozen=True)
class Extent:
    """How much is measured.

    Shape: `events` at first, and the `steps` that multiply them, the later ones for growth alone; `objectives` of the
    plan that they are of, `compared` of the plans that are compared, `others` of those that growth alone shows.
    """

    events: int = 10_000
    objectives: int = 100
    compared: tuple[int, int] = (1_000, 10_000)
    others: tuple[int, ...] = (10, 100)
    steps: tuple[int, ...] = (100, 5)
    rounds: int = 9
    requests: int = 1_600


SMALL: Final = Extent(900, 10, (10, 20), (5,), (2, 2), 1, 32)


async def taken(rounds: int, asked: Mapping[str, Callable[[], Awaitable[object]]]) -> Times:
    """What each takes, done in turn, after a round that only warms up. Units: milliseconds."""
    found: dict[str, list[float]] = {name: [] for name in asked}
    for number in range(rounds + 1):
        for name, act in asked.items():
            start = time.perf_counter()
            await act()
            if number:
                found[name].append(1000 * (time.perf_counter() - start))
    return found


class Uncached:
    """Answers that nobody keeps, on one database.

    Shape: `events` and `objectives` have the medians of what was measured, by how many of them there are.
    """

    def __init__(self, url: str, service: Service, clock: Clock, extent: Extent) -> None:
        """Nothing is in the database yet."""
        self.address, self.service, self.clock, self.extent = (
            url.replace("+asyncpg", ""),
            service,
            clock,
            extent,
        )
        self.events: Points = []
        self.objectives: Points = []

    async def connect(self, **more: str) -> asyncpg.Connection:
        """A connection like those of the service."""
        return await asyncpg.connect(self.address, server_settings={**SERVER, **more})

    async def settle(self, *steps: str) -> None:
        """The steps are taken, and the server knows what its tables hold, as it soon would by itself."""
        raw = await self.connect()
        for step in (*steps, "vacuum analyze", "checkpoint"):
            await raw.execute(step)
        await raw.close()

    async def company(self, objectives: int) -> Company:
        """An organization with a plan of so many objectives."""
        found = await furnished(self.service, self.clock, objectives, self.extent.events)
        await self.settle()
        return found

    async def by_events(self, many: Company, *, growth: bool) -> list[Row]:
        """Answers from the same roll-ups, of ever more events."""
        few, rows, number = await self.company(self.extent.objectives), [], self.extent.events
        for place, times in enumerate(self.extent.steps[: None if growth else 1]):
            raw = await self.connect()
            await multiply(raw, many.organization, times)
            await raw.close()
            await self.settle(*(step.format(many.organization) for step in RAW))
            number *= times
            found = await self.beside(few, many)
            best = min((found[way] for way in WAYS), key=statistics.median)
            what = f"{2 * self.extent.objectives} key results, {number:,} events"
            rows.append(
                Row(f"{what}: {RAWLY} over them", found["many"], best, 25 if place else 8, "faster")
            )
            rows.append(
                Row(
                    f"{what}: {self.extent.events:,} of them",
                    found["many"],
                    found["few"],
                    1.2,
                    "slower",
                )
            )
            if not place:
                self.events.append((self.extent.events, {ANSWER: statistics.median(found["few"])}))
            middle = {ANSWER: statistics.median(found["many"]), RAWLY: statistics.median(best)}
            self.events.append((number, middle))
        return rows

    async def beside(self, few: Company, many: Company) -> Times:
        """What both answers take, and the aggregate over the many events in each way."""
        ways = {way: await self.connect(work_mem="64MB", **more) for way, more in WAYS.items()}
        asked = {way: partial(one.fetch, AGGREGATE, *WINDOW) for way, one in ways.items()}
        known = forgetful(self.service)
        answers = {
            name: partial(answered, one, lambda _: known)
            for name, one in (("few", few), ("many", many))
        }
        for act in answers.values():  # what was recorded before today is read for the second one
            await act()
        found = await taken(self.extent.rounds, {**answers, **asked})
        for one in ways.values():
            await one.close()
        return found

    async def by_objectives(self, *, growth: bool) -> list[Row]:
        """Answers by plans of ever more objectives."""
        found = {}
        numbers = {*self.extent.compared, *(self.extent.others if growth else ())}
        known = {number: await self.company(number) for number in sorted(numbers)}
        for number, one in known.items():
            found[number] = await self.alone(one)
            self.objectives.append(
                (number, {name: statistics.median(of) for name, of in found[number].items()})
            )
        first, last = self.extent.compared
        asked = {number: partial(answered, known[number], new) for number in self.extent.compared}
        both = await taken(self.extent.rounds, {str(number): act for number, act in asked.items()})
        times, one, what = last // first, found[first], f"{first:,} objectives"
        scaled = [each * times for each in both[str(first)]]
        return [
            Row(f"{what}, after an event: {QUERY}", one[ANSWER], one[QUERY], 2, "slower"),
            Row(f"{what}, {FRESH}: {QUERY}", one[FRESH], one[FRESHLY], 2, "slower"),
            Row(
                f"{last:,} objectives, {FRESH}: {times} times {first:,}",
                both[str(last)],
                scaled,
                1,
                "slower",
            ),
        ]

    async def alone(self, one: Company) -> Times:
        """What the answer takes after an event and in a new process, and what its statements alone take."""
        raw, known, whole = await self.connect(), forgetful(one.service), reading(one.service)
        asked: dict[str, Callable[[], Awaitable[object]]] = {}
        # Compared is what it takes to read the whole evidence, although after an event only today's is.
        for answer, query, service, reads in (
            (ANSWER, QUERY, lambda _: known, lambda _: whole),
            (FRESH, FRESHLY, new, new),
        ):
            await answered(one, service)
            await answered(one, reads)
            with statements(self.service) as found:
                await answered(one, reads)
            asked[answer] = partial(answered, one, service)
            asked[query] = partial(ask, raw, list(found))
        times = await taken(self.extent.rounds, asked)
        await raw.close()
        return times


async def ask(raw: asyncpg.Connection, asked: Sequence[tuple[str, Sequence[object]]]) -> None:
    """Those statements are answered in one view, and nothing is made of what they answer."""
    async with raw.transaction(isolation="repeatable_read", readonly=True):
        for sql, values in asked:
            await raw.fetch(sql, *values)


def by_number(what: str, points: Points) -> str:
    """A table of medians."""
    names = list(dict.fromkeys(name for _, middle in points for name in middle))
    cells = [
        [f"{number:,}", *(f"{shown(of[n])} ms" if n in of else "" for n in names)]
        for number, of in points
    ]
    return table([what, *names], cells)


def curve(what: str, points: Points) -> str:
    """A picture of them."""
    names = dict.fromkeys(name for _, middle in points for name in middle)
    return curves(what, {name: [(n, of[name]) for n, of in points if name in of] for name in names})


async def measure(
    url: str, keys: Mapping[str, str], extent: Extent, *, growth: bool
) -> tuple[list[Row], Uncached]:
    """All rows, and what does not stand in them, on that database, which is at head."""
    clock = Clock()
    service = make_service(Settings(database_url=url, **keys), clock)
    uncached = Uncached(url, service, clock, extent)
    many = await uncached.company(extent.objectives)
    raw = await uncached.connect()
    await unchanged.marked(raw)
    await raw.close()
    rows = await asyncio.to_thread(over_http, url, keys, many, extent)
    rows += await uncached.by_events(many, growth=growth)
    rows += await uncached.by_objectives(growth=growth)
    await service.database.close()
    return rows, uncached


def over_http(url: str, keys: Mapping[str, str], known: Company, extent: Extent) -> list[Row]:
    """Answers that are kept, by the service as it is served."""
    more = {f"SIGHTLINE_{name.upper()}": value for name, value in keys.items()}
    more |= {
        "SIGHTLINE_DATABASE_URL": url,
        "SIGHTLINE_REQUESTS_PER_MINUTE": "0",
        "SIGHTLINE_LOG_FORMAT": "json",
    }
    with served("sightline", "serve", ready="/readyz", **more) as (mine, _, _):
        size, etag = asyncio.run(unchanged.answer(mine, known.secret))
        where = {"RECEIVER_DATABASE_URL": url.replace("+asyncpg", ""), "REPLY_BYTES": str(size)}
        words = ("uvicorn", "benchmarks.unchanged:replies", "--factory", "--no-access-log")
        with served(*words, ready="/docs", **where) as compared:
            other = compared[0]
            asked = unchanged.measure(
                mine, other, known.secret, etag, extent.rounds, extent.requests
            )
            return asyncio.run(asked)


def main(words: Sequence[str]) -> None:
    """Runs, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--small", action="store_true", help="everything small: only shows that it runs"
    )
    parser.add_argument(
        "--growth", action="store_true", help="how answers grow, up to five million events"
    )
    parser.add_argument("--to", type=Path, default=Path("benchmarks/results"))
    asked = parser.parse_args(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    gc.set_threshold(*GARBAGE)  # as it is served
    extent, keys = (
        SMALL if asked.small else Extent(),
        {"secret_keys": new_keys(), "key_pepper": new_keys()},
    )
    databases: Any = durable()  # Any: the suite's own, which only a checkout has
    held = databases.Run()
    try:
        server = databases.Postgresql()
        url = server.address(server.fresh())
        rows, more = asyncio.run(measure(url, keys, extent, growth=asked.growth))
        server.close()
    finally:
        held.close()
    write(asked.to, "reads", rows)
    if asked.growth:
        keep(asked.to, "events", by_number("events", more.events), curve("events", more.events))
        keep(
            asked.to,
            "objectives",
            by_number("objectives", more.objectives),
            curve("objectives", more.objectives),
        )


if __name__ == "__main__":
    main(sys.argv[1:])
