"""Who is turned away when the process is busy."""

from __future__ import annotations

import random

import pytest

from gateway.observe.load import Load, spread


@pytest.mark.parametrize(("lag_seconds", "taken"), [(0.9, 1.0), (1.0, 1.0), (2.0, 0.5), (10.0, 0.1)])
def test_the_later_the_fewer_are_taken(lag_seconds: float, taken: float) -> None:
    """A loop that is late twice the limit takes half of who comes, and a very late one still some."""
    random.seed(1)
    load = Load(max_in_flight=1, max_lag_seconds=1.0)
    load.lag_seconds = lag_seconds
    assert sum(not load.is_overloaded for _ in range(10_000)) / 10_000 == pytest.approx(taken, abs=0.02)


def test_no_more_than_so_many_at_once() -> None:
    """Beyond the limit of requests under way everybody is turned away, and far beyond it sessions that go on too."""
    load = Load(max_in_flight=10, max_lag_seconds=1.0)
    load.in_flight = 10
    assert (load.is_overloaded, load.is_swamped) == (False, False)
    load.in_flight = 11
    assert (load.is_overloaded, load.is_swamped) == (True, False)
    load.in_flight = 21
    assert (load.is_overloaded, load.is_swamped) == (True, True)


def test_they_come_back_spread() -> None:
    """Retry-After is between once and twice the seconds."""
    assert {spread(3) for _ in range(200)} == {3, 4, 5, 6}
