from datetime import UTC, datetime

import httpx
import pytest

from app.demo.player import StoryClock, read_json
from app.domain.primitives.errors import ConflictError

NOW = datetime(2026, 10, 2, tzinfo=UTC)


def test_the_clock_returns_the_instant_it_was_set_to():
    clock = StoryClock(NOW)
    assert clock() == clock() == NOW


def test_a_refused_request_stops_the_player_with_the_message_of_the_service():
    problem = httpx.Response(409, json={"detail": "The team 'sales' is archived."})
    with pytest.raises(
        ConflictError, match=r"cannot go on: PUT /x was answered 409. The team 'sales' is archived."
    ):
        read_json(problem, "PUT /x")
    assert read_json(httpx.Response(204), "DELETE /x") is None
