"""Output and error reporting of all commands: one clear line instead of a traceback."""

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
    """An error that a command reports."""

    def __init__(self, problem: Mapping[str, object]) -> None:
        """Take a problem document (RFC 9457)."""
        super().__init__(str(problem.get("detail", "")))
        self.problem = problem


def command_error(code: str, detail: str) -> CommandError:
    """Return an error of the command line itself, as a problem document."""
    return CommandError(problems.problem_fields(code, detail))


def report_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Make a command report errors in one line on stderr, and exit with code 1.

    With `--json`, it prints a problem document.
    """

    @functools.wraps(command)
    def run_command(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:  # noqa: BLE001  # every failure becomes one line
            _print_problem(to_problem(error), as_json=bool(kwargs.get("as_json")))
            raise typer.Exit(1) from None

    return run_command


def to_problem(error: Exception) -> Mapping[str, object]:
    """Return an error as a problem document."""
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
    """Return a number with a noun: `1 event`, `2 events`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def print_line(line: str = "", style: str | None = None) -> None:
    """Print a line without interpreting markup."""
    out.print(line, style=style, markup=False, soft_wrap=True)


def print_json(document: object) -> None:
    """Print a JSON document."""
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
