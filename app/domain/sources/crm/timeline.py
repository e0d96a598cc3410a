"""A record's past, put in source-time order: what each property was at any instant."""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from datetime import datetime

from app.domain.sources.crm.changes import Change, Scalar
from app.domain.sources.mapping.rules import Rule
from app.domain.sources.mapping.values import text

Past = list[tuple[datetime, Scalar]]


class History:
    """One record's changes, each once, in source-time order; what is of one instant holds at its end."""

    def __init__(self, changes: Iterable[Change], own: str | None = None) -> None:
        """The past of a record; `own` is the entity whose being created, deleted and restored counts (None: all)."""
        unique = {change.key: change for change in changes}
        self.changes = sorted(unique.values(), key=lambda one: (one.at, one.sequence, one.key))
        self.created: datetime | None = None
        self.alive = True
        self._past: dict[str, Past] = {}
        for change in self.changes:
            if change.verb == "created" and self.created is None:
                self.created = change.at
            elif change.verb in ("deleted", "restored") and own in (None, change.entity):
                self.alive = change.verb == "restored"
            for name, value in change.fields.items():
                self._past.setdefault(name, []).append((change.at, value))

    @property
    def newest(self) -> datetime | None:
        """The newest source time. None when nothing is known of the record."""
        return self.changes[-1].at if self.changes else None

    def past(self, name: str | None) -> Past:
        """Every value that the property was set to, null too, oldest first."""
        return self._past.get(name, []) if name is not None else []

    def times(self, *rules: Rule | None) -> list[datetime]:
        """The instants at which a property that one of the rules reads was set, oldest first, each once."""
        names = {name for rule in rules if rule is not None for name in rule.properties}
        return sorted({at for name in names for at, _ in self.past(name)})

    def latest(self, name: str | None) -> Scalar:
        """The newest value. None when it is null, or was never mentioned."""
        past = self.past(name)
        return past[-1][1] if past else None

    def until(self, at: datetime) -> Callable[[str], Scalar]:
        """What each property was last set to at or before an instant: None when to null, or not yet."""

        def look(name: str) -> Scalar:
            past = self.past(name)
            index = bisect_right(past, at, key=_instant)
            return past[index - 1][1] if index else None

        return look

    def as_of(self, rule: Rule | None, at: datetime) -> Scalar:
        """The raw value that a rule reads: what was last set at or before `at`, else the first set after it.

        None when there is no rule, or null then, or never set.
        """
        if rule is None:
            return None
        if any(past[0][0] <= at for name in rule.properties if (past := self.past(name))):
            look = self.until(at)
            return next(
                (value for name in rule.properties if (value := look(name)) is not None), None
            )
        firsts = (
            next((value for _, value in self.past(name) if value is not None), None)
            for name in rule.properties
        )
        return next((value for value in firsts if value is not None), None)

    def seen(self, name: str | None) -> set[str]:
        """Every value that the property ever had, as text."""
        return {text(value) for _, value in self.past(name) if value is not None}


def _instant(entry: tuple[datetime, Scalar]) -> datetime:
    return entry[0]


def unread(
    history: History, rules: Iterable[Rule | None], readable: Callable[[Rule, Scalar], bool]
) -> set[tuple[str, str]]:
    """The values that the properties of these rules ever had and that are not readable. Shape: (property, value)."""
    return {
        (name, value[:200])
        for rule in rules
        if rule is not None
        for name in rule.properties
        for value in history.seen(name)
        if not readable(rule, value)
    }
