import json

import httpx
import pytest
import typer
from pydantic import ValidationError

from app.cli.support.terminal import command_error, pluralize, report_errors, to_problem
from app.domain.primitives.errors import Fault, InvalidError
from app.settings import load_settings


def make_failing_command(error: Exception):
    @report_errors
    def command(as_json: bool = False) -> None:
        raise error

    return command


def test_a_refusal_is_one_line_and_exit_code_1(capsys):
    with pytest.raises(typer.Exit) as excinfo:
        make_failing_command(command_error("conflict", "The [bold]port is in use."))()
    assert excinfo.value.exit_code == 1
    assert capsys.readouterr().err == "sightline: The [bold]port is in use.\n"


def test_with_json_a_refusal_is_a_problem_document_on_stderr(capsys):
    with pytest.raises(typer.Exit):
        make_failing_command(InvalidError("No.", [Fault("/a", "wrong")]))(as_json=True)
    captured = capsys.readouterr()
    problem = json.loads(captured.err)
    assert (problem["code"], problem["status"], problem["errors"]) == (
        "invalid-input",
        422,
        [{"pointer": "/a", "detail": "wrong"}],
    )
    assert captured.out == ""


def test_several_faults_are_each_reported(capsys):
    with pytest.raises(typer.Exit):
        make_failing_command(
            InvalidError("Two.", [Fault("/a", "wrong"), Fault("/b", "wrong too")])
        )()
    assert capsys.readouterr().err.splitlines()[1:] == ["  /a: wrong", "  /b: wrong too"]


def test_a_setting_that_is_not_valid_is_named_as_the_environment_names_it():
    with pytest.raises(ValidationError) as excinfo:
        load_settings({"SIGHTLINE_POOL_SIZE": "many"})
    assert "SIGHTLINE_POOL_SIZE" in str(to_problem(excinfo.value)["detail"])


def test_every_exception_becomes_a_detail_of_one_line():
    for error in (
        RuntimeError("first\nsecond"),
        RuntimeError(),
        OSError(13, "Permission denied", "x.db"),
        httpx.ReadError("closed"),
    ):
        detail = str(to_problem(error)["detail"])
        assert detail
        assert "\n" not in detail


def test_a_count_is_pluralized():
    assert [pluralize(number, "event") for number in (0, 1, 2)] == [
        "0 events",
        "1 event",
        "2 events",
    ]
