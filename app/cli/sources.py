"""`sightline sources`: how the systems that events come from are doing."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from app.cli import remote
from app.cli.terminal import AsJson, guarded, out, say, tell_json


@guarded
def sources(as_json: AsJson = False) -> None:
    """Lists the sources and their health."""
    found: list[Mapping[str, Any]] = []
    query = {"limit": "200"}
    while True:
        page = remote.ask("GET", "/v1/sources", query=query)
        found += page["items"]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    if as_json:
        tell_json({"items": found})
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("source", "connector", "last delivery", "in 24 h", "failed", "health"):
        table.add_column(heading)
    for source in found:
        table.add_row(*_row(source))
    out.print(table)
    for source in found:
        for value in source["health"]["unmapped"]:
            say(f"{source['key']}: {value['property']} = {value['value']!r} is not mapped ({value['count']})", "yellow")


def _row(source: Mapping[str, Any]) -> list[str]:
    health = source["health"]
    if source["connector"] == "api":
        return [source["key"], "api", "by API key", "", "", ""]
    troubles = [
        *(["no delivery yet"] if health["last_delivery_at"] is None else []),
        *(["failures"] if health["failures_last_day"] else []),
        *([f"{health['wins_without_amount']} wins without amount"] if health["wins_without_amount"] else []),
        *([f"{len(health['unmapped'])} values not mapped"] if health["unmapped"] else []),
    ]
    last = (health["last_delivery_at"] or "never").replace("T", " ")[:16]
    counts = [str(health["deliveries_last_day"]), str(health["failures_last_day"])]
    return [source["key"], source["connector"], last, *counts, ", ".join(troubles) or "well"]
