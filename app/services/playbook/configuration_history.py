"""The configuration at the end of any day, and the basis for that day's score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final
from uuid import UUID

from app.domain.events.metrics import Metric
from app.domain.playbook import history as history_domain
from app.domain.playbook.configuration import Configuration
from app.domain.playbook.history import ChangeToRevert
from app.domain.playbook.playbooks import Playbook, current_playbooks, explain_no_current_playbook
from app.domain.primitives.errors import NoCurrentPlaybookError, NotFoundError, unknown_key_message
from app.scoring.playbook_index import PlaybookIndex, SharedMemo
from app.scoring.snapshot import ScoringFrame, build_frame
from app.services.runtime.versioned_cache import VersionedCache
from app.store.access import organization_version
from app.store.events import metric_restatement as metric_restatement_store
from app.store.playbook import configuration as configuration_store
from app.store.playbook import journal
from app.store.playbook.configuration import ResourceFilter, StoredResource
from app.store.sql.database import Connection

ALL_KINDS: Final = tuple(configuration_store.ROW_CLASSES)


@dataclass(frozen=True, slots=True)
class ScoringBasis:
    """The playbook and the frame that a day is scored with."""

    playbook_index: PlaybookIndex
    frame: ScoringFrame
    # The keys of the other playbooks that are current on that day.
    other_playbooks: tuple[str, ...] = ()

    @property
    def configuration(self) -> Configuration:
        """The configuration on that day."""
        return self.playbook_index.configuration

    @property
    def playbook(self) -> Playbook:
        """The playbook on that day."""
        return self.playbook_index.playbook


class CurrentConfiguration:
    """The current configuration and the indexes computed from it.

    Requests share it until the configuration changes.
    """

    def __init__(
        self, configuration: Configuration, pending_metrics: Mapping[str, Metric | None]
    ) -> None:
        """Take the stored configuration, and the previous definitions of restating metrics."""
        self.restating_metrics = tuple(sorted(pending_metrics))
        self.effective_metrics = history_domain.effective_metrics(configuration, pending_metrics)
        self.configuration = history_domain.with_current_metrics(
            configuration, self.effective_metrics
        )
        self._playbook_indexes: dict[str, PlaybookIndex] = {}

    def get_playbook_index(self, key: str) -> PlaybookIndex:
        """Return the index of an existing playbook."""
        return self._playbook_indexes.setdefault(key, PlaybookIndex(self.configuration, key))

    @property
    def cost(self) -> int:
        """The number of resources, archived ones included."""
        archived = self.configuration.archived
        return sum(
            len(self.configuration.resources_of(kind)) + len(archived.get(kind, ()))
            for kind in ALL_KINDS
        )


class ConfigurationHistory:
    """An organization's configuration on any day, in one consistent view of the database.

    Journal entries are read when a day needs them.
    """

    def __init__(
        self,
        connection: Connection,
        organization: UUID,
        current_state: CurrentConfiguration,
        loaded_since: date = date.max,
    ) -> None:
        """Start from the current configuration, which has not changed after `loaded_since`."""
        self._scope = connection, organization
        self._current_state = current_state
        self.restating_metrics = current_state.restating_metrics
        self.effective_metrics = current_state.effective_metrics
        self._changes_by_day: dict[date, Sequence[ChangeToRevert]] = {}
        self._configurations_by_day: dict[date, Configuration] = {}
        self._playbook_indexes: dict[tuple[int, str], PlaybookIndex] = {}
        self._families: dict[str, SharedMemo] = {}
        self._loaded_since = loaded_since
        self._first_published: Mapping[str, date] | None = None

    @property
    def current_configuration(self) -> Configuration:
        """The current configuration."""
        return self._current_state.configuration

    @property
    def cost(self) -> int:
        """The number of resources in the current configuration."""
        return self._current_state.cost

    async def as_of(self, day: date) -> Configuration:
        """Return the configuration at the end of `day`, with metrics matched as they are now."""
        if day < self._loaded_since:
            self._changes_by_day |= await journal.load_changes_between(
                *self._scope, day, self._loaded_since
            )
            self._loaded_since = day
        configuration = self.current_configuration
        # Revert the last change first. Keep each step, because a history needs every day in turn.
        for change_day in sorted(
            (change_day for change_day in self._changes_by_day if change_day > day), reverse=True
        ):
            if change_day not in self._configurations_by_day:
                self._configurations_by_day[change_day] = history_domain.with_current_metrics(
                    history_domain.revert(configuration, self._changes_by_day[change_day]),
                    self.effective_metrics,
                )
            configuration = self._configurations_by_day[change_day]
        return configuration

    async def resolve_basis(self, key: str | None, as_of: date, known_at: date) -> ScoringBasis:
        """Return the basis for a day: of one playbook, or of the current one.

        Raises: NotFoundError for an unknown key; NoCurrentPlaybookError that names the last ended
        playbook and a draft.
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
        """Return playbooks first published after `day` and by `known_at`, as published."""
        playbooks = []
        for playbook_key in (
            self.current_configuration.playbooks.keys()
            | self.current_configuration.archived.get("playbook", {}).keys()
        ):
            first_day = await self._first_published_day(playbook_key, day, known_at)
            if first_day is not None:
                playbooks += [
                    playbook
                    for playbook in [(await self.as_of(first_day)).playbooks.get(playbook_key)]
                    if playbook is not None
                ]
        return playbooks

    async def _first_published_day(self, key: str, day: date, known_at: date) -> date | None:
        """Return a playbook's first publication day if it is after `day` and by `known_at`."""
        if day >= known_at:
            return None
        if self._first_published is None:
            self._first_published = await journal.load_publication_days(*self._scope)
        first_day = self._first_published.get(key)
        return first_day if first_day is not None and day < first_day <= known_at else None

    async def _find_basis(self, key: str, as_of: date, known_at: date) -> ScoringBasis:
        """Return the basis of a playbook on a day, or on its last day once it has ended.

        Before its first publication, use the playbook as it was then published, if that is known by
        `known_at`.
        """
        day = as_of
        previous = None
        while True:
            configuration = await self.as_of(day)
            published_on = None
            playbook = configuration.playbooks.get(key)
            if playbook is None or playbook.state == "draft":
                published_on = await self._first_published_day(key, day, known_at)
                configuration = (
                    configuration if published_on is None else await self.as_of(published_on)
                )
                playbook = configuration.playbooks.get(key)
            # A draft that was created after its last day: use it as it was on the requested day.
            if playbook is None and previous is not None:
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
        """Return the index of a playbook, shared by all days with the same configuration.

        The key is the identity of the configuration, which `_configurations_by_day` keeps alive.
        """
        if configuration is self.current_configuration:
            return self._current_state.get_playbook_index(key)
        cache_key = (id(configuration), key)
        family = self._families.setdefault(key, {})
        return self._playbook_indexes.setdefault(
            cache_key, PlaybookIndex(configuration, key, family)
        )

    def require_playbook(self, key: str) -> None:
        """Check that a playbook exists or existed.

        Raises: NotFoundError that names the most similar key.
        """
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
    """Load the history of an organization's configuration, of all kinds or of some."""
    return ConfigurationHistory(
        connection, organization, await _load_current_state(connection, organization, kinds)
    )


async def load_cached_history(
    connection: Connection,
    organization: UUID,
    org_version: organization_version.OrganizationVersion,
    cache: VersionedCache,
) -> ConfigurationHistory:
    """Load the history. Take the current configuration from the cache if it has not changed."""
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
    configuration = await configuration_store.load_configuration(connection, organization, kinds)
    return CurrentConfiguration(
        configuration,
        await metric_restatement_store.load_previous_metrics(connection, organization),
    )


async def configuration_as_of(
    connection: Connection, organization: UUID, day: date | None, kinds: Sequence[str] = ALL_KINDS
) -> Configuration:
    """Return the configuration at the end of `day`, or the current one if `day` is None."""
    config_history = await load_history(connection, organization, kinds)
    return config_history.current_configuration if day is None else await config_history.as_of(day)


async def list_resources_as_of(
    connection: Connection,
    organization: UUID,
    day: date,
    resource_filter: ResourceFilter,
    after_key: str | None,
) -> list[StoredResource]:
    """Return the resources as they were at the end of `day`, in the order of their keys.

    `after_key` is the last key of the previous page.
    """
    kind = resource_filter.kind
    configuration = await configuration_as_of(connection, organization, day, (kind,))
    candidates = [
        StoredResource(resource, 0, is_archived=False)
        for resource in configuration.resources_of(kind).values()
    ]
    if resource_filter.include_archived:
        candidates += [
            StoredResource(resource, 0, is_archived=True)
            for resource in configuration.archived.get(kind, {}).values()
        ]
    required_fields = resource_filter.equals.items()
    matches = [
        stored
        for stored in candidates
        if all(
            getattr(stored.resource, field_name) == required
            for field_name, required in required_fields
        )
        and (after_key is None or _sort_key(stored.resource.key) > _sort_key(after_key))
    ]
    return sorted(matches, key=lambda stored: _sort_key(stored.resource.key))


def _sort_key(key: str) -> tuple[str, ...]:
    """Split a key of several parts, so that keys sort part by part, as in the database."""
    return tuple(key.split("/"))
