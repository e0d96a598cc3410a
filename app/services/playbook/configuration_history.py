"""What a question about a day is answered from: the configuration as it stood, the playbook, and the frame."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final
from uuid import UUID

from app.domain.events.metrics import Metric
from app.domain.playbook import history as past
from app.domain.playbook.configuration import Configuration
from app.domain.playbook.history import Taken
from app.domain.playbook.playbooks import Playbook
from app.domain.primitives.errors import NoCurrentPlaybookError, NotFoundError, unknown
from app.scoring.playbook_index import Family, Plan
from app.scoring.snapshot import Frame, frame
from app.services.runtime.versioned_cache import Kept
from app.store.access import organization_version as cursor
from app.store.events import metric_restatement as restatements
from app.store.playbook import configuration as store
from app.store.playbook import journal_history as journal
from app.store.sql.database import Connection

EVERYTHING: Final = tuple(store.NOUNS)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a day is answered from. Shape: `others` are the keys of the other current playbooks."""

    plan: Plan
    frame: Frame
    others: tuple[str, ...] = ()

    @property
    def configuration(self) -> Configuration:
        """The configuration as it stood."""
        return self.plan.configuration

    @property
    def playbook(self) -> Playbook:
        """The playbook as it stood."""
        return self.plan.playbook


class Present:
    """The configuration as it is now, with what is worked out of it: the same for all who ask before it is changed.

    Shape: `restating` are the keys of the metrics whose change history does not show yet; `matched` those by which
    events match, by key.
    """

    def __init__(self, configuration: Configuration, pending: Mapping[str, Metric | None]) -> None:
        """As it is stored, and the metrics whose change history does not show yet, as they were before."""
        self.restating = tuple(sorted(pending))
        self.matched = past.matched(configuration, pending)
        self.configuration = past.restated(configuration, self.matched)
        self._plans: dict[str, Plan] = {}

    def plan(self, key: str) -> Plan:
        """The plan of that playbook, which is there."""
        return self._plans.setdefault(key, Plan(self.configuration, key))

    @property
    def weight(self) -> int:
        """How many things are configured, archived ones too."""
        gone = self.configuration.archived
        return sum(
            len(self.configuration.of(kind)) + len(gone.get(kind, ())) for kind in EVERYTHING
        )


class Past:
    """An organization's configuration on any day, in one consistent view of the database; read as far as it is asked.

    Shape: `restating` and `matched` as in `Present`.
    """

    def __init__(
        self, connection: Connection, organization: UUID, now: Present, since: date = date.max
    ) -> None:
        """Starts from the present configuration, which nothing has changed after that day."""
        self._own = connection, organization
        self._now, self.restating, self.matched = now, now.restating, now.matched
        self._changes: dict[date, Sequence[Taken]] = {}
        self._known: dict[date, Configuration] = {}
        self._plans: dict[tuple[int, str], Plan] = {}
        self._families: dict[str, Family] = {}
        self._since = since
        self._published: Mapping[str, date] | None = None

    @property
    def present(self) -> Configuration:
        """The configuration as it is now."""
        return self._now.configuration

    @property
    def weight(self) -> int:
        """How many things are configured now."""
        return self._now.weight

    async def on(self, day: date) -> Configuration:
        """The configuration as it stood at the end of that day, its metrics matched as they are now."""
        if day < self._since:
            self._changes |= await journal.changes_after(*self._own, day, self._since)
            self._since = day
        found = self.present
        # What came last is taken back first; each step is kept, for a history asks for one day after the other.
        for changed in sorted((on for on in self._changes if on > day), reverse=True):
            if changed not in self._known:
                self._known[changed] = past.restated(
                    past.undone(found, self._changes[changed]), self.matched
                )
            found = self._known[changed]
        return found

    async def resolve(self, key: str | None, as_of: date, known_at: date) -> Standing:
        """What that day is answered from, for a playbook or for the current one.

        Raises: NotFoundError for an unknown key, NoCurrentPlaybookError naming the last ended one and any draft.
        """
        configuration = await self.on(as_of)
        others = current(configuration.playbooks.values(), as_of)
        if not others:
            others = current(await self._later(as_of, known_at), as_of)
        if key is None and not others:
            raise NoCurrentPlaybookError(instead(configuration.playbooks.values(), as_of))
        chosen = others[0] if key is None else key
        found = await self._scored(chosen, as_of, known_at)
        return replace(found, others=tuple(other for other in others if other != chosen))

    async def _later(self, day: date, known_at: date) -> list[Playbook]:
        """The playbooks first published after that day and known by the other, as they were then."""
        found = []
        for key in self.present.playbooks.keys() | self.present.archived.get("playbook", {}).keys():
            first = await self._first(key, day, known_at)
            if first is not None:
                found += [p for p in [(await self.on(first)).playbooks.get(key)] if p is not None]
        return found

    async def _first(self, key: str, day: date, known_at: date) -> date | None:
        """The day of a playbook's first publishing, if that is after the one day and not after the other."""
        if day >= known_at:
            return None
        if self._published is None:
            self._published = await journal.published_on(*self._own)
        first = self._published.get(key)
        return first if first is not None and day < first <= known_at else None

    async def _scored(self, key: str, as_of: date, known_at: date) -> Standing:
        """The playbook on that day, or on its last one once that is over.

        Before it was first published it is as it was then published, where that is known.
        """
        day, was = as_of, None
        while True:
            configuration, since = await self.on(day), None
            playbook = configuration.playbooks.get(key)
            if playbook is None or playbook.state == "draft":
                since = await self._first(key, day, known_at)
                configuration = configuration if since is None else await self.on(since)
                playbook = configuration.playbooks.get(key)
            if (
                playbook is None and was is not None
            ):  # a draft made after its own last day: as it is on the day asked
                configuration, playbook, since = was
            if playbook is None:
                raise NotFoundError(self._absent(key, as_of))
            if day <= playbook.ends_on:
                framed = frame(playbook, as_of, known_at, day)
                return Standing(
                    self._plan(configuration, key), replace(framed, configuration_from=since)
                )
            was = configuration, playbook, since or day
            day = playbook.ends_on

    def _plan(self, configuration: Configuration, key: str) -> Plan:
        """One plan for all days with the same configuration, which is one of those that are kept."""
        if configuration is self.present:
            return self._now.plan(key)
        place, family = (id(configuration), key), self._families.setdefault(key, {})
        return self._plans.setdefault(place, Plan(configuration, key, family))

    def require(self, key: str) -> None:
        """Returns when there is, or was, a playbook of that key. Raises: NotFoundError naming the nearest known one."""
        if key not in self.present.playbooks and key not in self.present.archived.get(
            "playbook", {}
        ):
            raise NotFoundError(unknown("playbook", key, self.present.playbooks))

    def _absent(self, key: str, day: date) -> str:
        if key in self.present.playbooks:
            return f"The playbook '{key}' was not there yet on {day.isoformat()}."
        return unknown("playbook", key, self.present.playbooks)


async def read(
    connection: Connection, organization: UUID, kinds: Sequence[str] = EVERYTHING
) -> Past:
    """The organization's past, in the view that the connection has; of some kinds of things alone where these do."""
    return Past(connection, organization, await _present(connection, organization, kinds))


async def kept(
    connection: Connection, organization: UUID, at: cursor.Standing, known: Kept
) -> Past:
    """The same of everything, where the organization stands there: read only when it was changed since it was kept."""
    mine = "configuration", organization
    found = known.find(mine, None, at.catalogue, Present)
    if found is None:
        found = await _present(connection, organization, EVERYTHING)
        known.keep(mine, None, at.catalogue, found, found.weight)
    return Past(connection, organization, found, at.recorded_day)


async def _present(connection: Connection, organization: UUID, kinds: Sequence[str]) -> Present:
    present = await store.load(connection, organization, kinds)
    return Present(present, await restatements.pending(connection, organization))


async def configured(
    connection: Connection, organization: UUID, day: date | None, kinds: Sequence[str] = EVERYTHING
) -> Configuration:
    """The configuration at the end of that day, or now where it is None."""
    known = await read(connection, organization, kinds)
    return known.present if day is None else await known.on(day)


def current(playbooks: Collection[Playbook], day: date) -> list[str]:
    """The published ones whose window holds the day, the one that starts last first."""
    found = [p for p in playbooks if p.state == "published" and p.starts_on <= day <= p.ends_on]
    return [
        p.key for p in sorted(found, key=lambda p: (p.starts_on.toordinal(), p.key), reverse=True)
    ]


def instead(found: Collection[Playbook], day: date) -> str:
    """Why no playbook is current on that day: which ended last, and which is still a draft."""
    ended = sorted((p.ends_on, p.key) for p in found if p.state != "draft" and p.ends_on < day)
    drafts = sorted(p.key for p in found if p.state == "draft")
    text = f"No published playbook's window holds {day.isoformat()}."
    if ended:
        text += f" The last one, '{ended[-1][1]}', ended on {ended[-1][0].isoformat()}."
    if drafts:
        text += f" There is a draft: '{drafts[0]}'."
    return text
