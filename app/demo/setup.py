"""Sets the demo up: the organization, its story up to now, and fresh keys for whoever looks at it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import httpx

from app.demo.company import NAME, ORGANIZATION, PLAYBOOK, Quarter, quarter_around
from app.demo.player import Player, StoryClock, read
from app.demo.story import Act, acts, begins, connect
from app.domain.playbook.organization import Organization
from app.domain.primitives.errors import ConflictError, NotFoundError
from app.main import create_app
from app.services.access import api_keys as keys
from app.services.access import organizations
from app.services.access.api_keys import IssueKey
from app.services.runtime.context import Service
from app.settings import Settings

KEY_PREFIX: Final = "demo "
LIFE: Final = timedelta(hours=24)
SECRET: Final = "the HubSpot account of the demo"  # noqa: S105  # what the secret is derived for, not the secret
Shown = Callable[[int, int], None]


class OverError(ConflictError):
    """The playbook's window has passed: the demo begins anew."""


@dataclass(frozen=True, slots=True)
class Ready:
    """What a visitor needs. Shape: `evidence` is the address of what the largest loss off the playbook is made of."""

    read_key: str
    admin_key: str
    evidence: str
    played: int


def silent(_done: int, _total: int) -> None:
    """Shows nothing of the progress."""


async def prepare(
    settings: Settings, now: datetime, quarter: Quarter | None = None, shown: Shown = silent
) -> Ready:
    """The story is played up to now and fresh keys are out; the keys of earlier starts are revoked.

    Raises: OverError, ConflictError when somebody changed what the story needs.
    """
    clock = StoryClock(now)
    application = create_app(settings, clock)
    service: Service = application.state.service
    transport = httpx.ASGITransport(app=application)
    try:
        async with httpx.AsyncClient(transport=transport, base_url=settings.public_url) as http:
            identity, fresh = await _organization(service, clock, now, quarter)
            issued = IssueKey(f"{KEY_PREFIX}player", frozenset({"admin"}), expires_at=now + LIFE)
            _, key = await keys.issue(service, keys.operator(identity), issued)
            secret = service.vault.digest(service.vault.pepper, SECRET)
            player = Player(http, clock, key, secret)
            planned, since = await _where(player, fresh, now.date())
            played = await _play(player, planned, since, now, shown)
            clock.at = now
            return await _open(player, now, played)
    finally:
        await service.database.close()


async def _organization(
    service: Service, clock: StoryClock, now: datetime, quarter: Quarter | None
) -> tuple[UUID, Quarter]:
    """The demo's organization, made if it is not there, and the quarter that it would have today."""
    fresh = quarter or quarter_around(now.date())
    clock.at = min(begins(fresh), now)
    try:
        identity = await organizations.find(service, ORGANIZATION)
    except NotFoundError:
        await organizations.create(service, Organization(ORGANIZATION, NAME, "UTC"))
        identity = await organizations.find(service, ORGANIZATION)
    return identity, fresh


async def _where(player: Player, fresh: Quarter, today: date) -> tuple[Quarter, datetime]:
    """The quarter that is being played, and the start of the day from which on acts are missing. Raises: OverError."""
    shelf = await player.ask("GET", "/v1/playbooks?limit=200")
    books = {book["key"]: book for book in shelf["items"]}
    if PLAYBOOK not in books:
        return fresh, begins(fresh)
    quarter = Quarter(date.fromisoformat(books[PLAYBOOK]["starts_on"]), fresh.seed)
    if today > quarter.ends_on:
        raise OverError(f"The demo's quarter ended on {quarter.ends_on.isoformat()}.")
    # Nobody but HubSpot's hook can write these: the newest one says how far the story is. Its day is played again.
    found = await player.ask("GET", "/v1/events?source=hubspot&limit=1")
    newest = [datetime.fromisoformat(event["time"]) for event in found["items"]]
    since = (
        newest[0].replace(hour=0, minute=0, second=0, microsecond=0) if newest else begins(quarter)
    )
    return quarter, since


async def _play(
    player: Player, quarter: Quarter, since: datetime, now: datetime, shown: Shown
) -> int:
    """How many acts were played: all of `since` and later, up to now."""
    apply, *rest = acts(quarter)
    story: list[Act] = [apply, connect(quarter, player.secret), *rest]
    due = [act for act in story if since <= act.at <= now]
    if since > begins(quarter):
        source = await player.ask("GET", "/v1/sources/hubspot")
        player.hook_url = source["hook_url"]
    player.clock.at = since.astimezone(UTC)
    for done, act in enumerate(due):
        shown(done, len(due))
        await player.play(act)
    shown(len(due), len(due))
    return len(due)


async def _open(player: Player, now: datetime, played: int) -> Ready:
    """Fresh keys for a day, all earlier ones of the demo revoked, the player's own last."""
    items = await _keys(player)
    reader = await _issue(player, "reader", "read", now)
    admin = await _issue(player, "admin", "admin", now)
    player.key = admin["api_key"]
    for key in items:
        if key["name"].startswith(KEY_PREFIX) or key["name"] == "first admin key":
            await player.ask("DELETE", f"/v1/api-keys/{key['id']}")
    return Ready(reader["api_key"], admin["api_key"], await _evidence(player), played)


async def _keys(player: Player) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    path = "/v1/api-keys?limit=200"
    while True:
        page = await player.ask("GET", path)
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        path = f"/v1/api-keys?limit=200&cursor={page['next_cursor']}"


async def _issue(player: Player, name: str, scope: str, now: datetime) -> Any:
    expires = (now + LIFE).isoformat().replace("+00:00", "Z")
    wanted = {"name": KEY_PREFIX + name, "scopes": [scope], "expires_at": expires}
    return await player.ask("POST", "/v1/api-keys", wanted)


async def _evidence(player: Player) -> str:
    """What the largest loss off the playbook is made of, or the newest events where the score is not there yet."""
    headers = {"Authorization": f"Bearer {player.key}"}
    answer = await player.http.get("/v1/alignment", headers=headers)
    if answer.status_code == 404:
        return "/v1/events"
    losses = read(answer, "the alignment")["losses"]
    off = [loss["evidence"] for loss in losses if loss["reason"] == "off_playbook"]
    return str((off or ["/v1/events"])[0])
