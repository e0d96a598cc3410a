"""What events are checked and matched against: compiled once per version of an organization's configuration."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.domain.events.metrics import Matcher
from app.domain.playbook import history as past
from app.domain.playbook.configuration import Configuration
from app.store.access import organization_version as cursor
from app.store.events import metric_restatement as restatements
from app.store.playbook import configuration as store
from app.store.sql.database import Connection

KINDS: Final = ("organization", "team", "source", "metric", "objective")
MOST: Final = 100_000  # things, in all catalogues that a process keeps: some hundred bytes each


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What an event is checked and matched against, as of one version of the configuration.

    Shape: `restating` says that history is being restated, and the days that events come in for have to be done again.
    """

    configuration: Configuration
    matcher: Matcher
    version: int
    restating: bool

    @property
    def time_zone(self) -> str:
        """The organization's."""
        return self.configuration.organization.time_zone

    @property
    def size(self) -> int:
        """How many things it holds, archived ones too."""
        known = self.configuration
        return sum(len(known.of(kind)) + len(known.archived.get(kind, ())) for kind in KINDS)


class Catalogues:
    """The catalogues of the organizations that this process heard of last, in bounded memory.

    One may be out of date: every write asks the database for its version, under the lock of the organization's cursor.
    """

    def __init__(self, most: int = MOST) -> None:
        """Holds at most so many things, or a single larger catalogue."""
        self._most, self._size = most, 0
        self._kept: OrderedDict[UUID, Catalogue] = OrderedDict()

    def newest(self, organization: UUID) -> Catalogue | None:
        """The last one that was read. None when none is kept."""
        found = self._kept.get(organization)
        if found is not None:
            self._kept.move_to_end(organization)
        return found

    def keep(self, organization: UUID, found: Catalogue) -> None:
        """That one is the newest; those not asked for longest are let go."""
        before = self._kept.pop(organization, None)
        self._size += found.size - (0 if before is None else before.size)
        self._kept[organization] = found
        while self._size > self._most and len(self._kept) > 1:
            _, gone = self._kept.popitem(last=False)
            self._size -= gone.size


async def catalogue(
    connection: Connection, organization: UUID, kept: Catalogues | None = None
) -> Catalogue:
    """The organization's catalogue as it is now: the kept one while it is of the database's version.

    Raises: NotFoundError when the organization is gone.
    """
    version = await cursor.catalogue(connection, organization)
    newest = None if kept is None else kept.newest(organization)
    if newest is not None and newest.version == version:
        return newest
    known = await store.load(connection, organization, KINDS)
    pending = await restatements.pending(connection, organization)
    found = Catalogue(known, Matcher(past.matched(known, pending)), version, bool(pending))
    if kept is not None:
        kept.keep(organization, found)
    return found
