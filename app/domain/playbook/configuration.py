"""The whole configuration of an organization as one value: what every write changes and every score reads.

A write is a pure step from one Configuration to the next; the difference of the two is what is stored and journaled,
what a dry
run prints, and what a what-if scores.
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

# In this order they can be written without one naming what is not there yet.
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
    """All live things by key (two-part keys joined by a slash), and the archived ones by kind and key."""

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
        """The one organization it is of."""
        return next(iter(self.organizations.values()))

    @property
    def policy(self) -> Policy:
        """The organization's policy."""
        return self.policies["policy"]

    def resources_of(self, kind: str) -> Mapping[str, Resource]:
        """The live things of one kind, by key."""
        resources: Mapping[str, Resource] = getattr(self, TABLE_NAMES[kind])
        return resources

    def with_resource(self, resource: Resource) -> "Configuration":
        """The configuration with `noun` live in it, in place of what had its key."""
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
        """The configuration with that thing archived."""
        live = dict(self.resources_of(kind))
        dropped = live.pop(key)
        archived = {**self.archived.get(kind, {}), key: dropped}
        return self.with_resources(kind, live, archived)

    def with_resources(
        self, kind: str, live: Mapping[str, Resource], archived: Mapping[str, Resource]
    ) -> "Configuration":
        """The configuration with these things of one kind, live and archived, and no others."""
        replacements: dict[str, Mapping[str, object]] = {
            TABLE_NAMES[kind]: live,
            "archived": {**self.archived, kind: archived},
        }
        return replace(self, **replacements)  # type: ignore[arg-type]  # each kind under its own name


class ConfigurationDraft:
    """A configuration that many things are put into or dropped from, each at the cost of one: `present` is it now.

    What `present` was before does not stand any more: take it once all is done.
    """

    def __init__(self, configuration: Configuration) -> None:
        """The start itself stays as it is."""
        self.configuration = configuration
        self._mutable_kinds: dict[str, tuple[dict[str, Resource], dict[str, Resource]]] = {}

    def put(self, resource: Resource) -> None:
        """As `Configuration.put`."""
        live, archived = self._mutable_resources(resource.kind)
        live[resource.key] = resource
        archived.pop(resource.key, None)

    def archive(self, kind: str, key: str) -> None:
        """As `Configuration.drop`."""
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
    """One change of configuration. Shape: `action` is create, update, restore or archive."""

    kind: str
    key: str
    action: str
    before: Resource | None
    after: Resource | None


def diff_configurations(
    before: Configuration, after: Configuration
) -> tuple[ConfigurationChange, ...]:
    """What differs between two configurations, in an order in which it can be written."""
    return tuple(change for kind in TABLE_NAMES for change in _diff_kind(kind, before, after))


def _diff_kind(
    kind: str, before: Configuration, after: Configuration
) -> Iterable[ConfigurationChange]:
    previous, current = before.resources_of(kind), after.resources_of(kind)
    if previous is current:
        return
    archived = before.archived.get(kind, {})
    for key in sorted(current):
        if key not in previous:
            yield ConfigurationChange(
                kind,
                key,
                "restore" if key in archived else "create",
                archived.get(key),
                current[key],
            )
        elif previous[key] != current[key]:
            yield ConfigurationChange(kind, key, "update", previous[key], current[key])
    for key in sorted(previous.keys() - current.keys()):
        yield ConfigurationChange(kind, key, "archive", previous[key], None)


def missing_message(configuration: Configuration, kind: str, key: str) -> str:
    """A sentence saying why there is no such live thing: it is archived, or unknown and another is near."""
    label = kind.replace("_", " ")
    if key in configuration.archived.get(kind, {}):
        return f"The {label} '{key}' is archived."
    return unknown_key_message(label, key, configuration.resources_of(kind))
