"""What can be refused, said without HTTP: `app/api/problems.py` translates each class once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an input. Shape: `pointer` is a JSON Pointer into the body, or a parameter's name."""

    pointer: str
    detail: str


class SightlineError(Exception):
    """A refusal with a stable code and a sentence for the person who caused it."""

    code: ClassVar[str] = "internal-error"

    def __init__(self, detail: str, faults: Sequence[Fault] = ()) -> None:
        """Keeps the sentence and the faults, if the input has any."""
        super().__init__(detail)
        self.detail = detail
        self.faults = tuple(faults)


class InvalidError(SightlineError):
    """The input is well-formed and breaks a rule; `faults` say where."""

    code = "invalid-input"


class MalformedError(SightlineError):
    """The input cannot be read at all."""

    code = "malformed-input"


class NotFoundError(SightlineError):
    """Nothing of that name is here, or it is not the caller's."""

    code = "not-found"


class NoCurrentPlaybookError(NotFoundError):
    """No published playbook's window holds the day."""

    code = "no-current-playbook"


class ConflictError(SightlineError):
    """The state of things does not allow it."""

    code = "conflict"


class InUseError(ConflictError):
    """Something live needs it."""

    code = "in-use"


class EventConflictError(ConflictError):
    """The same (source, id) was recorded with other content."""

    code = "event-conflict"


class SourceIsConnectedError(ConflictError):
    """The source takes its events from its hook only."""

    code = "source-is-connected"


class OldRevisionError(ConflictError):
    """Only the current revision can be signed off."""

    code = "old-revision"


class NotPublishedError(ConflictError):
    """The playbook's state does not allow it."""

    code = "playbook-state"


class PruneNeededError(ConflictError):
    """The document would archive more than half of what the playbook has."""

    code = "prune-needed"


class AlignmentChangedError(ConflictError):
    """The cursor is of another version of the answer."""

    code = "alignment-changed"


class BucketFullError(ConflictError):
    """A sum would no longer fit in 64 bits."""

    code = "bucket-full"


class PreconditionError(SightlineError):
    """If-Match or If-None-Match does not hold."""

    code = "precondition-failed"


class ForbiddenError(SightlineError):
    """The key may not do this."""

    code = "forbidden"


class NotAuthenticError(SightlineError):
    """No valid key, or a signature that does not verify; never says why."""

    code = "unauthorized"


class UnavailableError(SightlineError):
    """The database cannot take it at the moment; trying again is right."""

    code = "unavailable"


def nearest(key: str, known: Iterable[str]) -> str:
    """A clause naming the known key most like `key`, or the empty string when none is near."""
    close = get_close_matches(key, sorted(known), n=1, cutoff=0.5)
    return f"; the nearest known one is '{close[0]}'" if close else ""


def unknown(kind: str, key: str, known: Iterable[str]) -> str:
    """A sentence saying that there is no such thing, with the nearest known key."""
    return f"There is no {kind} '{key}'{nearest(key, known)}."
