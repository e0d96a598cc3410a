"""What every command shares: where it prints, and how it fails with one clear line instead of a traceback."""

import functools
import json
from collections.abc import Callable, Mapping
from typing import Annotated, Final, ParamSpec, TypeVar

import httpx
import typer
from pydantic import ValidationError
from rich.console import Console

from app.api.http import problems
from app.domain.primitives.errors import SightlineError

P = ParamSpec("P")
R = TypeVar("R")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and problems as JSON on stderr.")]

out: Final = Console(highlight=False)
err: Final = Console(stderr=True, highlight=False)


class CommandError(Exception):
    """What a command was refused. Shape: `problem` is a problem document (RFC 9457)."""

    def __init__(self, problem: Mapping[str, object]) -> None:
        """Keeps the document."""
        super().__init__(str(problem.get("detail", "")))
        self.problem = problem


def command_error(code: str, detail: str) -> CommandError:
    """A refusal of the command line's own, as a problem document."""
    return CommandError(problems.problem_fields(code, detail))


def report_errors(command: Callable[P, R]) -> Callable[P, R]:
    """The command, failing with exit code 1 and one line on stderr: a problem document where `--json` was asked for."""

    @functools.wraps(command)
    def run_command(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:  # whatever fails, a person reads a sentence  # noqa: BLE001  # whatever fails, a person reads a sentence
            _print_problem(to_problem(error), as_json=bool(kwargs.get("as_json")))
            raise typer.Exit(1) from None

    return run_command


def to_problem(error: Exception) -> Mapping[str, object]:
    """What went wrong, as a problem document."""
    if isinstance(error, CommandError):
        return error.problem
    if isinstance(error, SightlineError):
        return problems.from_error(error)
    if isinstance(error, ValidationError):
        setting_errors = error.errors(include_url=False, include_input=False)
        names = "; ".join(
            f"SIGHTLINE_{'_'.join(map(str, setting_error['loc'])).upper()}: {setting_error['msg']}"
            for setting_error in setting_errors
        )
        return problems.problem_fields("invalid-input", f"A setting is not valid. {names}.")
    if isinstance(error, httpx.HTTPError):
        return problems.problem_fields(
            "unavailable", f"The service did not answer: {str(error) or type(error).__name__}."
        )
    if isinstance(error, OSError):
        return problems.problem_fields(
            "unavailable", f"{error.strerror or error}: {error.filename or 'no file'}"
        )
    text = str(error).strip().splitlines()
    return problems.problem_fields("internal-error", text[0] if text else type(error).__name__)


def _print_problem(problem: Mapping[str, object], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(problem), err=True)
        return
    line = str(problem.get("detail") or problem.get("title") or "It failed.")
    err.print(f"sightline: {line}", style="red", markup=False, soft_wrap=True)
    errors = problem.get("errors")
    faults = (
        [fault for fault in errors if isinstance(fault, Mapping)]
        if isinstance(errors, list)
        else []
    )
    for fault in (
        faults
        if len(faults) > 1 or all(str(fault.get("detail")) not in line for fault in faults)
        else []
    ):
        err.print(f"  {fault.get('pointer')}: {fault.get('detail')}", markup=False, soft_wrap=True)


def pluralize(number: int, noun: str) -> str:
    """So many of a thing: `1 event`, `2 events`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def print_line(line: str = "", style: str | None = None) -> None:
    """Prints a line for a person, as it is."""
    out.print(line, style=style, markup=False, soft_wrap=True)


def print_json(document: object) -> None:
    """Prints a JSON document for a script."""
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
