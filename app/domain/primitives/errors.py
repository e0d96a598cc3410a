"""Domain errors, without HTTP: `app/api/http/problems.py` maps each class to a response."""

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
    """A validation error of an input."""

    # A JSON Pointer into the body, or the name of a parameter.
    pointer: str
    detail: str


class SightlineError(Exception):
    """An expected error with a stable code and a sentence for the user who caused it."""

    code: ClassVar[str] = "internal-error"

    def __init__(self, detail: str, faults: Sequence[Fault] = ()) -> None:
        """Store the sentence and the faults of the input."""
        super().__init__(detail)
        self.detail = detail
        self.faults = tuple(faults)


class InvalidError(SightlineError):
    """The input is well-formed and breaks a rule; `faults` say where."""

    code = "invalid-input"


class MalformedError(SightlineError):
    """The input cannot be parsed."""

    code = "malformed-input"


class TooManyError(SightlineError):
    """The caller exceeded a rate limit."""

    code = "too-many-requests"

    def __init__(self, detail: str, wait_seconds: int) -> None:
        """Store the seconds to wait for the `Retry-After` header."""
        super().__init__(detail)
        self.headers = {"Retry-After": str(wait_seconds)}


class UnsupportedError(MalformedError):
    """The input has an unsupported media type."""

    code = "unsupported-media-type"


class NotFoundError(SightlineError):
    """The resource does not exist, or belongs to another organization."""

    code = "not-found"


class NoCurrentPlaybookError(NotFoundError):
    """No published playbook's window includes the day."""

    code = "no-current-playbook"


class ConflictError(SightlineError):
    """The current state does not allow the operation."""

    code = "conflict"


class InUseError(ConflictError):
    """Another resource depends on the resource."""

    code = "in-use"


class EventConflictError(ConflictError):
    """An event of the same source and id is recorded with other content."""

    code = "event-conflict"


class SourceIsConnectedError(ConflictError):
    """The source accepts events from its webhook only."""

    code = "source-is-connected"


class OldRevisionError(ConflictError):
    """Only the current revision can be signed off."""

    code = "old-revision"


class NotPublishedError(ConflictError):
    """The state of the playbook does not allow the operation."""

    code = "playbook-state"


class PruneNeededError(ConflictError):
    """The document would archive more than half of the playbook's resources."""

    code = "prune-needed"


class AlignmentChangedError(ConflictError):
    """The cursor belongs to another version of the answer."""

    code = "alignment-changed"


class BucketFullError(ConflictError):
    """A sum would exceed 64 bits."""

    code = "bucket-full"


class PreconditionError(SightlineError):
    """If-Match or If-None-Match does not hold."""

    code = "precondition-failed"


class ForbiddenError(SightlineError):
    """The key lacks the permission."""

    code = "forbidden"


class NotAuthenticError(SightlineError):
    """The key or the signature is not valid; the sentence gives no reason."""

    code = "unauthorized"


class UnavailableError(SightlineError):
    """The database is temporarily unavailable; the caller can retry."""

    code = "unavailable"


def nearest_key_hint(key: str, known_keys: Iterable[str]) -> str:
    """Return a clause that names the most similar known key, or an empty text.

    Only the first 1,000 keys are compared, by common prefix and suffix, because a batch may need
    ten thousand hints.
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
    """Return the keys in order, and the reversed keys in order."""
    return sorted(known_keys), sorted(known_key[::-1] for known_key in known_keys)


def _neighbors(sorted_keys: Sequence[str], key: str) -> Sequence[str]:
    """Return the keys with the longest common prefix."""
    position = bisect(sorted_keys, key)
    return sorted_keys[max(position - 1, 0) : position + 1]


def _compute_likeness(left: str, right: str) -> float:
    """Return the share of both keys in their common prefix and suffix, from 0 to 1."""
    shorter_length = min(len(left), len(right))
    prefix_length = next((n for n in range(shorter_length) if left[n] != right[n]), shorter_length)
    suffix_length = next(
        (n for n in range(shorter_length - prefix_length) if left[-1 - n] != right[-1 - n]),
        shorter_length - prefix_length,
    )
    return 2 * (prefix_length + suffix_length) / (len(left) + len(right) or 1)


def unknown_key_message(kind: str, key: str, known_keys: Iterable[str]) -> str:
    """Return a sentence about an unknown key that suggests the nearest known one."""
    return f"There is no {kind} '{key}'{nearest_key_hint(key, known_keys)}."
