"""Set-up of the demo: the organization, its story up to now, and new API keys."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import httpx

from app.demo.company import COMPANY_NAME, ORGANIZATION, PLAYBOOK, Quarter, quarter_around
from app.demo.player import StoryClock, StoryPlayer, read_json
from app.demo.story import Act, build_acts, build_connection, story_start
from app.domain.playbook.organization import Organization
from app.domain.primitives.errors import ConflictError, NotFoundError
from app.main import create_app
from app.services.access import api_keys as api_keys_service
from app.services.access import organizations
from app.services.access.api_keys import IssueKey
from app.services.runtime.context import ServiceContext
from app.settings import Settings

KEY_PREFIX: Final = "demo "
KEY_LIFETIME: Final = timedelta(hours=24)
SECRET_PURPOSE: Final = "the HubSpot account of the demo"  # noqa: S105  # the secret is derived from it
ProgressCallback = Callable[[int, int], None]


class QuarterOverError(ConflictError):
    """The playbook's period has ended, so the demo must start again."""


@dataclass(frozen=True, slots=True)
class DemoAccess:
    """Keys and an address for a visitor of the demo."""

    read_key: str
    admin_key: str
    # The path of the evidence of the largest loss for work off the playbook.
    evidence: str
    played_count: int


def ignore_progress(_completed: int, _total: int) -> None:
    """Show no progress."""


async def prepare_demo(
    settings: Settings,
    now: datetime,
    quarter: Quarter | None = None,
    show_progress: ProgressCallback = ignore_progress,
) -> DemoAccess:
    """Play the story up to now. Return new keys, and revoke those of earlier starts.

    Raises: QuarterOverError; ConflictError when somebody changed what the story needs.
    """
    clock = StoryClock(now)
    application = create_app(settings, clock)
    service: ServiceContext = application.state.service
    transport = httpx.ASGITransport(app=application)
    try:
        async with httpx.AsyncClient(transport=transport, base_url=settings.public_url) as http:
            organization_id, current_quarter = await _find_or_create_organization(
                service, clock, now, quarter
            )
            key_request = IssueKey(
                f"{KEY_PREFIX}player", frozenset({"admin"}), expires_at=now + KEY_LIFETIME
            )
            _, api_key = await api_keys_service.issue_key(
                service, api_keys_service.operator_actor(organization_id), key_request
            )
            secret = service.vault.digest(service.vault.pepper_id, SECRET_PURPOSE)
            player = StoryPlayer(http, clock, api_key, secret)
            played_quarter, since = await _find_progress(player, current_quarter, now.date())
            played_count = await _play_due_acts(player, played_quarter, since, now, show_progress)
            clock.current = now
            return await _replace_keys(player, now, played_count)
    finally:
        await service.database.close()


async def _find_or_create_organization(
    service: ServiceContext, clock: StoryClock, now: datetime, quarter: Quarter | None
) -> tuple[UUID, Quarter]:
    """Return the demo's organization, and the quarter that it would have today."""
    current_quarter = quarter or quarter_around(now.date())
    clock.current = min(story_start(current_quarter), now)
    try:
        organization_id = await organizations.find_organization(service, ORGANIZATION)
    except NotFoundError:
        await organizations.create_organization(
            service, Organization(ORGANIZATION, COMPANY_NAME, "UTC")
        )
        organization_id = await organizations.find_organization(service, ORGANIZATION)
    return organization_id, current_quarter


async def _find_progress(
    player: StoryPlayer, current_quarter: Quarter, today: date
) -> tuple[Quarter, datetime]:
    """Return the quarter that is being played, and the start of its first day with missing acts.

    Raises: QuarterOverError.
    """
    playbook_page = await player.request_json("GET", "/v1/playbooks?limit=200")
    playbooks = {playbook["key"]: playbook for playbook in playbook_page["items"]}
    if PLAYBOOK not in playbooks:
        return current_quarter, story_start(current_quarter)
    quarter = Quarter(date.fromisoformat(playbooks[PLAYBOOK]["starts_on"]), current_quarter.seed)
    if today > quarter.ends_on:
        raise QuarterOverError(f"The demo's quarter ended on {quarter.ends_on.isoformat()}.")
    # Only HubSpot's hook writes these events, so the newest one shows the progress.
    # Its day is played again.
    event_page = await player.request_json("GET", "/v1/events?source=hubspot&limit=1")
    event_times = [datetime.fromisoformat(event["time"]) for event in event_page["items"]]
    since = (
        event_times[0].replace(hour=0, minute=0, second=0, microsecond=0)
        if event_times
        else story_start(quarter)
    )
    return quarter, since


async def _play_due_acts(
    player: StoryPlayer,
    quarter: Quarter,
    since: datetime,
    now: datetime,
    show_progress: ProgressCallback,
) -> int:
    """Play the acts from `since` to `now`. Return their number."""
    first_act, *later_acts = build_acts(quarter)
    story: list[Act] = [first_act, build_connection(quarter, player.secret), *later_acts]
    due_acts = [act for act in story if since <= act.occurs_at <= now]
    if since > story_start(quarter):
        source = await player.request_json("GET", "/v1/sources/hubspot")
        player.hook_url = source["hook_url"]
    player.clock.current = since.astimezone(UTC)
    for index, act in enumerate(due_acts):
        show_progress(index, len(due_acts))
        await player.play_act(act)
    show_progress(len(due_acts), len(due_acts))
    return len(due_acts)


async def _replace_keys(player: StoryPlayer, now: datetime, played_count: int) -> DemoAccess:
    """Issue keys for a day. Revoke all earlier keys of the demo, the player's own last."""
    old_keys = await _list_keys(player)
    reader = await _issue_key(player, "reader", "read", now)
    admin = await _issue_key(player, "admin", "admin", now)
    player.api_key = admin["api_key"]
    for old_key in old_keys:
        if old_key["name"].startswith(KEY_PREFIX) or old_key["name"] == "first admin key":
            await player.request_json("DELETE", f"/v1/api-keys/{old_key['id']}")
    return DemoAccess(
        reader["api_key"], admin["api_key"], await _find_evidence(player), played_count
    )


async def _list_keys(player: StoryPlayer) -> list[dict[str, Any]]:
    api_keys: list[dict[str, Any]] = []
    path = "/v1/api-keys?limit=200"
    while True:
        page = await player.request_json("GET", path)
        api_keys += page["items"]
        if page["next_cursor"] is None:
            return api_keys
        path = f"/v1/api-keys?limit=200&cursor={page['next_cursor']}"


async def _issue_key(player: StoryPlayer, name: str, scope: str, now: datetime) -> Any:
    expires_at = (now + KEY_LIFETIME).isoformat().replace("+00:00", "Z")
    key_request = {"name": KEY_PREFIX + name, "scopes": [scope], "expires_at": expires_at}
    return await player.request_json("POST", "/v1/api-keys", key_request)


async def _find_evidence(player: StoryPlayer) -> str:
    """Return the path of the evidence of the largest loss off the playbook.

    Return the newest events if there is no score yet.
    """
    headers = {"Authorization": f"Bearer {player.api_key}"}
    response = await player.http.get("/v1/alignment", headers=headers)
    if response.status_code == 404:
        return "/v1/events"
    losses = read_json(response, "the alignment")["losses"]
    off_playbook = [loss["evidence"] for loss in losses if loss["reason"] == "off_playbook"]
    return str((off_playbook or ["/v1/events"])[0])
