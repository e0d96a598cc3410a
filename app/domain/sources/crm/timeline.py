"""A record's changes in source-time order, and the values of its properties at any instant."""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from app.domain.sources.crm.activity_properties import STORED_NAMES
from app.domain.sources.crm.changes import Change, Scalar
from app.domain.sources.mapping.rules import Rule
from app.domain.sources.mapping.values import to_text

ValueHistory = list[tuple[datetime, Scalar]]
# Characters of an unmapped value in a report.
MAX_REPORTED_LENGTH: Final = 200


class RecordTimeline:
    """A record's changes in source-time order, without duplicates.

    Of several changes at one instant, the last one in the order of sequence and key counts.
    """

    def __init__(self, changes: Iterable[Change], entity: str | None = None) -> None:
        """Build the timeline of a record.

        `deleted` and `restored` count only for `entity` (None: for any record). `created` counts
        for predecessors too; the earliest wins. Pass `entity` if the changes include those of
        predecessors.
        """
        changes_by_key = {change.key: change for change in changes}
        self.changes = sorted(
            changes_by_key.values(), key=lambda change: (change.at, change.sequence, change.key)
        )
        self.created_at: datetime | None = None
        self.is_alive = True
        record_type = self.changes[0].entity.partition(":")[0] if self.changes else ""
        self._current_names = STORED_NAMES.get(record_type, {})
        self._value_histories: dict[str, ValueHistory] = {}
        for change in self.changes:
            if change.verb == "created" and self.created_at is None:
                self.created_at = change.at
            elif change.verb in ("deleted", "restored") and entity in (None, change.entity):
                self.is_alive = change.verb == "restored"
            for property_name, scalar in change.fields.items():
                current_name = self._current_names.get(property_name, property_name)
                self._value_histories.setdefault(current_name, []).append((change.at, scalar))

    @property
    def latest_change_at(self) -> datetime | None:
        """The time of the latest change, or None without changes."""
        return self.changes[-1].at if self.changes else None

    def value_history(self, name: str | None) -> ValueHistory:
        """Return every value that a property was set to, null included, oldest first."""
        if name is None:
            return []
        return self._value_histories.get(self._current_names.get(name, name), [])

    def change_times(self, *rules: Rule | None) -> list[datetime]:
        """Return the times at which a property of the rules was set, in order."""
        names = {
            property_name for rule in rules if rule is not None for property_name in rule.properties
        }
        return sorted(
            {
                changed_at
                for property_name in names
                for changed_at, _ in self.value_history(property_name)
            }
        )

    def latest_value(self, name: str | None) -> Scalar:
        """Return the latest value, or None if it is null or was never set."""
        value_history = self.value_history(name)
        return value_history[-1][1] if value_history else None

    def reader_as_of(self, as_of: datetime) -> Callable[[str], Scalar]:
        """Return a function that reads a property as of an instant."""

        def read_property(name: str) -> Scalar:
            value_history = self.value_history(name)
            index = bisect_right(value_history, as_of, key=_changed_at)
            return value_history[index - 1][1] if index else None

        return read_property

    def raw_value_as_of_or_first(self, rule: Rule | None, as_of: datetime) -> Scalar:
        """Return the raw value of a rule as of an instant, or else the first one after it.

        The first later value counts because a property may first be mentioned after the event.
        Return None without a rule, for null, and for a property that was never set.
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
        """Return every value that a property ever had, as text."""
        return {to_text(value) for _, value in self.value_history(name) if value is not None}


def _changed_at(dated_value: tuple[datetime, Scalar]) -> datetime:
    return dated_value[0]


def find_unmapped_values(
    timeline: RecordTimeline,
    rules: Iterable[Rule | None],
    is_readable: Callable[[Rule, Scalar], bool],
) -> set[tuple[str, str]]:
    """Return the (property, value) pairs that the rules do not know or cannot read."""
    return {
        (name, value[:MAX_REPORTED_LENGTH])
        for rule in rules
        if rule is not None
        for name in rule.properties
        for value in timeline.distinct_values(name)
        if not is_readable(rule, value)
    }
