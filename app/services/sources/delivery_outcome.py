"""The stored form of a delivery: before it is processed, and with the outcome of processing it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import itemgetter
from typing import Final
from uuid import UUID

from app.connectors.connector import Delivery
from app.domain.primitives.errors import EventConflictError, MalformedError, SightlineError
from app.services.sources.delivery_parsing import ParsedDelivery
from app.store.sources import deliveries
from app.store.sources.deliveries import StoredDelivery

# The headers that connectors read, because a replay reads them again.
STORED_HEADERS: Final = (
    "content-type",
    "user-agent",
    "webhook-id",
    "webhook-timestamp",
    "x-hubspot-request-timestamp",
)
# Bounds the stored size of a delivery whose elements are all invalid.
MAX_LISTED_PROBLEMS: Final = 1_000
MAX_PROBLEM_LENGTH: Final = 1_000
MAX_HEADER_LENGTH: Final = 500
# Attributes of CloudEvents are percent-encoded: up to nine characters for one.
MAX_ENCODED_HEADER_LENGTH: Final = 4_000


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """The outcome of processing one delivery."""

    state: str
    # How many changes the delivery was the first to report.
    change_count: int
    recorded_count: int
    retracted_count: int
    # The elements that were set aside: `index` and `problem` of each.
    problems: Sequence[Mapping[str, object]]
    # How many of its events are recorded with other content.
    conflict_count: int = 0
    # Whether it mentions erased records or events. Its body is not stored then.
    mentions_erased: bool = False


def new_delivery_record(
    uid: UUID, source_key: str, delivery: Delivery, received_at: datetime, origin: str = "hook"
) -> StoredDelivery:
    """Build the stored form of a delivery that has not been processed yet."""
    headers = {
        header_name: header[
            : MAX_ENCODED_HEADER_LENGTH if header_name.startswith("ce-") else MAX_HEADER_LENGTH
        ]
        for header_name, header in delivery.headers.items()
        if header_name in STORED_HEADERS or header_name.startswith("ce-")
    }
    return StoredDelivery(
        uid=uid,
        source=source_key,
        received_at=received_at,
        content_type=headers.get("content-type", ""),
        headers=headers,
        body=delivery.body,
        state="ignored",  # note_outcome replaces it.
        problem=None,
        rejects=(),
        changes=0,
        recorded=0,
        retracted=0,
        origin=origin,
    )


def note_outcome(
    stored: StoredDelivery, outcome: DeliveryOutcome, problem: str | None = None
) -> StoredDelivery:
    """Return the delivery with its outcome.

    Its problem is that of the first rejected element, or else the given problem.
    """
    ordered_problems = sorted(
        (
            {**element_problem, "problem": truncate(str(element_problem["problem"]))}
            for element_problem in outcome.problems
        ),
        key=itemgetter("index"),
    )
    problem = (
        str(ordered_problems[0]["problem"]) if ordered_problems else problem and truncate(problem)
    )
    if len(ordered_problems) > MAX_LISTED_PROBLEMS:
        problem = (
            f"{problem} {len(ordered_problems)} elements were set aside;"
            f" the first {MAX_LISTED_PROBLEMS} are listed."
        )
    updated = replace(
        stored,
        state=outcome.state,
        problem=problem,
        rejects=tuple(ordered_problems[:MAX_LISTED_PROBLEMS]),
        changes=outcome.change_count,
        recorded=outcome.recorded_count,
        retracted=outcome.retracted_count,
    )
    if not outcome.mentions_erased:
        return updated
    return replace(
        updated, body=None, headers={}, problem=updated.problem or deliveries.ERASED_BODY_PROBLEM
    )


def delivery_error(
    stored: StoredDelivery, parsed: ParsedDelivery, outcome: DeliveryOutcome
) -> SightlineError | None:
    """Return the error of a delivery as a whole.

    Return None when any part of it was understood, or when it holds several elements.
    """
    if parsed.unreadable_reason is not None:
        return parsed.error
    if stored.state != "failed" or not parsed.is_single:
        return None
    error_class = EventConflictError if outcome.conflict_count else MalformedError
    return error_class(stored.problem or "The delivery cannot be read.")


def truncate(problem: str) -> str:
    """Shorten a problem to at most `MAX_PROBLEM_LENGTH` characters."""
    return (
        problem if len(problem) <= MAX_PROBLEM_LENGTH else f"{problem[: MAX_PROBLEM_LENGTH - 1]}…"
    )
