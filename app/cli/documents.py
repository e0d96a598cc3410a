"""Playbook as code: `sightline apply` and `sightline document`."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from app.cli.support import api_client, yaml12
from app.cli.support.terminal import AsJson, command_error, print_json, print_line, report_errors

ACTION_SIGNS: Final = {
    "create": ("+", "green"),
    "update": ("~", "yellow"),
    "restore": ("^", "green"),
    "archive": ("-", "red"),
}
ACTION_PARTICIPLES: Final = {
    "create": "created",
    "update": "updated",
    "restore": "restored",
    "archive": "archived",
}
MAX_VALUE_WIDTH: Final = 40


@report_errors
def apply(
    file: Annotated[
        Path,
        typer.Argument(help="A playbook document in YAML or JSON; - reads stdin.", allow_dash=True),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print what would change.")
    ] = False,
    publish: Annotated[
        bool, typer.Option("--publish", help="Publish the playbook afterwards.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Allow archiving more than half of the playbook.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Change the organization to what the document says, in one transaction.

    Repeating it changes nothing.
    """
    try:
        text = (
            typer.get_text_stream("stdin").read()
            if str(file) == "-"
            else file.read_text(encoding="utf-8-sig")
        )
    except UnicodeDecodeError:
        raise command_error("malformed-input", f"{file} is not UTF-8 text.") from None
    document = yaml12.load_yaml(text)
    if not isinstance(document, dict):
        raise command_error(
            "malformed-input", f"{file} is not a playbook document: it must be a mapping."
        )
    flags = {"dry_run": dry_run, "publish": publish, "prune": prune}
    plan = api_client.call_api(
        "POST",
        "/v1/apply",
        query={flag_name: "true" for flag_name, is_set in flags.items() if is_set},
        body=document,
    )
    if as_json:
        print_json(plan)
    else:
        _print_plan(plan)


@report_errors
def document(
    playbook: Annotated[str, typer.Argument(help="The playbook's key.")], as_json: AsJson = False
) -> None:
    """Print the playbook as code. Applying it changes nothing."""
    playbook_document = api_client.call_api(
        "GET", f"/v1/playbooks/{api_client.quote_segment(playbook)}/document"
    )
    if as_json:
        print_json(playbook_document)
    else:
        typer.echo(yaml12.dump_yaml(drop_empty_members(playbook_document)), nl=False)


def drop_empty_members(node: object) -> object:
    """Return the document without members that are null, an empty text or an empty list."""
    if isinstance(node, Mapping):
        return {
            member_name: drop_empty_members(member)
            for member_name, member in node.items()
            if member not in (None, "", [])
        }
    return [drop_empty_members(member) for member in node] if isinstance(node, list) else node


def _print_plan(plan: Mapping[str, Any]) -> None:
    """Print the changes, and a summary."""
    action_counts: Counter[str] = Counter(step["action"] for step in plan["steps"])
    for step in plan["steps"]:
        if step["action"] == "unchanged":
            continue
        sign, style = ACTION_SIGNS[step["action"]]
        print_line(
            f"{sign} {step['action']:<8} {step['kind'].replace('_', ' '):<15} {step['key']}", style
        )
        for field_name, change in step["changes"].items():
            print_line(
                f"    {field_name}: {_format_short(change['before'])} "
                f"-> {_format_short(change['after'])}",
                "dim",
            )
    modal = "would be " if plan["dry_run"] else ""
    parts = [
        f"{action_counts[action]} {modal}{word}"
        for action, word in ACTION_PARTICIPLES.items()
        if action_counts[action]
    ]
    unchanged_text = f"{action_counts['unchanged']} unchanged"
    verb = "would be" if plan["dry_run"] else "is"
    print_line(
        f"{', '.join([*parts, unchanged_text])}; "
        f"'{plan['playbook']}' {verb} at revision {plan['revision']}."
    )


def _format_short(member: object) -> str:
    text = json.dumps(member, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE_WIDTH else text[: MAX_VALUE_WIDTH - 3] + "..."
