"""What a question about a day is answered from: the configuration as it stood, the playbook, and the frame."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final
from uuid import UUID

from app.domain.events.metrics import Metric
from app.domain.playbook import history as past
from app.domain.playbook.configuration import Configuration
from app.domain.playbook.history import ChangeToRevert
from app.domain.playbook.playbooks import Playbook
from app.domain.primitives.errors import NoCurrentPlaybookError, NotFoundError, unknown_key_message
from app.scoring.playbook_index import PlaybookIndex, SharedMemo
from app.scoring.snapshot import ScoringFrame, build_frame
from app.services.runtime.versioned_cache import VersionedCache
from app.store.access import organization_version as cursor
from app.store.events import metric_restatement as restatements
from app.store.playbook import configuration as store
from app.store.playbook import journal_history as journal
from app.store.sql.database import Connection

ALL_KINDS: Final = tuple(store.ROW_CLASSES)


@dataclass(frozen=True, slots=True)
class ScoringBasis:
    """What a day is answered from. Shape: `others` are the keys of the other current playbooks."""

    playbook_index: PlaybookIndex
    frame: ScoringFrame
    other_playbooks: tuple[str, ...] = ()

    @property
    def configuration(self) -> Configuration:
        """The configuration as it stood."""
        return self.playbook_index.configuration

    @property
    def playbook(self) -> Playbook:
        """The playbook as it stood."""
        return self.playbook_index.playbook


class CurrentConfiguration:
    """The configuration as it is now, with what is worked out of it: the same for all who ask before it is changed.

    Shape: `restating` are the keys of the metrics whose change history does not show yet; `matched` those by which
    events match, by key.
    """

    def __init__(
        self, configuration: Configuration, pending_metrics: Mapping[str, Metric | None]
    ) -> None:
        """As it is stored, and the metrics whose change history does not show yet, as they were before."""
        self.restating_metrics = tuple(sorted(pending_metrics))
        self.effective_metrics = past.effective_metrics(configuration, pending_metrics)
        self.configuration = past.with_current_metrics(configuration, self.effective_metrics)
        self._playbook_indexes: dict[str, PlaybookIndex] = {}

    def get_playbook_index(self, key: str) -> PlaybookIndex:
        """The plan of that playbook, which is there."""
        return self._playbook_indexes.setdefault(key, PlaybookIndex(self.configuration, key))

    @property
    def cost(self) -> int:
        """How many things are configured, archived ones too."""
        archived = self.configuration.archived
        return sum(
            len(self.configuration.resources_of(kind)) + len(archived.get(kind, ()))
            for kind in ALL_KINDS
        )


class ConfigurationHistory:
    """An organization's configuration on any day, in one consistent view of the database; read as far as it is asked.

    Shape: `restating` and `matched` as in `Present`.
    """

    def __init__(
        self,
        connection: Connection,
        organization: UUID,
        current_state: CurrentConfiguration,
        loaded_since: date = date.max,
    ) -> None:
        """Starts from the present configuration, which nothing has changed after that day."""
        self._scope = connection, organization
        self._current_state, self.restating_metrics, self.effective_metrics = (
            current_state,
            current_state.restating_metrics,
            current_state.effective_metrics,
        )
        self._changes_by_day: dict[date, Sequence[ChangeToRevert]] = {}
        self._configurations_by_day: dict[date, Configuration] = {}
        self._playbook_indexes: dict[tuple[int, str], PlaybookIndex] = {}
        self._families: dict[str, SharedMemo] = {}
        self._loaded_since = loaded_since
        self._first_published: Mapping[str, date] | None = None

    @property
    def current_configuration(self) -> Configuration:
        """The configuration as it is now."""
        return self._current_state.configuration

    @property
    def cost(self) -> int:
        """How many things are configured now."""
        return self._current_state.cost

    async def as_of(self, day: date) -> Configuration:
        """The configuration as it stood at the end of that day, its metrics matched as they are now."""
        if day < self._loaded_since:
            self._changes_by_day |= await journal.load_changes_between(
                *self._scope, day, self._loaded_since
            )
            self._loaded_since = day
        configuration = self.current_configuration
        # What came last is taken back first; each step is kept, for a history asks for one day after the other.
        for change_day in sorted(
            (change_day for change_day in self._changes_by_day if change_day > day), reverse=True
        ):
            if change_day not in self._configurations_by_day:
                self._configurations_by_day[change_day] = past.with_current_metrics(
                    past.revert(configuration, self._changes_by_day[change_day]),
                    self.effective_metrics,
                )
            configuration = self._configurations_by_day[change_day]
        return configuration

    async def resolve_basis(self, key: str | None, as_of: date, known_at: date) -> ScoringBasis:
        """What that day is answered from, for a playbook or for the current one.

        Raises: NotFoundError for an unknown key, NoCurrentPlaybookError naming the last ended one and any draft.
        """
        configuration = await self.as_of(as_of)
        current_keys = current_playbooks(configuration.playbooks.values(), as_of)
        if not current_keys:
            current_keys = current_playbooks(await self._published_later(as_of, known_at), as_of)
        if key is None and not current_keys:
            raise NoCurrentPlaybookError(
                explain_no_current_playbook(configuration.playbooks.values(), as_of)
            )
        chosen_key = current_keys[0] if key is None else key
        basis = await self._find_basis(chosen_key, as_of, known_at)
        return replace(
            basis,
            other_playbooks=tuple(
                other_key for other_key in current_keys if other_key != chosen_key
            ),
        )

    async def _published_later(self, day: date, known_at: date) -> list[Playbook]:
        """The playbooks first published after that day and known by the other, as they were then."""
        playbooks = []
        for key in (
            self.current_configuration.playbooks.keys()
            | self.current_configuration.archived.get("playbook", {}).keys()
        ):
            first_day = await self._first_published_day(key, day, known_at)
            if first_day is not None:
                playbooks += [
                    playbook
                    for playbook in [(await self.as_of(first_day)).playbooks.get(key)]
                    if playbook is not None
                ]
        return playbooks

    async def _first_published_day(self, key: str, day: date, known_at: date) -> date | None:
        """The day of a playbook's first publishing, if that is after the one day and not after the other."""
        if day >= known_at:
            return None
        if self._first_published is None:
            self._first_published = await journal.load_publication_days(*self._scope)
        first_day = self._first_published.get(key)
        return first_day if first_day is not None and day < first_day <= known_at else None

    async def _find_basis(self, key: str, as_of: date, known_at: date) -> ScoringBasis:
        """The playbook on that day, or on its last one once that is over.

        Before it was first published it is as it was then published, where that is known.
        """
        day, previous = as_of, None
        while True:
            configuration, published_on = await self.as_of(day), None
            playbook = configuration.playbooks.get(key)
            if playbook is None or playbook.state == "draft":
                published_on = await self._first_published_day(key, day, known_at)
                configuration = (
                    configuration if published_on is None else await self.as_of(published_on)
                )
                playbook = configuration.playbooks.get(key)
            if (
                playbook is None and previous is not None
            ):  # a draft made after its own last day: as it is on the day asked
                configuration, playbook, published_on = previous
            if playbook is None:
                raise NotFoundError(self._explain_absent(key, as_of))
            if day <= playbook.ends_on:
                scoring_frame = build_frame(playbook, as_of, known_at, day)
                return ScoringBasis(
                    self._get_playbook_index(configuration, key),
                    replace(scoring_frame, configuration_from=published_on),
                )
            previous = configuration, playbook, published_on or day
            day = playbook.ends_on

    def _get_playbook_index(self, configuration: Configuration, key: str) -> PlaybookIndex:
        """One plan for all days with the same configuration, which is one of those that are kept."""
        if configuration is self.current_configuration:
            return self._current_state.get_playbook_index(key)
        cache_key, family = (id(configuration), key), self._families.setdefault(key, {})
        return self._playbook_indexes.setdefault(
            cache_key, PlaybookIndex(configuration, key, family)
        )

    def require_playbook(self, key: str) -> None:
        """Returns when there is, or was, a playbook of that key. Raises: NotFoundError naming the nearest known one."""
        if (
            key not in self.current_configuration.playbooks
            and key not in self.current_configuration.archived.get("playbook", {})
        ):
            raise NotFoundError(
                unknown_key_message("playbook", key, self.current_configuration.playbooks)
            )

    def _explain_absent(self, key: str, day: date) -> str:
        if key in self.current_configuration.playbooks:
            return f"The playbook '{key}' was not there yet on {day.isoformat()}."
        return unknown_key_message("playbook", key, self.current_configuration.playbooks)


async def load_history(
    connection: Connection, organization: UUID, kinds: Sequence[str] = ALL_KINDS
) -> ConfigurationHistory:
    """The organization's past, in the view that the connection has; of some kinds of things alone where these do."""
    return ConfigurationHistory(
        connection, organization, await _load_current_state(connection, organization, kinds)
    )


async def load_cached_history(
    connection: Connection,
    organization: UUID,
    org_version: cursor.OrganizationVersion,
    cache: VersionedCache,
) -> ConfigurationHistory:
    """The same of everything, where the organization stands there: read only when it was changed since it was kept."""
    cache_owner = "configuration", organization
    current_state = cache.get(
        cache_owner, None, org_version.configuration_version, CurrentConfiguration
    )
    if current_state is None:
        current_state = await _load_current_state(connection, organization, ALL_KINDS)
        cache.put(
            cache_owner, None, org_version.configuration_version, current_state, current_state.cost
        )
    return ConfigurationHistory(connection, organization, current_state, org_version.recorded_day)


async def _load_current_state(
    connection: Connection, organization: UUID, kinds: Sequence[str]
) -> CurrentConfiguration:
    configuration = await store.load_configuration(connection, organization, kinds)
    return CurrentConfiguration(
        configuration, await restatements.load_previous_metrics(connection, organization)
    )


async def configuration_as_of(
    connection: Connection, organization: UUID, day: date | None, kinds: Sequence[str] = ALL_KINDS
) -> Configuration:
    """The configuration at the end of that day, or now where it is None."""
    config_history = await load_history(connection, organization, kinds)
    return config_history.current_configuration if day is None else await config_history.as_of(day)


def current_playbooks(playbooks: Collection[Playbook], day: date) -> list[str]:
    """The published ones whose window holds the day, the one that starts last first."""
    active_playbooks = [
        playbook
        for playbook in playbooks
        if playbook.state == "published" and playbook.starts_on <= day <= playbook.ends_on
    ]
    return [
        playbook.key
        for playbook in sorted(
            active_playbooks,
            key=lambda playbook: (playbook.starts_on.toordinal(), playbook.key),
            reverse=True,
        )
    ]


def explain_no_current_playbook(playbooks: Collection[Playbook], day: date) -> str:
    """Why no playbook is current on that day: which ended last, and which is still a draft."""
    ended = sorted(
        (playbook.ends_on, playbook.key)
        for playbook in playbooks
        if playbook.state != "draft" and playbook.ends_on < day
    )
    drafts = sorted(playbook.key for playbook in playbooks if playbook.state == "draft")
    explanation = f"No published playbook's window holds {day.isoformat()}."
    if ended:
        explanation += f" The last one, '{ended[-1][1]}', ended on {ended[-1][0].isoformat()}."
    if drafts:
        explanation += f" There is a draft: '{drafts[0]}'."
    return explanation
