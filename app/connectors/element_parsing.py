"""How the elements of a delivery are read: each says changes, is passed over, or is set aside with its reason."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final

from app.connectors.connector import Reject, Translation
from app.domain.primitives import strict_json
from app.domain.primitives.errors import MalformedError
from app.domain.sources.crm.changes import Change, Scalar, identity
from app.domain.sources.mapping.json_pointer import parts, picked
from app.domain.sources.mapping.mapping import DealMapping
from app.domain.sources.mapping.values import instant

_LONGEST: Final = 64  # letters of a time, which stands in keys
_SECONDS: Final = 10  # so many digits are seconds since 1970, more are milliseconds


class SkipError(Exception):
    """The element says nothing that is read here."""


class AsideError(Exception):
    """The element is set aside, with the sentence that says why."""


def one_object(body: bytes, vendor: str) -> list[object]:
    """The element of a body of a CRM that sends one event at a time. Raises: MalformedError unless it is an object."""
    element = strict_json.loads(body)
    if not isinstance(element, dict):
        raise MalformedError(f"The body is not a JSON object: {vendor} sends one event at a time.")
    return [element]


def translated(
    elements: Sequence[object], read: Callable[[Mapping[str, object]], Iterable[Change]]
) -> Translation:
    """What the elements of one delivery say, each change once."""
    changes: dict[str, tuple[int, Change]] = {}
    rejects: list[Reject] = []
    ignored = 0
    for index, element in enumerate(elements):
        try:
            found = list(read(_object(element)))
        except SkipError:
            ignored += 1
        except AsideError as reason:
            rejects.append(Reject(index, str(reason)))
        else:
            ignored += not any(change.key not in changes for change in found)
            for change in found:
                changes.setdefault(change.key, (index, change))
    return Translation(
        changes=tuple(change for _, change in changes.values()),
        rejects=tuple(rejects),
        ignored=ignored,
        change_places=tuple(index for index, _ in changes.values()),
    )


def _object(element: object) -> Mapping[str, object]:
    if not isinstance(element, Mapping):
        raise AsideError("The element is not a JSON object.")
    return element


def member(element: Mapping[str, object], name: str) -> Mapping[str, object]:
    """An object in an element. Raises: AsideError where there is none."""
    found = element.get(name)
    if not isinstance(found, Mapping):
        raise AsideError(f"The element has no object '{name}'.")
    return found


def record_id(raw: object, name: str) -> str:
    """A record's id as text. Raises: AsideError."""
    found = identity(raw)
    if found is None:
        raise AsideError(f"The element has no {name} that can be an id.")
    return found


def moment(raw: object, name: str) -> datetime:
    """When it happened: seconds or milliseconds since 1970, or ISO 8601, UTC where no offset is said.

    Raises: AsideError.
    """
    said = str(raw) if isinstance(raw, str | int) and not isinstance(raw, bool) else ""
    said = said if len(said) <= _LONGEST else ""
    seconds = said.isascii() and said.isdigit() and len(said) <= _SECONDS
    found = instant(said, "epoch_s" if seconds else "any")
    if found is None:
        raise AsideError(f"The element has no {name} that is a time.")
    return found


def of_account(said: object, account: str | None, what: str) -> str:
    """The account that an element names; empty where neither it nor the source names one.

    Raises: AsideError for another account than the source's.
    """
    if said is None and account is None:
        return ""
    found = record_id(said, what)
    if account is not None and found != account:
        raise AsideError(f"The element is of the {what} {found}, not of {account}.")
    return found


def fields(record: Mapping[str, object], properties: Iterable[str]) -> dict[str, Scalar]:
    """What a record says of these properties. Shape: as `picked`; an empty text is known to be empty."""
    return {
        name: None if value == "" else value for name, value in picked(record, properties).items()
    }


def names_in(raw: object) -> frozenset[str]:
    """The names that a list holds; none where it is no list."""
    return (
        frozenset(name for name in raw if isinstance(name, str))
        if isinstance(raw, list)
        else frozenset()
    )


def verb_of(changed: Iterable[object], mapping: DealMapping) -> str:
    """Whether a record that is told whole became so now (`changed`) or may have been so before (`snapshot`).

    Shape: `changed` are the members of the record that its CRM says have changed.
    """
    deciding = [
        rule
        for rule in (mapping.status, mapping.won, mapping.closed, mapping.stage)
        if rule is not None
    ]
    names = {parts(name)[0] for rule in deciding for name in rule.properties}
    return "changed" if any(name in names for name in changed) else "snapshot"


def digest(value: object) -> str:
    """16 hexadecimal digits that tell a JSON value from others."""
    return sha256(strict_json.dumps(value).encode()).hexdigest()[:16]
