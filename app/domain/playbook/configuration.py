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
from app.domain.primitives.errors import unknown
from app.domain.sources.sources import Source

Noun: TypeAlias = (
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
TABLES: Final[Mapping[str, str]] = {
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
    archived: Mapping[str, Mapping[str, Noun]] = field(default_factory=dict)

    @property
    def organization(self) -> Organization:
        """The one organization it is of."""
        return next(iter(self.organizations.values()))

    @property
    def policy(self) -> Policy:
        """The organization's policy."""
        return self.policies["policy"]

    def of(self, kind: str) -> Mapping[str, Noun]:
        """The live things of one kind, by key."""
        found: Mapping[str, Noun] = getattr(self, TABLES[kind])
        return found

    def put(self, noun: Noun) -> "Configuration":
        """The configuration with `noun` live in it, in place of what had its key."""
        kind = noun.kind
        gone = {key: was for key, was in self.archived.get(kind, {}).items() if key != noun.key}
        return self.having(kind, {**self.of(kind), noun.key: noun}, gone)

    def drop(self, kind: str, key: str) -> "Configuration":
        """The configuration with that thing archived."""
        live = dict(self.of(kind))
        was = live.pop(key)
        gone = {**self.archived.get(kind, {}), key: was}
        return self.having(kind, live, gone)

    def having(
        self, kind: str, live: Mapping[str, Noun], gone: Mapping[str, Noun]
    ) -> "Configuration":
        """The configuration with these things of one kind, live and archived, and no others."""
        found: dict[str, Mapping[str, object]] = {
            TABLES[kind]: live,
            "archived": {**self.archived, kind: gone},
        }
        return replace(self, **found)  # type: ignore[arg-type]  # each kind under its own name


class Draft:
    """A configuration that many things are put into or dropped from, each at the cost of one: `present` is it now.

    What `present` was before does not stand any more: take it once all is done.
    """

    def __init__(self, start: Configuration) -> None:
        """The start itself stays as it is."""
        self.present = start
        self._own: dict[str, tuple[dict[str, Noun], dict[str, Noun]]] = {}

    def put(self, noun: Noun) -> None:
        """As `Configuration.put`."""
        live, gone = self._mutable(noun.kind)
        live[noun.key] = noun
        gone.pop(noun.key, None)

    def drop(self, kind: str, key: str) -> None:
        """As `Configuration.drop`."""
        live, gone = self._mutable(kind)
        gone[key] = live.pop(key)

    def _mutable(self, kind: str) -> tuple[dict[str, Noun], dict[str, Noun]]:
        if kind not in self._own:
            own = dict(self.present.of(kind)), dict(self.present.archived.get(kind, {}))
            self._own[kind] = own
            self.present = self.present.having(kind, *own)
        return self._own[kind]


@dataclass(frozen=True, slots=True)
class Change:
    """One change of configuration. Shape: `action` is create, update, restore or archive."""

    kind: str
    key: str
    action: str
    before: Noun | None
    after: Noun | None


def changes(before: Configuration, after: Configuration) -> tuple[Change, ...]:
    """What differs between two configurations, in an order in which it can be written."""
    return tuple(change for kind in TABLES for change in _changes_of(kind, before, after))


def _changes_of(kind: str, before: Configuration, after: Configuration) -> Iterable[Change]:
    was, now = before.of(kind), after.of(kind)
    if was is now:
        return
    gone = before.archived.get(kind, {})
    for key in sorted(now):
        if key not in was:
            yield Change(kind, key, "restore" if key in gone else "create", gone.get(key), now[key])
        elif was[key] != now[key]:
            yield Change(kind, key, "update", was[key], now[key])
    for key in sorted(was.keys() - now.keys()):
        yield Change(kind, key, "archive", was[key], None)


def missing(configuration: Configuration, kind: str, key: str) -> str:
    """A sentence saying why there is no such live thing: it is archived, or unknown and another is near."""
    noun = kind.replace("_", " ")
    if key in configuration.archived.get(kind, {}):
        return f"The {noun} '{key}' is archived."
    return unknown(noun, key, configuration.of(kind))
