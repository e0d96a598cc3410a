"""`sightline alignment`: the score, its components as bars, and the largest losses."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

import typer
from rich.padding import Padding
from rich.text import Text

from app.cli.support import api_client
from app.cli.support.terminal import (
    AsJson,
    CommandError,
    command_error,
    out,
    print_json,
    report_errors,
)

BAR_WIDTH: Final = 24
MAX_LISTED: Final = 10
DAY_FORMATS: Final = ["%Y-%m-%d"]
SUBJECT_FIELDS: Final = ("team", "objective", "key_result", "offering")
RENAMED_OPTIONS: Final = {"from": "--compare", "to": "--as-of"}
PURPOSE_NOTICE: Final = (
    "It measures teams and objectives, never persons; it is not for appraisal or pay."
)


@report_errors
def alignment(
    playbook: Annotated[
        str | None, typer.Option(help="The playbook's key. Default: the current playbook.")
    ] = None,
    team: Annotated[str | None, typer.Option(help="Show the answer for one team.")] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=DAY_FORMATS, help="The end of this day. Default: now."),
    ] = None,
    known_at: Annotated[
        datetime | None,
        typer.Option(
            formats=DAY_FORMATS, help="Use only what was recorded by the end of this day."
        ),
    ] = None,
    compare: Annotated[
        datetime | None,
        typer.Option(formats=DAY_FORMATS, help="Show the changes since the end of this day."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show how aligned the organization is or was, and what the missing points are made of."""
    query = {} if playbook is None else {"playbook": playbook}
    query |= {} if known_at is None else {"known_at": f"{known_at:%Y-%m-%d}"}
    if compare is not None:
        if team is not None:
            raise command_error(
                "invalid-input",
                "Two days are compared for the whole organization: leave --team out.",
            )
        end_query = {} if as_of is None else {"to": f"{as_of:%Y-%m-%d}"}
        _print_comparison({**query, "from": f"{compare:%Y-%m-%d}", **end_query}, as_json=as_json)
        return
    path = (
        "/v1/alignment" if team is None else f"/v1/alignment/teams/{api_client.quote_segment(team)}"
    )
    answer = _get_with_option_names(
        path, {**query, **({} if as_of is None else {"as_of": f"{as_of:%Y-%m-%d}"})}, {}
    )
    if as_json:
        print_json(answer)
        return
    _print_header(answer) if team is None else _print_team_header(answer)
    for component in answer["components"]:
        _print_component(component)
    _print_losses(answer["losses"][:MAX_LISTED])
    out.print()
    out.print(PURPOSE_NOTICE, style="dim")


def _get_with_option_names(
    path: str, query: Mapping[str, str], renamed_options: Mapping[str, str]
) -> Any:  # Any: JSON values
    """Return the API's answer. Raises: CommandError that names options instead of parameters."""
    try:
        return api_client.call_api("GET", path, query=query)
    except CommandError as error:
        names = {
            **{parameter_name: f"--{parameter_name.replace('_', '-')}" for parameter_name in query},
            **renamed_options,
        }
        detail = str(error.problem.get("detail", ""))
        for parameter_name, option in names.items():
            reworded = (
                f"{option}{detail.removeprefix(parameter_name)}"
                if detail.startswith(f"{parameter_name}:")
                else detail
            )
            detail = reworded.replace(f"'{parameter_name}'", option)
        # The detail names the option. The pointers would name the API's parameters.
        problem_fields = {
            parameter_name: member
            for parameter_name, member in error.problem.items()
            if parameter_name != "errors"
        }
        raise CommandError({**problem_fields, "detail": detail}) from None


def _print_comparison(query: Mapping[str, str], *, as_json: bool) -> None:
    comparison = _get_with_option_names("/v1/alignment/changes", query, RENAMED_OPTIONS)
    if as_json:
        print_json(comparison)
        return
    _print_header(comparison["after"])
    scores_before = {
        component_before["name"]: component_before["score"]
        for component_before in comparison["before"]["components"]
    }
    since = comparison["before"]["as_of"]
    known_at = comparison["after"]["known_at"]
    score_change = _format_change(comparison["before"]["score"], comparison["after"]["score"])
    out.print(f"since {since}: score {score_change}, both as known on {known_at}", markup=False)
    for component in comparison["after"]["components"]:
        _print_component(component)
        out.print(
            Padding(
                Text(
                    _format_change(scores_before[component["name"]], component["score"]),
                    style="dim",
                ),
                (0, 0, 0, 2),
            )
        )
    out.print()
    out.print(
        "What moved the score, largest first" if comparison["items"] else "Nothing changed.",
        style="bold",
    )
    for difference in comparison["items"][:MAX_LISTED]:
        subject = " ".join(
            difference[subject_field]
            for subject_field in SUBJECT_FIELDS
            if difference[subject_field]
        )
        # The API returns the change of the loss. A larger loss lowers the score.
        line = Text(
            f"{-difference['change']:+7.3f}  ",
            style="bold red" if difference["change"] > 0 else "bold green",
        )
        line.append(
            f"{difference['component']}: {difference['reason'].replace('_', ' ')}", style="yellow"
        )
        line.append(f"  {subject}")
        out.print(line, overflow="ellipsis", no_wrap=True)
        out.print(Padding(Text(difference["detail"], style="dim"), (0, 0, 0, 9), expand=False))


def _format_change(before: float | None, after: float | None) -> str:
    before_text = _format_score(before).strip()
    after_text = _format_score(after).strip()
    return after_text if before_text == after_text else f"{before_text} to {after_text}"


def _print_header(answer: Mapping[str, Any]) -> None:
    changes = answer["unpublished_changes"]
    unpublished_note = (
        f", {changes} unpublished change{'' if changes == 1 else 's'}" if changes else ""
    )
    out.print(
        f"{answer['playbook']}, revision {answer['revision']}{unpublished_note}, "
        f"as of {answer['as_of']}",
        style="dim",
        markup=False,
    )
    line = Text("score ", style="bold")
    line.append(_format_score(answer["score"]), style=f"bold {_score_color(answer['score'])}")
    line.append(
        f"   floor {_format_score(answer['floor'])}   coverage {_format_score(answer['coverage'])}",
        style="",
    )
    if answer["weakest"]:
        line.append(f"   weakest {answer['weakest']}")
    out.print(line)
    if answer["configuration_from"]:
        out.print(
            f"configured as on {answer['configuration_from']}, when it was first published",
            style="dim",
        )
    if answer["restating"]:
        out.print(
            f"being restated, not shown yet: {', '.join(answer['restating'])}",
            style="yellow",
            markup=False,
        )
    if answer["silent_teams"]:
        out.print(f"silent: {', '.join(answer['silent_teams'])}", style="yellow", markup=False)
    out.print()


def _print_team_header(answer: Mapping[str, Any]) -> None:
    attention = {True: "busy", False: "not busy"}.get(
        answer["busy"], "too few events to say how busy"
    )
    productivity = {True: "productive", False: "not productive"}.get(
        answer["productive"], "productivity unknown"
    )
    out.print(
        f"{answer['team']}: {attention}, {productivity}{', silent' if answer['silent'] else ''}",
        style="bold",
        markup=False,
    )
    objective_shares = ", ".join(
        f"{objective['objective']} {objective['share']:.0%}" for objective in answer["bears"]
    )
    out.print(f"bears {objective_shares or 'no objective'}", style="dim", markup=False)
    if answer["work"] is not None:
        unassigned_share = answer["work"]["off_playbook"]
        shares = sorted(
            answer["work"]["shares"],
            key=lambda objective: (-objective["share"], objective["objective"]),
        )
        parts = [f"{objective['objective']} {objective['share']:.0%}" for objective in shares] + (
            [f"no objective {unassigned_share:.0%}"] if unassigned_share else []
        )
        out.print(f"worked on {', '.join(parts)}", style="dim", markup=False)
    out.print()


def _print_component(component: Mapping[str, Any]) -> None:
    score = component["score"]
    line = Text(f"{component['name']:<22}")
    line.append_text(render_bar(score, ascii_only=out.options.ascii_only))
    line.append(f" {_format_score(score):>5}", style=_score_color(score))
    if component.get("lost"):
        line.append(f"   lost {component['lost']:.3f}", style="dim")
    if not component["applies"]:
        line.append("   does not apply", style="dim")
    out.print(line)
    if component.get("summary"):
        out.print(Padding(Text(component["summary"], style="dim"), (0, 0, 0, 2), expand=False))


def render_bar(score: float | None, *, ascii_only: bool = False) -> Text:
    """Return a score as a bar. None gives an empty bar."""
    full_block, empty_block = ("#", "-") if ascii_only else ("█", "░")
    width = 0 if score is None else round(score * BAR_WIDTH)
    return Text(full_block * width, style=_score_color(score)).append(
        empty_block * (BAR_WIDTH - width), style="dim"
    )


def _print_losses(losses: Sequence[Mapping[str, Any]]) -> None:
    if not losses:
        return
    out.print()
    out.print("What the missing points are made of, largest first", style="bold")
    for loss in losses:
        subject = " ".join(
            loss[subject_field] for subject_field in SUBJECT_FIELDS if loss[subject_field]
        )
        line = Text(f"{loss['points']:7.3f}  ", style="bold")
        line.append(f"{loss['component']}: {loss['reason'].replace('_', ' ')}", style="yellow")
        line.append(f"  {subject}", style="")
        out.print(line, overflow="ellipsis", no_wrap=True)
        out.print(Padding(Text(loss["detail"], style="dim"), (0, 0, 0, 9), expand=False))


def _format_score(score: float | None) -> str:
    return "-" if score is None else f"{score:.2f}"


def _score_color(score: float | None) -> str:
    if score is None:
        return "dim"
    return "green" if score >= 0.75 else "yellow" if score >= 0.5 else "red"
