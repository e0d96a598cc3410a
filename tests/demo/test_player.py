from datetime import UTC, datetime

import httpx
import pytest

from app.demo.player import StoryClock, read
from app.domain.primitives.errors import ConflictError

NOW = datetime(2026, 10, 2, tzinfo=UTC)


def test_the_clock_stands_where_it_is_put():
    clock = StoryClock(NOW)
    assert clock() == clock() == NOW


def test_what_the_service_refuses_ends_the_play_with_its_own_words():
    problem = httpx.Response(409, json={"detail": "The team 'sales' is archived."})
    with pytest.raises(
        ConflictError, match=r"cannot go on: PUT /x was answered 409. The team 'sales' is archived."
    ):
        read(problem, "PUT /x")
    assert read(httpx.Response(204), "DELETE /x") is None
