"""A record's past, put in source-time order: what each property was at any instant."""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from datetime import datetime

from app.domain.sources.crm.changes import Change, Scalar
from app.domain.sources.mapping.rules import Rule
from app.domain.sources.mapping.values import to_text

ValueHistory = list[tuple[datetime, Scalar]]


class RecordTimeline:
    """One record's changes, each once, in source-time order; what is of one instant holds at its end."""

    def __init__(self, changes: Iterable[Change], entity: str | None = None) -> None:
        """The past of a record; `own` is the entity whose being created, deleted and restored counts (None: all)."""
        changes_by_key = {change.key: change for change in changes}
        self.changes = sorted(
            changes_by_key.values(),
            key=lambda recorded_change: (
                recorded_change.at,
                recorded_change.sequence,
                recorded_change.key,
            ),
        )
        self.created_at: datetime | None = None
        self.is_alive = True
        self._value_histories: dict[str, ValueHistory] = {}
        for change in self.changes:
            if change.verb == "created" and self.created_at is None:
                self.created_at = change.at
            elif change.verb in ("deleted", "restored") and entity in (None, change.entity):
                self.is_alive = change.verb == "restored"
            for name, value in change.fields.items():
                self._value_histories.setdefault(name, []).append((change.at, value))

    @property
    def latest_change_at(self) -> datetime | None:
        """The newest source time. None when nothing is known of the record."""
        return self.changes[-1].at if self.changes else None

    def value_history(self, name: str | None) -> ValueHistory:
        """Every value that the property was set to, null too, oldest first."""
        return self._value_histories.get(name, []) if name is not None else []

    def change_times(self, *rules: Rule | None) -> list[datetime]:
        """The instants at which a property that one of the rules reads was set, oldest first, each once."""
        names = {name for rule in rules if rule is not None for name in rule.properties}
        return sorted({changed_at for name in names for changed_at, _ in self.value_history(name)})

    def latest_value(self, name: str | None) -> Scalar:
        """The newest value. None when it is null, or was never mentioned."""
        value_history = self.value_history(name)
        return value_history[-1][1] if value_history else None

    def reader_as_of(self, as_of: datetime) -> Callable[[str], Scalar]:
        """What each property was last set to at or before an instant: None when to null, or not yet."""

        def read_property(name: str) -> Scalar:
            value_history = self.value_history(name)
            index = bisect_right(value_history, as_of, key=_changed_at)
            return value_history[index - 1][1] if index else None

        return read_property

    def raw_value_as_of(self, rule: Rule | None, as_of: datetime) -> Scalar:
        """The raw value that a rule reads: what was last set at or before `at`, else the first set after it.

        None when there is no rule, or null then, or never set.
        """
        if rule is None:
            return None
        if any(
            value_history[0][0] <= as_of
            for name in rule.properties
            if (value_history := self.value_history(name))
        ):
            read_property = self.reader_as_of(as_of)
            return next(
                (value for name in rule.properties if (value := read_property(name)) is not None),
                None,
            )
        first_values = (
            next((value for _, value in self.value_history(name) if value is not None), None)
            for name in rule.properties
        )
        return next((value for value in first_values if value is not None), None)

    def distinct_values(self, name: str | None) -> set[str]:
        """Every value that the property ever had, as text."""
        return {to_text(value) for _, value in self.value_history(name) if value is not None}


def _changed_at(dated_value: tuple[datetime, Scalar]) -> datetime:
    return dated_value[0]


def unreadable_values(
    timeline: RecordTimeline,
    rules: Iterable[Rule | None],
    is_readable: Callable[[Rule, Scalar], bool],
) -> set[tuple[str, str]]:
    """The values that the properties of these rules ever had and that are not readable. Shape: (property, value)."""
    return {
        (name, value[:200])
        for rule in rules
        if rule is not None
        for name in rule.properties
        for value in timeline.distinct_values(name)
        if not is_readable(rule, value)
    }
