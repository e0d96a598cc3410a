import json

import httpx
import pytest

from app.cli.support.api_client import read, segment
from app.cli.support.terminal import CommandError


def answer(status: int, content: bytes) -> httpx.Response:
    return httpx.Response(status, content=content, request=httpx.Request("GET", "http://a.test/x"))


def test_without_a_key_or_a_service_the_way_on_is_named(sightline, monkeypatch):
    assert "SIGHTLINE_API_KEY" in sightline("sources").stderr
    monkeypatch.setenv("SIGHTLINE_API_KEY", "sightline_x")
    monkeypatch.setenv("SIGHTLINE_URL", "http://127.0.0.1:1")
    done = sightline("sources", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stderr)["detail"].endswith("Start it with: sightline serve")


def test_a_wrong_key_is_the_services_own_problem(sightline, larkfield, monkeypatch):
    monkeypatch.setenv("SIGHTLINE_API_KEY", "sightline_wrong")
    done = sightline("alignment", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stderr)["status"] == 401


@pytest.mark.parametrize("url", ["not an address", "ftp://example.test", "http://[::1"])
def test_an_address_that_is_none_is_one_line(sightline, monkeypatch, url):
    monkeypatch.setenv("SIGHTLINE_API_KEY", "sightline_x")
    monkeypatch.setenv("SIGHTLINE_URL", url)
    done = sightline("alignment")
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_only_an_answer_of_ours_is_believed():
    assert read(answer(200, b'{"a": 1}')) == {"a": 1}
    assert read(answer(204, b"")) is None
    for status, content in ((200, b"<html>"), (502, b"{}"), (404, b"[]")):
        with pytest.raises(CommandError):
            read(answer(status, content))


def test_a_key_stays_one_segment_of_a_path():
    assert segment("a/../b?c#d") == "a%2F..%2Fb%3Fc%23d"
