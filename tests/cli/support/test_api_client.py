import json

import httpx
import pytest

from app.cli.support.api_client import quote_segment, read_json
from app.cli.support.terminal import CommandError


def make_response(status: int, content: bytes) -> httpx.Response:
    return httpx.Response(status, content=content, request=httpx.Request("GET", "http://a.test/x"))


def test_without_a_key_or_a_service_the_error_says_what_to_do(sightline, monkeypatch):
    assert "SIGHTLINE_API_KEY" in sightline("sources").stderr
    monkeypatch.setenv("SIGHTLINE_API_KEY", "sightline_x")
    monkeypatch.setenv("SIGHTLINE_URL", "http://127.0.0.1:1")
    invocation = sightline("sources", "--json")
    assert invocation.exit_code == 1
    assert json.loads(invocation.stderr)["detail"].endswith("Start it with: sightline serve")


def test_a_wrong_key_is_the_services_own_problem(sightline, demo_service, monkeypatch):
    monkeypatch.setenv("SIGHTLINE_API_KEY", "sightline_wrong")
    invocation = sightline("alignment", "--json")
    assert invocation.exit_code == 1
    assert json.loads(invocation.stderr)["status"] == 401


@pytest.mark.parametrize("url", ["not an address", "ftp://example.test", "http://[::1"])
def test_an_invalid_url_is_a_one_line_error(sightline, monkeypatch, url):
    monkeypatch.setenv("SIGHTLINE_API_KEY", "sightline_x")
    monkeypatch.setenv("SIGHTLINE_URL", url)
    invocation = sightline("alignment")
    assert invocation.exit_code == 1
    assert len(invocation.stderr.splitlines()) == 1, invocation.stderr


def test_only_a_response_of_the_service_is_accepted():
    assert read_json(make_response(200, b'{"a": 1}')) == {"a": 1}
    assert read_json(make_response(204, b"")) is None
    for status, content in ((200, b"<html>"), (502, b"{}"), (404, b"[]")):
        with pytest.raises(CommandError):
            read_json(make_response(status, content))


def test_a_key_stays_one_segment_of_a_path():
    assert quote_segment("a/../b?c#d") == "a%2F..%2Fb%3Fc%23d"
