"""A story through the generated Python client, from teams to the alignment, with its problems.

Run as `python openapi/stories/python.py URL ADMIN_KEY`, with openapi/clients/python on the path.
"""

import json
import sys
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import TypeVar

from sightline_client import AuthenticatedClient
from sightline_client.api.alignment import get_alignment, get_ledger
from sightline_client.api.events import (
    export_events_csv,
    export_events_ndjson,
    list_events,
    record_event,
    record_event_batch,
)
from sightline_client.api.key_results import put_key_result
from sightline_client.api.metrics import put_metric
from sightline_client.api.objectives import put_objective, put_responsibility
from sightline_client.api.offerings import patch_offering, put_offering
from sightline_client.api.playbooks import publish_playbook, put_playbook
from sightline_client.api.sources import put_source
from sightline_client.api.teams import get_team, list_teams, patch_team, put_team
from sightline_client.models import (
    Alignment,
    Event,
    EventBatchResult,
    EventPage,
    KeyResultPut,
    LedgerPage,
    MetricPut,
    MetricPutAggregation,
    NewEvent,
    NewEventBatch,
    ObjectivePut,
    Offering,
    OfferingPatch,
    OfferingPut,
    PlaybookPut,
    Problem,
    ResponsibilityPut,
    ResponsibilityPutRole,
    SourcePut,
    Team,
    TeamPage,
    TeamPatch,
    TeamPut,
)
from sightline_client.types import UNSET, Response, Unset

Model = TypeVar("Model")


def expect_model(model: type[Model], reply: Response[Problem | Model]) -> Model:
    """Return the model of a reply."""
    assert isinstance(reply.parsed, model), reply.content
    return reply.parsed


def expect_problem(reply: Response[Model], status: int, code: str) -> Problem:
    """Return the problem of a reply."""
    assert isinstance(reply.parsed, Problem), reply.content
    assert (reply.status_code, reply.parsed.status, reply.parsed.code) == (status, status, code)
    assert reply.parsed.type_ == f"/problems/{code}"
    assert reply.headers["content-type"] == "application/problem+json"
    return reply.parsed


def make_event(event_id: str, value: float) -> NewEvent:
    """Return an event for the generated client."""
    return NewEvent(
        event_id,
        "billing",
        "invoice.paid",
        datetime(2026, 11, 20, 12, tzinfo=UTC),
        "sales",
        value=value,
    )


def create_strategy(client: AuthenticatedClient) -> None:
    """Create two teams and an objective, and publish the playbook."""
    for key in ("sales", "marketing"):
        response = put_team.sync_detailed(
            key, client=client, body=TeamPut(key.title(), key, size=10)
        )
        assert response.status_code == HTTPStatus.CREATED
        assert response.headers["location"] == f"/v1/teams/{key}"
    expect_model(
        Team,
        put_team.sync_detailed("sales", client=client, body=TeamPut("Sales", "sales", size=12)),
    )
    put_source.sync_detailed("billing", client=client, body=SourcePut("Billing"))
    metric = MetricPut("Revenue", ["invoice.paid"], MetricPutAggregation.SUM, unit="EUR")
    put_metric.sync_detailed("revenue", client=client, body=metric)
    playbook = PlaybookPut("Win", starts_on=date(2026, 10, 1), ends_on=date(2026, 12, 31))
    put_playbook.sync_detailed("q4", client=client, body=playbook)
    put_objective.sync_detailed("win", client=client, body=ObjectivePut("q4", "Win"))
    responsibility = ResponsibilityPut(ResponsibilityPutRole.ACCOUNTABLE)
    put_responsibility.sync_detailed("win", "sales", client=client, body=responsibility)
    key_result = KeyResultPut("win", "2M", "revenue", baseline=0, target=2_000_000)
    put_key_result.sync_detailed("revenue-2m", client=client, body=key_result)
    assert publish_playbook.sync_detailed("q4", client=client).status_code == HTTPStatus.OK


def check_pagination(client: AuthenticatedClient) -> None:
    """List two pages of one team each."""
    team_keys: list[str] = []
    cursor: str | Unset | None = UNSET
    while cursor is not None:
        page = expect_model(
            TeamPage, list_teams.sync_detailed(client=client, limit=1, cursor=cursor)
        )
        team_keys += [team.key for team in page.items]
        cursor = page.next_cursor
    assert team_keys == ["marketing", "sales"]


def check_patches(client: AuthenticatedClient) -> None:
    """Check that a merge patch leaves absent members, and removes null ones."""
    offering = OfferingPut("Plus", available_from=date(2026, 1, 1), retired_on=date(2027, 1, 1))
    put_offering.sync_detailed("plus", client=client, body=offering)
    renamed = expect_model(
        Offering,
        patch_offering.sync_detailed("plus", client=client, body=OfferingPatch(name="Plus Plus")),
    )
    assert (renamed.name, renamed.retired_on) == ("Plus Plus", date(2027, 1, 1))
    unretired = expect_model(
        Offering,
        patch_offering.sync_detailed("plus", client=client, body=OfferingPatch(retired_on=None)),
    )
    assert (unretired.name, unretired.retired_on) == ("Plus Plus", None)
    etag = get_team.sync_detailed("sales", client=client).headers["etag"]
    accepted = patch_team.sync_detailed(
        "sales", client=client, body=TeamPatch(size=13), if_match=etag
    )
    assert expect_model(Team, accepted).size == 13
    rejected = patch_team.sync_detailed(
        "sales", client=client, body=TeamPatch(size=14), if_match=etag
    )
    expect_problem(rejected, 412, "precondition-failed")


def check_events(client: AuthenticatedClient) -> None:
    """Record an event, a conflicting one, and a batch with every outcome."""
    assert (
        record_event.sync_detailed(client=client, body=make_event("inv-1", 100.5)).status_code
        == HTTPStatus.CREATED
    )
    duplicate = expect_model(
        Event, record_event.sync_detailed(client=client, body=make_event("inv-1", 100.5))
    )
    assert duplicate.metrics == ["revenue"]
    expect_problem(
        record_event.sync_detailed(client=client, body=make_event("inv-1", 99)),
        409,
        "event-conflict",
    )
    batch_events = [
        make_event("inv-2", 5),
        make_event("inv-1", 100.5),
        make_event("inv-1", 7),
        make_event("inv-3", 1e15),
    ]
    batch = expect_model(
        EventBatchResult,
        record_event_batch.sync_detailed(client=client, body=NewEventBatch(batch_events)),
    )
    assert (batch.recorded, batch.duplicates, batch.rejected) == (1, 1, 2)
    assert [(p.index, p.status.value) for p in batch.problems] == [
        (1, "duplicate"),
        (2, "conflict"),
        (3, "invalid"),
    ]
    page = expect_model(EventPage, list_events.sync_detailed(client=client, metric="revenue"))
    assert {event.id: event.value for event in page.items} == {"inv-1": 100.5, "inv-2": 5}
    lines = expect_model(str, export_events_ndjson.sync_detailed(client=client, metric="revenue"))
    assert [json.loads(line)["uid"] for line in lines.splitlines()] == [
        event.uid for event in page.items
    ]
    assert expect_model(str, export_events_csv.sync_detailed(client=client)).startswith(
        "uid,id,source,"
    )


def check_alignment(client: AuthenticatedClient) -> None:
    """Read the score and its ledger."""
    alignment = expect_model(
        Alignment, get_alignment.sync_detailed(client=client, as_of=date(2026, 11, 23))
    )
    assert alignment.playbook == "q4"
    assert alignment.components
    ledger = expect_model(
        LedgerPage, get_ledger.sync_detailed(client=client, as_of=date(2026, 11, 23))
    )
    assert ledger.version == alignment.version
    assert ledger.items


def main(url: str, key: str) -> None:
    """Run the story."""
    with AuthenticatedClient(url, token=key) as client:
        create_strategy(client)
        check_pagination(client)
        check_patches(client)
        check_events(client)
        check_alignment(client)
        missing = expect_problem(get_team.sync_detailed("slaes", client=client), 404, "not-found")
        assert "sales" in missing.detail
    with AuthenticatedClient(url, token="wrong") as unauthorized_client:  # noqa: S106  # not a valid key
        expect_problem(
            get_team.sync_detailed("sales", client=unauthorized_client), 401, "unauthorized"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
