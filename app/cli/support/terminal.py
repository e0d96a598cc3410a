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


def refusal(code: str, detail: str) -> CommandError:
    """A refusal of the command line's own, as a problem document."""
    return CommandError(problems.problem(code, detail))


def guarded(command: Callable[P, R]) -> Callable[P, R]:
    """The command, failing with exit code 1 and one line on stderr: a problem document where `--json` was asked for."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:  # noqa: BLE001  # whatever fails, a person reads a sentence
            _tell(problem_of(error), as_json=bool(kwargs.get("as_json")))
            raise typer.Exit(1) from None

    return run


def problem_of(error: Exception) -> Mapping[str, object]:
    """What went wrong, as a problem document."""
    if isinstance(error, CommandError):
        return error.problem
    if isinstance(error, SightlineError):
        return problems.of(error)
    if isinstance(error, ValidationError):
        found = error.errors(include_url=False, include_input=False)
        names = "; ".join(
            f"SIGHTLINE_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in found
        )
        return problems.problem("invalid-input", f"A setting is not valid. {names}.")
    if isinstance(error, httpx.HTTPError):
        return problems.problem(
            "unavailable", f"The service did not answer: {str(error) or type(error).__name__}."
        )
    if isinstance(error, OSError):
        return problems.problem(
            "unavailable", f"{error.strerror or error}: {error.filename or 'no file'}"
        )
    text = str(error).strip().splitlines()
    return problems.problem("internal-error", text[0] if text else type(error).__name__)


def _tell(problem: Mapping[str, object], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(problem), err=True)
        return
    line = str(problem.get("detail") or problem.get("title") or "It failed.")
    err.print(f"sightline: {line}", style="red", markup=False, soft_wrap=True)
    errors = problem.get("errors")
    more = (
        [each for each in errors if isinstance(each, Mapping)] if isinstance(errors, list) else []
    )
    for each in (
        more if len(more) > 1 or all(str(each.get("detail")) not in line for each in more) else []
    ):
        err.print(f"  {each.get('pointer')}: {each.get('detail')}", markup=False, soft_wrap=True)


def counted(number: int, noun: str) -> str:
    """So many of a thing: `1 event`, `2 events`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def say(line: str = "", style: str | None = None) -> None:
    """Prints a line for a person, as it is."""
    out.print(line, style=style, markup=False, soft_wrap=True)


def tell_json(value: object) -> None:
    """Prints a JSON document for a script."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))
