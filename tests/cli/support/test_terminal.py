import json

import httpx
import pytest
import typer
from pydantic import ValidationError

from app.cli.support.terminal import counted, guarded, problem_of, refusal
from app.domain.primitives.errors import Fault, InvalidError
from app.settings import load


def failing(error: Exception):
    @guarded
    def command(as_json: bool = False) -> None:
        raise error

    return command


def test_a_refusal_is_one_line_and_exit_code_1(capsys):
    with pytest.raises(typer.Exit) as left:
        failing(refusal("conflict", "The [bold]door is shut."))()
    assert left.value.exit_code == 1
    assert capsys.readouterr().err == "sightline: The [bold]door is shut.\n"


def test_with_json_a_refusal_is_a_problem_document_on_stderr(capsys):
    with pytest.raises(typer.Exit):
        failing(InvalidError("No.", [Fault("/a", "wrong")]))(as_json=True)
    shown = capsys.readouterr()
    problem = json.loads(shown.err)
    assert (problem["code"], problem["status"], problem["errors"]) == (
        "invalid-input",
        422,
        [{"pointer": "/a", "detail": "wrong"}],
    )
    assert shown.out == ""


def test_several_faults_are_each_told(capsys):
    with pytest.raises(typer.Exit):
        failing(InvalidError("Two.", [Fault("/a", "wrong"), Fault("/b", "wrong too")]))()
    assert capsys.readouterr().err.splitlines()[1:] == ["  /a: wrong", "  /b: wrong too"]


def test_a_setting_that_is_not_valid_is_named_as_the_environment_names_it():
    with pytest.raises(ValidationError) as error:
        load({"SIGHTLINE_POOL_SIZE": "many"})
    assert "SIGHTLINE_POOL_SIZE" in str(problem_of(error.value)["detail"])


def test_whatever_fails_is_a_sentence_of_one_line():
    for error in (
        RuntimeError("first\nsecond"),
        RuntimeError(),
        OSError(13, "Permission denied", "x.db"),
        httpx.ReadError("gone"),
    ):
        detail = str(problem_of(error)["detail"])
        assert detail
        assert "\n" not in detail


def test_a_number_of_things_is_said_as_a_person_says_it():
    assert [counted(number, "event") for number in (0, 1, 2)] == ["0 events", "1 event", "2 events"]
