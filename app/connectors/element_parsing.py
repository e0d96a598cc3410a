"""The parsing of delivery elements: each is translated, skipped, or set aside with a problem."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final

from app.connectors.connector import ElementRejection, Translation
from app.domain.primitives import strict_json
from app.domain.primitives.errors import MalformedError
from app.domain.sources.crm.changes import Change, Scalar, to_record_id
from app.domain.sources.mapping import values
from app.domain.sources.mapping.json_pointer import pick_properties, split_pointer
from app.domain.sources.mapping.mapping import DealMapping

# Times are parts of keys of changes.
_MAX_TIME_LENGTH: Final = 64
# A number of more digits is milliseconds since 1970.
_MAX_SECONDS_DIGITS: Final = 10


class SkipElementError(Exception):
    """The element contains nothing that the mapping reads."""


class RejectElementError(Exception):
    """The element is set aside. The message of the error is the problem."""


def parse_single_event(body: bytes, vendor: str) -> list[object]:
    """Parse a body with one event, and return it as a list of one element.

    Raises: MalformedError for a body that is no JSON object.
    """
    element = strict_json.loads(body)
    if not isinstance(element, dict):
        raise MalformedError(f"The body is not a JSON object: {vendor} sends one event at a time.")
    return [element]


def translate_elements(
    elements: Sequence[object], to_changes: Callable[[Mapping[str, object]], Iterable[Change]]
) -> Translation:
    """Translate the elements of one delivery, each change once."""
    changes: dict[str, tuple[int, Change]] = {}
    rejects: list[ElementRejection] = []
    ignored = 0
    for index, element in enumerate(elements):
        try:
            element_changes = list(to_changes(_require_object(element)))
        except SkipElementError:
            ignored += 1
        except RejectElementError as reason:
            rejects.append(ElementRejection(index, str(reason)))
        else:
            ignored += not any(change.key not in changes for change in element_changes)
            for change in element_changes:
                changes.setdefault(change.key, (index, change))
    return Translation(
        changes=tuple(change for _, change in changes.values()),
        rejects=tuple(rejects),
        ignored=ignored,
        change_indexes=tuple(index for index, _ in changes.values()),
    )


def _require_object(element: object) -> Mapping[str, object]:
    if not isinstance(element, Mapping):
        raise RejectElementError("The element is not a JSON object.")
    return element


def get_object(element: Mapping[str, object], name: str) -> Mapping[str, object]:
    """Return an object in an element. Raises: RejectElementError without one."""
    member = element.get(name)
    if not isinstance(member, Mapping):
        raise RejectElementError(f"The element has no object '{name}'.")
    return member


def parse_record_id(raw: object, name: str) -> str:
    """Parse the id of a record. Raises: RejectElementError."""
    id_ = to_record_id(raw)
    if id_ is None:
        raise RejectElementError(f"The element has no {name} that can be an id.")
    return id_


def parse_instant(raw: object, name: str) -> datetime:
    """Parse an instant: seconds or milliseconds since 1970, or ISO 8601, in UTC without an offset.

    Raises: RejectElementError.
    """
    time_text = str(raw) if isinstance(raw, str | int) and not isinstance(raw, bool) else ""
    time_text = time_text if len(time_text) <= _MAX_TIME_LENGTH else ""
    is_seconds = (
        time_text.isascii() and time_text.isdigit() and len(time_text) <= _MAX_SECONDS_DIGITS
    )
    parsed = values.parse_instant(time_text, "epoch_s" if is_seconds else "any")
    if parsed is None:
        raise RejectElementError(f"The element has no {name} that is a time.")
    return parsed


def parse_account(raw: object, account: str | None, name: str) -> str:
    """Parse the account of an element. Return "" when neither it nor the source names one.

    Raises: RejectElementError for another account than the source's.
    """
    if raw is None and account is None:
        return ""
    element_account = parse_record_id(raw, name)
    if account is not None and element_account != account:
        raise RejectElementError(
            f"The element is of the {name} {element_account}, not of {account}."
        )
    return element_account


def pick_fields(record: Mapping[str, object], properties: Iterable[str]) -> dict[str, Scalar]:
    """Pick properties of a record. An empty text becomes None: the value is known to be empty."""
    return {
        property_name: None if value == "" else value
        for property_name, value in pick_properties(record, properties).items()
    }


def to_name_set(raw: object) -> frozenset[str]:
    """Return the names in a list. Return no names for anything else."""
    return (
        frozenset(property_name for property_name in raw if isinstance(property_name, str))
        if isinstance(raw, list)
        else frozenset()
    )


def get_change_verb(changed_members: Iterable[object], mapping: DealMapping) -> str:
    """Return `changed` where an event changes the outcome of a record, else `snapshot`.

    `changed_members` are the members of the record that its CRM reports as changed. In a snapshot,
    the outcome may be older than the event.
    """
    outcome_rules = [
        rule
        for rule in (mapping.status, mapping.won, mapping.closed, mapping.stage)
        if rule is not None
    ]
    names = {split_pointer(name)[0] for rule in outcome_rules for name in rule.properties}
    return "changed" if any(name in names for name in changed_members) else "snapshot"


def short_digest(content: object) -> str:
    """Hash a JSON value to 16 hexadecimal digits."""
    return sha256(strict_json.dumps(content).encode()).hexdigest()[:16]
