"""Playbook as code: `sightline apply` and `sightline document`."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from app.cli.support import api_client as remote
from app.cli.support import yaml12
from app.cli.support.terminal import AsJson, guarded, refusal, say, tell_json

SIGNS: Final = {
    "create": ("+", "green"),
    "update": ("~", "yellow"),
    "restore": ("^", "green"),
    "archive": ("-", "red"),
}
DONE: Final = {
    "create": "created",
    "update": "updated",
    "restore": "restored",
    "archive": "archived",
}
LONGEST: Final = 40


@guarded
def apply(
    file: Annotated[
        Path,
        typer.Argument(help="A playbook document in YAML or JSON; - for stdin.", allow_dash=True),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    publish: Annotated[
        bool, typer.Option("--publish", help="Publish the playbook afterwards.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Archive even more than half of the playbook.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Makes things as the document says, in one transaction; applying it twice changes nothing."""
    try:
        text = (
            typer.get_text_stream("stdin").read()
            if str(file) == "-"
            else file.read_text(encoding="utf-8-sig")
        )
    except UnicodeDecodeError:
        raise refusal("malformed-input", f"{file} is not UTF-8 text.") from None
    document = yaml12.load(text)
    if not isinstance(document, dict):
        raise refusal(
            "malformed-input", f"{file} is not a playbook document: it must be a mapping."
        )
    asked = {"dry_run": dry_run, "publish": publish, "prune": prune}
    plan = remote.ask(
        "POST",
        "/v1/apply",
        query={name: "true" for name, wanted in asked.items() if wanted},
        body=document,
    )
    if as_json:
        tell_json(plan)
    else:
        _show(plan)


@guarded
def document(
    playbook: Annotated[str, typer.Argument(help="The playbook's key.")], as_json: AsJson = False
) -> None:
    """Prints the playbook as code; applying it changes nothing."""
    found = remote.ask("GET", f"/v1/playbooks/{remote.segment(playbook)}/document")
    if as_json:
        tell_json(found)
    else:
        typer.echo(yaml12.dump(slim(found)), nl=False)


def slim(value: object) -> object:
    """The document without the members that say nothing: null, empty text, empty list."""
    if isinstance(value, Mapping):
        return {
            name: slim(member) for name, member in value.items() if member not in (None, "", [])
        }
    return [slim(member) for member in value] if isinstance(value, list) else value


def _show(plan: Mapping[str, Any]) -> None:
    """The plan, for a person: what changes first, what stays in a word."""
    counted: Counter[str] = Counter(step["action"] for step in plan["steps"])
    for step in plan["steps"]:
        if step["action"] == "unchanged":
            continue
        sign, style = SIGNS[step["action"]]
        say(f"{sign} {step['action']:<8} {step['kind'].replace('_', ' '):<15} {step['key']}", style)
        for name, change in step["changes"].items():
            say(f"    {name}: {_short(change['before'])} -> {_short(change['after'])}", "dim")
    would = "would be " if plan["dry_run"] else ""
    parts = [f"{counted[action]} {would}{word}" for action, word in DONE.items() if counted[action]]
    kept = f"{counted['unchanged']} unchanged"
    stands = "would be" if plan["dry_run"] else "is"
    say(
        f"{', '.join([*parts, kept])}; '{plan['playbook']}' {stands} at revision {plan['revision']}."
    )


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
