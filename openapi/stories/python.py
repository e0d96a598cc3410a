"""A whole story through the generated Python client: teams to alignment, and everything that may be refused on the way.

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

Shape = TypeVar("Shape")


def of(kind: type[Shape], reply: Response[Problem | Shape]) -> Shape:
    """The shape that a reply holds."""
    assert isinstance(reply.parsed, kind), reply.content
    return reply.parsed


def refused(reply: Response[Shape], status: int, code: str) -> Problem:
    """The problem that a reply holds."""
    assert isinstance(reply.parsed, Problem), reply.content
    assert (reply.status_code, reply.parsed.status, reply.parsed.code) == (status, status, code)
    assert reply.parsed.type_ == f"/problems/{code}"
    assert reply.headers["content-type"] == "application/problem+json"
    return reply.parsed


def event(name: str, value: float) -> NewEvent:
    """An event of a moment ago."""
    return NewEvent(
        name,
        "billing",
        "invoice.paid",
        datetime(2026, 11, 20, 12, tzinfo=UTC),
        "sales",
        value=value,
    )


def strategy(client: AuthenticatedClient) -> None:
    """Two teams, one objective of theirs, published."""
    for key in ("sales", "marketing"):
        made = put_team.sync_detailed(key, client=client, body=TeamPut(key.title(), key, size=10))
        assert made.status_code == HTTPStatus.CREATED
        assert made.headers["location"] == f"/v1/teams/{key}"
    of(
        Team,
        put_team.sync_detailed("sales", client=client, body=TeamPut("Sales", "sales", size=12)),
    )
    put_source.sync_detailed("billing", client=client, body=SourcePut("Billing"))
    metric = MetricPut("Revenue", ["invoice.paid"], MetricPutAggregation.SUM, unit="EUR")
    put_metric.sync_detailed("revenue", client=client, body=metric)
    book = PlaybookPut("Win", starts_on=date(2026, 10, 1), ends_on=date(2026, 12, 31))
    put_playbook.sync_detailed("q4", client=client, body=book)
    put_objective.sync_detailed("win", client=client, body=ObjectivePut("q4", "Win"))
    part = ResponsibilityPut(ResponsibilityPutRole.ACCOUNTABLE)
    put_responsibility.sync_detailed("win", "sales", client=client, body=part)
    result = KeyResultPut("win", "2M", "revenue", baseline=0, target=2_000_000)
    put_key_result.sync_detailed("revenue-2m", client=client, body=result)
    assert publish_playbook.sync_detailed("q4", client=client).status_code == HTTPStatus.OK


def pages(client: AuthenticatedClient) -> None:
    """Two pages of one team each."""
    found: list[str] = []
    cursor: str | Unset | None = UNSET
    while cursor is not None:
        page = of(TeamPage, list_teams.sync_detailed(client=client, limit=1, cursor=cursor))
        found += [team.key for team in page.items]
        cursor = page.next_cursor
    assert found == ["marketing", "sales"]


def patches(client: AuthenticatedClient) -> None:
    """A merge patch leaves out what it does not name, and takes away what it says is null."""
    offered = OfferingPut("Plus", available_from=date(2026, 1, 1), retired_on=date(2027, 1, 1))
    put_offering.sync_detailed("plus", client=client, body=offered)
    kept = of(
        Offering,
        patch_offering.sync_detailed("plus", client=client, body=OfferingPatch(name="Plus Plus")),
    )
    assert (kept.name, kept.retired_on) == ("Plus Plus", date(2027, 1, 1))
    gone = of(
        Offering,
        patch_offering.sync_detailed("plus", client=client, body=OfferingPatch(retired_on=None)),
    )
    assert (gone.name, gone.retired_on) == ("Plus Plus", None)
    tag = get_team.sync_detailed("sales", client=client).headers["etag"]
    fresh = patch_team.sync_detailed("sales", client=client, body=TeamPatch(size=13), if_match=tag)
    assert of(Team, fresh).size == 13
    stale = patch_team.sync_detailed("sales", client=client, body=TeamPatch(size=14), if_match=tag)
    refused(stale, 412, "precondition-failed")


def events(client: AuthenticatedClient) -> None:
    """One event, one that contradicts it, and a batch of all sorts."""
    assert (
        record_event.sync_detailed(client=client, body=event("inv-1", 100.5)).status_code
        == HTTPStatus.CREATED
    )
    again = of(Event, record_event.sync_detailed(client=client, body=event("inv-1", 100.5)))
    assert again.metrics == ["revenue"]
    refused(
        record_event.sync_detailed(client=client, body=event("inv-1", 99)), 409, "event-conflict"
    )
    sorts = [event("inv-2", 5), event("inv-1", 100.5), event("inv-1", 7), event("inv-3", 1e15)]
    batch = of(
        EventBatchResult, record_event_batch.sync_detailed(client=client, body=NewEventBatch(sorts))
    )
    assert (batch.recorded, batch.duplicates, batch.rejected) == (1, 1, 2)
    assert [(p.index, p.status.value) for p in batch.problems] == [
        (1, "duplicate"),
        (2, "conflict"),
        (3, "invalid"),
    ]
    listed = of(EventPage, list_events.sync_detailed(client=client, metric="revenue"))
    assert {found.id: found.value for found in listed.items} == {"inv-1": 100.5, "inv-2": 5}
    lines = of(str, export_events_ndjson.sync_detailed(client=client, metric="revenue"))
    assert [json.loads(line)["uid"] for line in lines.splitlines()] == [
        found.uid for found in listed.items
    ]
    assert of(str, export_events_csv.sync_detailed(client=client)).startswith("uid,id,source,")


def answer(client: AuthenticatedClient) -> None:
    """The score, and what is missing from it."""
    found = of(Alignment, get_alignment.sync_detailed(client=client, as_of=date(2026, 11, 23)))
    assert found.playbook == "q4"
    assert found.components
    ledger = of(LedgerPage, get_ledger.sync_detailed(client=client, as_of=date(2026, 11, 23)))
    assert ledger.version == found.version
    assert ledger.items


def main(url: str, key: str) -> None:
    """The story."""
    with AuthenticatedClient(url, token=key) as client:
        strategy(client)
        pages(client)
        patches(client)
        events(client)
        answer(client)
        missing = refused(get_team.sync_detailed("slaes", client=client), 404, "not-found")
        assert "sales" in missing.detail
    with AuthenticatedClient(url, token="wrong") as stranger:  # noqa: S106  # not a key at all
        refused(get_team.sync_detailed("sales", client=stranger), 401, "unauthorized")


if __name__ == "__main__":
    main(*sys.argv[1:])
