"""The configuration and the playbook that a past day is scored with."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from app.domain.access.actor import Actor
from app.domain.playbook.objectives import Objective
from app.domain.playbook.organization import Team
from app.domain.playbook.playbooks import (
    Playbook,
    Signoff,
)
from app.domain.primitives.errors import NoCurrentPlaybookError, NotFoundError
from app.services.alignment import alignment
from app.services.alignment.alignment import AlignmentResult
from app.services.playbook import configuration as configuration_service
from app.services.playbook import configuration_history, playbooks
from tests.support.service_harness import (
    NOW,
    SCALE,
    ServiceHarness,
    make_event,
    make_metric,
    measures_by_metric,
    record_events,
)

TODAY = NOW.date()
DAY = timedelta(days=1)


def comparable_fields(answer: AlignmentResult) -> object:
    """Return all parts of a result that a caller sees."""
    losses = [
        (*loss[:3], *loss[4:], loss.detail, loss.evidence) for loss in answer.alignment.losses
    ]
    playbook_fields = (answer.playbook, answer.unpublished_changes, answer.other_playbooks)
    return replace(answer.alignment, losses=()), losses, playbook_fields


async def test_the_answer_for_a_past_day_is_not_changed_by_later_writes(
    harness: ServiceHarness, actor: Actor
):
    (outcome,) = await record_events(harness, actor, make_event("a"))
    assert outcome.uid is not None
    fields_before = comparable_fields(await alignment.get_alignment(harness.service, actor))
    harness.clock.advance(days=3)
    for noun in (
        Team("sales", "Sales", "sales", 99 * SCALE),
        Team("support", "Support", "support", SCALE),
        Objective("more", "q4", "More", priority=7 * SCALE),
        Playbook("q4", "Another", "", date(2026, 10, 5), date(2027, 1, 31)),
    ):
        await configuration_service.put_resource(harness.service, actor, noun)
    await playbooks.publish_playbook(harness.service, actor, "q4")
    await playbooks.record_signoff(harness.service, actor, Signoff("q4", "support", 2, "Ann"))
    await record_events(
        harness,
        actor,
        make_event("late", value=900 * SCALE),
        make_event("b", time=harness.clock.now),
    )
    await configuration_service.archive_resource(harness.service, actor, "objective", "win")
    await configuration_service.archive_resource(harness.service, actor, "metric", "arr")
    assert comparable_fields(await alignment.get_alignment(harness.service, actor)) != fields_before
    assert (
        comparable_fields(
            await alignment.get_alignment(harness.service, actor, as_of=TODAY, known_at=TODAY)
        )
        == fields_before
    )
    answer = await alignment.get_alignment(harness.service, actor, as_of=TODAY)
    totals = {
        metric_key: measure.total
        for metric_key, measure in measures_by_metric(answer.snapshot).items()
    }
    assert totals == {("arr", "billing"): 1000 * SCALE}, (
        "late evidence counts, by the playbook as it stood"
    )


async def test_an_ended_playbook_keeps_its_score(harness: ServiceHarness, actor: Actor):
    await record_events(harness, actor, make_event("a"))
    harness.clock.now = NOW + 38 * DAY
    last_fields = comparable_fields(await alignment.get_alignment(harness.service, actor))
    harness.clock.advance(days=20)
    await configuration_service.put_resource(
        harness.service, actor, Team("sales", "Sales", "sales", 99 * SCALE)
    )
    with pytest.raises(NoCurrentPlaybookError):
        await alignment.get_alignment(harness.service, actor)
    after = await alignment.get_alignment(harness.service, actor, "q4")
    assert after.snapshot.frame.as_of == TODAY + 58 * DAY
    frame = replace(after.alignment.frame, as_of=TODAY + 38 * DAY, known_at=TODAY + 38 * DAY)
    version = (
        await alignment.get_alignment(
            harness.service, actor, "q4", TODAY + 38 * DAY, TODAY + 38 * DAY
        )
    ).alignment.version
    same = replace(after, alignment=replace(after.alignment, frame=frame, version=version))
    assert comparable_fields(same)[0] == last_fields[0]  # type: ignore[index]  # it is a tuple


async def create_imported_quarter(harness: ServiceHarness) -> Actor:
    """Create a playbook on the last day of a quarter, before any other record of it."""
    actor = await harness.create_organization()
    harness.clock.now = NOW
    nouns = (
        Team("sales", "Sales", "sales", 12 * SCALE),
        Playbook("q3", "The quarter", "", TODAY - 60 * DAY, TODAY + 30 * DAY),
    )
    for noun in (*nouns, make_metric(), Objective("win", "q3", "Win")):
        await configuration_service.put_resource(harness.service, actor, noun)
    return actor


async def test_before_its_first_publication_a_playbook_is_scored_as_first_published(
    harness: ServiceHarness,
):
    actor = await create_imported_quarter(harness)
    harness.clock.advance(days=2)
    await playbooks.publish_playbook(harness.service, actor, "q3")
    await configuration_service.put_resource(
        harness.service, actor, Objective("more", "q3", "More")
    )
    harness.clock.advance(days=2)
    await configuration_service.put_resource(
        harness.service, actor, Objective("again", "q3", "Again")
    )
    answer = await alignment.get_alignment(harness.service, actor, as_of=TODAY - 30 * DAY)
    assert answer.playbook.key == "q3"
    assert answer.snapshot.frame.configuration_from == TODAY + 2 * DAY
    assert set(answer.snapshot.configuration.objectives) == {"win", "more"}
    evidence = {loss.evidence for loss in answer.alignment.losses}
    assert any(
        ("as_of", str(TODAY + 2 * DAY)) in loss_evidence.filters for loss_evidence in evidence
    )
    with pytest.raises(NoCurrentPlaybookError):
        await alignment.get_alignment(
            harness.service, actor, as_of=TODAY - 30 * DAY, known_at=TODAY + DAY
        )
    drafted = await alignment.get_alignment(harness.service, actor, "q3", TODAY, TODAY + DAY)
    assert (drafted.playbook.state, drafted.snapshot.frame.configuration_from) == ("draft", None)


async def test_a_playbook_that_did_not_exist_yet_is_reported_as_such(harness: ServiceHarness):
    quarter_actor = await create_imported_quarter(harness)
    with pytest.raises(NotFoundError, match="was not there yet"):
        await alignment.get_alignment(harness.service, quarter_actor, "q3", as_of=TODAY - DAY)
    with pytest.raises(NotFoundError, match="'q3'"):
        await alignment.get_alignment(harness.service, quarter_actor, "q33", as_of=TODAY)


async def test_the_configuration_of_a_day_is_correct_in_any_order_of_days(harness: ServiceHarness):
    quarter_actor = await create_imported_quarter(harness)
    days = []
    for number in range(6):
        harness.clock.advance(days=1)
        days.append(harness.clock.now.date())
        if number % 2:
            await configuration_service.archive_resource(
                harness.service, quarter_actor, "team", "sales"
            )
        else:
            await configuration_service.put_resource(
                harness.service, quarter_actor, Team("sales", f"Sales {number}", "sales")
            )
    order = [3, 0, 5, 1, 4, 2]
    async with harness.service.database.read_transaction() as reader:
        config_history = await configuration_history.load_history(
            reader, quarter_actor.organization
        )
        configurations = {number: await config_history.as_of(days[number]) for number in order}
        empty_configuration = await config_history.as_of(TODAY - DAY)
    names = [
        configurations[number].teams["sales"].name if number % 2 == 0 else None
        for number in range(6)
    ]
    assert names == ["Sales 0", None, "Sales 2", None, "Sales 4", None]
    assert [set(configurations[number].archived["team"]) for number in (1, 3, 5)] == [{"sales"}] * 3
    assert (empty_configuration.teams, empty_configuration.playbooks) == ({}, {})
    assert empty_configuration.organization.key == "acme"


async def test_a_draft_of_an_ended_quarter_is_scored_too(harness: ServiceHarness, actor: Actor):
    await configuration_service.put_resource(
        harness.service, actor, Playbook("old", "Old", "", TODAY - 90 * DAY, TODAY - 10 * DAY)
    )
    await configuration_service.put_resource(
        harness.service, actor, Objective("late", "old", "Late")
    )
    answer = await alignment.get_alignment(harness.service, actor, "old")
    assert (answer.playbook.key, answer.snapshot.frame.until) == ("old", TODAY - 10 * DAY)
    assert answer.snapshot.frame.configuration_from == TODAY
    assert {loss.objective for loss in answer.alignment.losses} >= {"late"}
