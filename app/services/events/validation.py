"""Validation of submitted events against the configuration, without a query for recorded events."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from app.domain.events.events import MAX_FUTURE_HOURS, Event, fingerprint
from app.domain.playbook.configuration import Configuration, missing_message
from app.domain.primitives.errors import (
    EventConflictError,
    Fault,
    ForbiddenError,
    InvalidError,
    SightlineError,
    SourceIsConnectedError,
)
from app.security.pseudonyms import matches_keyed_digest
from app.security.vault import Vault
from app.services.runtime.submissions import EventKey, EventSubmission, SubmissionResult
from app.store.events.event_queries import StoredEvent

ACCEPTED: Final = SubmissionResult("recorded")


def validate_batch(
    configuration: Configuration,
    submissions: Sequence[EventSubmission],
    now: datetime,
    seen: dict[EventKey, Event] | None = None,
) -> list[SubmissionResult]:
    """Return the outcome of each submission, as far as it follows from configuration and batch.

    `seen` holds the valid events of earlier chunks of the batch. Those of this chunk are added to
    it.
    """
    seen = {} if seen is None else seen
    outcomes: list[SubmissionResult] = []
    latest_time = now + timedelta(hours=MAX_FUTURE_HOURS)
    for submission in submissions:
        event = submission.event
        problem = (
            None
            if _passes_fast_check(configuration, submission, latest_time)
            else rejection_reason(configuration, submission, now)
        )
        event_key = event.source, event.id
        if problem is not None:
            outcomes.append(
                SubmissionResult(
                    "forbidden" if isinstance(problem, ForbiddenError) else "invalid", None, problem
                )
            )
        elif event_key not in seen:
            seen[event_key] = event
            outcomes.append(ACCEPTED)
        elif fingerprint(seen[event_key]) == fingerprint(event):
            outcomes.append(SubmissionResult("duplicate"))
        else:
            outcomes.append(SubmissionResult("conflict", None, conflict_error(event)))
    return outcomes


def _passes_fast_check(
    configuration: Configuration, submission: EventSubmission, latest_time: datetime
) -> bool:
    """Return whether an event is certainly valid. Most are, and need no further checks."""
    actor = submission.actor
    event = submission.event
    source = configuration.sources.get(event.source)
    return (
        source is not None
        and source.connector in submission.connectors
        and event.team in configuration.teams
        and event.time <= latest_time
        and event.objective is None
        and actor.team is None
        and actor.source is None
    )


def rejection_reason(
    configuration: Configuration, submission: EventSubmission, now: datetime
) -> SightlineError | None:
    """Return why an event is rejected, or None if it is valid."""
    actor = submission.actor
    event = submission.event
    if actor.team is not None and event.team != actor.team:
        return ForbiddenError(f"This key is bound to the team '{actor.team}'.")
    if actor.source is not None and event.source != actor.source:
        return ForbiddenError(f"This key is bound to the source '{actor.source}'.")
    faults = list(_find_unknown_references(configuration, event))
    if event.time > now + timedelta(hours=MAX_FUTURE_HOURS):
        faults.append(Fault("/time", f"Must be at most {MAX_FUTURE_HOURS} hours ahead of now."))
    if faults:
        return InvalidError(faults[0].detail, faults)
    source = configuration.sources[event.source]
    if source.connector not in submission.connectors:
        return SourceIsConnectedError(
            f"The source '{event.source}' takes its events from its {source.connector} hook only."
        )
    return None


def _find_unknown_references(configuration: Configuration, event: Event) -> Iterable[Fault]:
    references = (("team", event.team), ("source", event.source), ("objective", event.objective))
    for kind, reference_key in references:
        if reference_key is not None and reference_key not in configuration.resources_of(kind):
            yield Fault(f"/{kind}", missing_message(configuration, kind, reference_key))


def conflict_error(event: Event, *, is_retracted: bool = False) -> EventConflictError:
    """Return the error for an event whose id belongs to a recorded event with other content."""
    message = f"The event '{event.id}' of '{event.source}' was recorded with other content"
    if is_retracted:
        return EventConflictError(
            f"{message} and retracted: a correction is a new event with a new id."
        )
    return EventConflictError(
        f"{message}, which stands; to correct it, retract it and record a new id."
    )


def is_same_event(vault: Vault, stored_event: StoredEvent, event: Event) -> bool:
    """Return whether an event has the content of the recorded one with its id.

    Return True if the recorded one was erased under a pepper that is no longer configured: nothing
    can contradict it.
    """
    if stored_event.event.erased is None:
        return stored_event.fingerprint == fingerprint(event)
    return matches_keyed_digest(vault, stored_event.fingerprint, fingerprint(event))
