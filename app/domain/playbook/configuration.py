"""The configuration of an organization as one value.

Every write is a pure function from one Configuration to the next. The difference of the two is
stored and journaled; a dry run prints it, and a what-if scores it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from app.domain.events.metrics import Metric
from app.domain.playbook.objectives import KeyResult, Objective, Responsibility
from app.domain.playbook.offerings import Offering
from app.domain.playbook.organization import Organization, Policy, Team
from app.domain.playbook.playbooks import Contribution, Playbook, Revision, Signoff
from app.domain.primitives.errors import unknown_key_message
from app.domain.sources.sources import Source

Resource: TypeAlias = (
    Organization
    | Policy
    | Team
    | Metric
    | Offering
    | Source
    | Playbook
    | Objective
    | KeyResult
    | Responsibility
    | Contribution
    | Signoff
    | Revision
)

# In this order resources can be written so that references point to existing ones.
TABLE_NAMES: Final[Mapping[str, str]] = {
    "organization": "organizations",
    "policy": "policies",
    "team": "teams",
    "source": "sources",
    "metric": "metrics",
    "offering": "offerings",
    "playbook": "playbooks",
    "objective": "objectives",
    "key_result": "key_results",
    "responsibility": "responsibilities",
    "contribution": "contributions",
    "signoff": "signoffs",
    "revision": "revisions",
}


@dataclass(frozen=True, slots=True)
class Configuration:
    """All live resources by key, and the archived ones by kind and key.

    The two parts of a compound key are joined by a slash.
    """

    organizations: Mapping[str, Organization]
    policies: Mapping[str, Policy] = field(default_factory=lambda: {"policy": Policy()})
    teams: Mapping[str, Team] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    offerings: Mapping[str, Offering] = field(default_factory=dict)
    playbooks: Mapping[str, Playbook] = field(default_factory=dict)
    objectives: Mapping[str, Objective] = field(default_factory=dict)
    key_results: Mapping[str, KeyResult] = field(default_factory=dict)
    responsibilities: Mapping[str, Responsibility] = field(default_factory=dict)
    contributions: Mapping[str, Contribution] = field(default_factory=dict)
    signoffs: Mapping[str, Signoff] = field(default_factory=dict)
    revisions: Mapping[str, Revision] = field(default_factory=dict)
    archived: Mapping[str, Mapping[str, Resource]] = field(default_factory=dict)

    @property
    def organization(self) -> Organization:
        """The organization."""
        return next(iter(self.organizations.values()))

    @property
    def policy(self) -> Policy:
        """The organization's policy."""
        return self.policies["policy"]

    def resources_of(self, kind: str) -> Mapping[str, Resource]:
        """Return the live resources of one kind, by key."""
        resources: Mapping[str, Resource] = getattr(self, TABLE_NAMES[kind])
        return resources

    def with_resource(self, resource: Resource) -> "Configuration":
        """Return the configuration with a live resource added or replaced."""
        kind = resource.kind
        archived = {
            key: archived_resource
            for key, archived_resource in self.archived.get(kind, {}).items()
            if key != resource.key
        }
        return self.with_resources(
            kind, {**self.resources_of(kind), resource.key: resource}, archived
        )

    def with_archived(self, kind: str, key: str) -> "Configuration":
        """Return the configuration with a resource archived."""
        live = dict(self.resources_of(kind))
        dropped = live.pop(key)
        archived = {**self.archived.get(kind, {}), key: dropped}
        return self.with_resources(kind, live, archived)

    def with_resources(
        self, kind: str, live: Mapping[str, Resource], archived: Mapping[str, Resource]
    ) -> "Configuration":
        """Return the configuration with all resources of one kind replaced."""
        replacements: dict[str, Mapping[str, object]] = {
            TABLE_NAMES[kind]: live,
            "archived": {**self.archived, kind: archived},
        }
        return replace(self, **replacements)  # type: ignore[arg-type]  # each kind under its own name


class ConfigurationDraft:
    """A configuration under change.

    Each change costs O(1), because the draft mutates its own copies. Read `configuration` after the
    last change: earlier values of it are not valid any more.
    """

    def __init__(self, configuration: Configuration) -> None:
        """Start from a configuration, which is not modified."""
        self.configuration = configuration
        self._mutable_kinds: dict[str, tuple[dict[str, Resource], dict[str, Resource]]] = {}

    def put(self, resource: Resource) -> None:
        """Add or replace a live resource."""
        live, archived = self._mutable_resources(resource.kind)
        live[resource.key] = resource
        archived.pop(resource.key, None)

    def archive(self, kind: str, key: str) -> None:
        """Archive a resource."""
        live, archived = self._mutable_resources(kind)
        archived[key] = live.pop(key)

    def _mutable_resources(self, kind: str) -> tuple[dict[str, Resource], dict[str, Resource]]:
        if kind not in self._mutable_kinds:
            copies = (
                dict(self.configuration.resources_of(kind)),
                dict(self.configuration.archived.get(kind, {})),
            )
            self._mutable_kinds[kind] = copies
            self.configuration = self.configuration.with_resources(kind, *copies)
        return self._mutable_kinds[kind]


@dataclass(frozen=True, slots=True)
class ConfigurationChange:
    """A change of one resource."""

    kind: str
    key: str
    # `create`, `update`, `restore` or `archive`.
    action: str
    before: Resource | None
    after: Resource | None


def diff_configurations(
    before: Configuration, after: Configuration
) -> tuple[ConfigurationChange, ...]:
    """Return the changes between two configurations, in an order safe to write."""
    return tuple(change for kind in TABLE_NAMES for change in _diff_kind(kind, before, after))


def _diff_kind(
    kind: str, before: Configuration, after: Configuration
) -> Iterable[ConfigurationChange]:
    previous = before.resources_of(kind)
    current = after.resources_of(kind)
    if previous is current:
        return
    archived = before.archived.get(kind, {})
    for resource_key in sorted(current):
        if resource_key not in previous:
            yield ConfigurationChange(
                kind,
                resource_key,
                "restore" if resource_key in archived else "create",
                archived.get(resource_key),
                current[resource_key],
            )
        elif previous[resource_key] != current[resource_key]:
            yield ConfigurationChange(
                kind, resource_key, "update", previous[resource_key], current[resource_key]
            )
    for resource_key in sorted(previous.keys() - current.keys()):
        yield ConfigurationChange(kind, resource_key, "archive", previous[resource_key], None)


def missing_message(configuration: Configuration, kind: str, key: str) -> str:
    """Return a sentence that explains why a resource is missing: archived or unknown."""
    label = kind.replace("_", " ")
    if key in configuration.archived.get(kind, {}):
        return f"The {label} '{key}' is archived."
    return unknown_key_message(label, key, configuration.resources_of(kind))
