"""What can be refused, said without HTTP: `app/api/http/problems.py` translates each class once."""

from bisect import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import ClassVar, Final

_MAX_COMPARED_KEYS: Final = 1_000
_MIN_LIKENESS: Final = 0.5


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


class TooManyError(SightlineError):
    """Asked too often. Units: `wait` in seconds."""

    code = "too-many-requests"

    def __init__(self, detail: str, wait_seconds: int) -> None:
        """Keeps how long to wait."""
        super().__init__(detail)
        self.headers = {"Retry-After": str(wait_seconds)}


class UnsupportedError(MalformedError):
    """The input is in a form that is not read here."""

    code = "unsupported-media-type"


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


def nearest_key_hint(key: str, known_keys: Iterable[str]) -> str:
    """A clause naming the known key most like `key`, or the empty string when none is near.

    Only among the first 1,000, by what both begin and end with: a batch may ask ten thousand times.
    """
    forwards, backwards = _sort_both_ways(tuple(islice(known_keys, _MAX_COMPARED_KEYS)))
    candidates = {
        *_neighbors(forwards, key),
        *(candidate[::-1] for candidate in _neighbors(backwards, key[::-1])),
    }
    likeness, nearest_key = max(
        ((_compute_likeness(key, candidate), candidate) for candidate in sorted(candidates)),
        default=(0.0, ""),
    )
    return f"; the nearest known one is '{nearest_key}'" if likeness >= _MIN_LIKENESS else ""


@lru_cache(maxsize=8)
def _sort_both_ways(known_keys: tuple[str, ...]) -> tuple[Sequence[str], Sequence[str]]:
    """The keys in order, and in the order of how they end: spelled backwards."""
    return sorted(known_keys), sorted(key[::-1] for key in known_keys)


def _neighbors(sorted_keys: Sequence[str], key: str) -> Sequence[str]:
    """The keys that begin most like `key`."""
    position = bisect(sorted_keys, key)
    return sorted_keys[max(position - 1, 0) : position + 1]


def _compute_likeness(left: str, right: str) -> float:
    """How much of both is what both begin and end with, from 0 to 1."""
    shorter_length = min(len(left), len(right))
    prefix_length = next((n for n in range(shorter_length) if left[n] != right[n]), shorter_length)
    suffix_length = next(
        (n for n in range(shorter_length - prefix_length) if left[-1 - n] != right[-1 - n]),
        shorter_length - prefix_length,
    )
    return 2 * (prefix_length + suffix_length) / (len(left) + len(right) or 1)


def unknown_key_message(kind: str, key: str, known_keys: Iterable[str]) -> str:
    """A sentence saying that there is no such thing, with the nearest known key."""
    return f"There is no {kind} '{key}'{nearest_key_hint(key, known_keys)}."
