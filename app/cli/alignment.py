"""`sightline alignment`: the score, its components as bars, and the largest losses."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

import typer
from rich.padding import Padding
from rich.text import Text

from app.cli.support import api_client as remote
from app.cli.support.terminal import AsJson, CommandError, guarded, out, refusal, tell_json

BAR: Final = 24
LARGEST: Final = 10
DAY: Final = ["%Y-%m-%d"]
ABOUT: Final = ("team", "objective", "key_result", "offering")
OPTIONS: Final = {"from": "--compare", "to": "--as-of"}
NOT_FOR: Final = "It measures teams and objectives, never persons; it is not for appraisal or pay."


@guarded
def alignment(
    playbook: Annotated[
        str | None, typer.Option(help="A playbook's key; else the current one.")
    ] = None,
    team: Annotated[str | None, typer.Option(help="The answer seen from one team.")] = None,
    as_of: Annotated[
        datetime | None, typer.Option(formats=DAY, help="At the end of this day; else now.")
    ] = None,
    known_at: Annotated[
        datetime | None,
        typer.Option(formats=DAY, help="Using only what was recorded by the end of this day."),
    ] = None,
    compare: Annotated[
        datetime | None,
        typer.Option(formats=DAY, help="What has changed since the end of this day, as now known."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Shows how aligned the organization is, or was, and what the missing points are made of."""
    query = {} if playbook is None else {"playbook": playbook}
    query |= {} if known_at is None else {"known_at": f"{known_at:%Y-%m-%d}"}
    if compare is not None:
        if team is not None:
            raise refusal(
                "invalid-input",
                "Two days are compared for the whole organization: leave --team out.",
            )
        to = {} if as_of is None else {"to": f"{as_of:%Y-%m-%d}"}
        _compare({**query, "from": f"{compare:%Y-%m-%d}", **to}, as_json=as_json)
        return
    path = "/v1/alignment" if team is None else f"/v1/alignment/teams/{remote.segment(team)}"
    found = _asked(path, {**query, **({} if as_of is None else {"as_of": f"{as_of:%Y-%m-%d}"})}, {})
    if as_json:
        tell_json(found)
        return
    _head(found) if team is None else _team_head(found)
    for component in found["components"]:
        _component(component)
    _losses(found["losses"][:LARGEST])
    out.print()
    out.print(NOT_FOR, style="dim")


def _asked(
    path: str, query: Mapping[str, str], options: Mapping[str, str]
) -> Any:  # Any: JSON values
    """The answer. Raises: CommandError that calls a parameter by its option."""
    try:
        return remote.ask("GET", path, query=query)
    except CommandError as error:
        names = {**{name: f"--{name.replace('_', '-')}" for name in query}, **options}
        detail = str(error.problem.get("detail", ""))
        for name, option in names.items():
            said = (
                f"{option}{detail.removeprefix(name)}" if detail.startswith(f"{name}:") else detail
            )
            detail = said.replace(f"'{name}'", option)
        # Where the fault is, the sentence says.
        told = {name: value for name, value in error.problem.items() if name != "errors"}
        raise CommandError({**told, "detail": detail}) from None


def _compare(query: Mapping[str, str], *, as_json: bool) -> None:
    """Shows what changed between two days, the largest change first."""
    found = _asked("/v1/alignment/changes", query, OPTIONS)
    if as_json:
        tell_json(found)
        return
    _head(found["after"])
    before = {one["name"]: one["score"] for one in found["before"]["components"]}
    since, known_at = found["before"]["as_of"], found["after"]["known_at"]
    step = _step(found["before"]["score"], found["after"]["score"])
    out.print(f"since {since}: score {step}, both as known on {known_at}", markup=False)
    for component in found["after"]["components"]:
        _component(component)
        out.print(
            Padding(
                Text(_step(before[component["name"]], component["score"]), style="dim"),
                (0, 0, 0, 2),
            )
        )
    out.print()
    out.print(
        "What moved the score, largest first" if found["items"] else "Nothing changed.",
        style="bold",
    )
    for one in found["items"][:LARGEST]:
        about = " ".join(one[name] for name in ABOUT if one[name])
        # The API tells what is lost: what is lost more is less of the score.
        line = Text(
            f"{-one['change']:+7.3f}  ", style="bold red" if one["change"] > 0 else "bold green"
        )
        line.append(f"{one['component']}: {one['reason'].replace('_', ' ')}", style="yellow")
        line.append(f"  {about}")
        out.print(line, overflow="ellipsis", no_wrap=True)
        out.print(Padding(Text(one["detail"], style="dim"), (0, 0, 0, 9), expand=False))


def _step(before: float | None, after: float | None) -> str:
    was, now = _figure(before).strip(), _figure(after).strip()
    return now if was == now else f"{was} to {now}"


def _head(found: Mapping[str, Any]) -> None:
    changes = found["unpublished_changes"]
    since = f", {changes} unpublished change{'' if changes == 1 else 's'}" if changes else ""
    out.print(
        f"{found['playbook']}, revision {found['revision']}{since}, as of {found['as_of']}",
        style="dim",
        markup=False,
    )
    line = Text("score ", style="bold")
    line.append(_figure(found["score"]), style=f"bold {_color(found['score'])}")
    line.append(
        f"   floor {_figure(found['floor'])}   coverage {_figure(found['coverage'])}", style=""
    )
    if found["weakest"]:
        line.append(f"   weakest {found['weakest']}")
    out.print(line)
    if found["configuration_from"]:
        out.print(
            f"configured as on {found['configuration_from']}, when it was first published",
            style="dim",
        )
    if found["restating"]:
        out.print(
            f"being restated, not shown yet: {', '.join(found['restating'])}",
            style="yellow",
            markup=False,
        )
    if found["silent_teams"]:
        out.print(f"silent: {', '.join(found['silent_teams'])}", style="yellow", markup=False)
    out.print()


def _team_head(found: Mapping[str, Any]) -> None:
    words = {True: "busy", False: "not busy"}.get(found["busy"], "too few events to say how busy")
    made = {True: "productive", False: "not productive"}.get(
        found["productive"], "productivity unknown"
    )
    out.print(
        f"{found['team']}: {words}, {made}{', silent' if found['silent'] else ''}",
        style="bold",
        markup=False,
    )
    borne = ", ".join(f"{one['objective']} {one['share']:.0%}" for one in found["bears"])
    out.print(f"bears {borne or 'no objective'}", style="dim", markup=False)
    if found["work"] is not None:
        off = found["work"]["off_playbook"]
        shares = sorted(found["work"]["shares"], key=lambda one: (-one["share"], one["objective"]))
        parts = [f"{one['objective']} {one['share']:.0%}" for one in shares] + (
            [f"no objective {off:.0%}"] if off else []
        )
        out.print(f"worked on {', '.join(parts)}", style="dim", markup=False)
    out.print()


def _component(component: Mapping[str, Any]) -> None:
    score = component["score"]
    line = Text(f"{component['name']:<22}")
    line.append_text(bar(score, ascii_only=out.options.ascii_only))
    line.append(f" {_figure(score):>5}", style=_color(score))
    if component.get("lost"):
        line.append(f"   lost {component['lost']:.3f}", style="dim")
    if not component["applies"]:
        line.append("   does not apply", style="dim")
    out.print(line)
    if component.get("summary"):
        out.print(Padding(Text(component["summary"], style="dim"), (0, 0, 0, 2), expand=False))


def bar(score: float | None, *, ascii_only: bool = False) -> Text:
    """The score as a bar. None: an empty one."""
    full, empty = ("#", "-") if ascii_only else ("█", "░")
    width = 0 if score is None else round(score * BAR)
    return Text(full * width, style=_color(score)).append(empty * (BAR - width), style="dim")


def _losses(losses: Sequence[Mapping[str, Any]]) -> None:
    if not losses:
        return
    out.print()
    out.print("What the missing points are made of, largest first", style="bold")
    for loss in losses:
        about = " ".join(loss[name] for name in ABOUT if loss[name])
        line = Text(f"{loss['points']:7.3f}  ", style="bold")
        line.append(f"{loss['component']}: {loss['reason'].replace('_', ' ')}", style="yellow")
        line.append(f"  {about}", style="")
        out.print(line, overflow="ellipsis", no_wrap=True)
        out.print(Padding(Text(loss["detail"], style="dim"), (0, 0, 0, 9), expand=False))


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _color(value: float | None) -> str:
    if value is None:
        return "dim"
    return "green" if value >= 0.75 else "yellow" if value >= 0.5 else "red"
