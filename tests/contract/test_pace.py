"""Turns over every store: so many to a second, however many processes take them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from gateway.outreach.pace import KIND, Pace
from gateway.store.protocol import Store

OpenStore = Callable[[], Awaitable[Store]]

START = datetime(2026, 3, 1, tzinfo=UTC)


class Clock:
    """Goes on as long as somebody sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = START
        self._sleep = asyncio.sleep
        monkeypatch.setattr("gateway.outreach.pace.asyncio.sleep", self.sleep)

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        until = self.now + timedelta(seconds=seconds)
        await self._sleep(0)
        self.now = max(self.now, until)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.mark.parametrize(("per_second", "count"), [(10.0, 30), (1000.0, 600), (0.5, 6)])
async def test_all_processes_together_keep_the_rate(
    open_store: OpenStore, clock: Clock, per_second: float, count: int
) -> None:
    """Each turn is one process's, and no second has more of them than the rate says."""
    paces = [Pace(await open_store(), "reach", per_second, clock) for _ in range(3)]
    taken: list[datetime] = []

    async def push(pace: Pace) -> None:
        for _ in range(count // 3):
            await pace.turn()
            taken.append(clock.now)

    await asyncio.gather(*map(push, paces))
    assert len(taken) == count
    assert max(taken) - START >= timedelta(seconds=(count - 1) / per_second) * 0.9


async def test_what_was_idle_makes_up_for_nothing(store: Store, clock: Clock) -> None:
    """After an hour without a push they come at the rate, and not all at once."""
    pace = Pace(store, "reach", 20.0, clock)
    await pace.turn()
    clock.now += timedelta(hours=1)
    begun = clock.now
    for _ in range(21):
        await pace.turn()
    assert clock.now - begun >= timedelta(seconds=1)


async def test_turns_of_a_clock_that_was_ahead_hold_up_nobody(open_store: OpenStore, clock: Clock) -> None:
    """When it is right again, turns begin now."""
    pace = Pace(await open_store(), "reach", 1.0, clock)
    clock.now += timedelta(days=400)
    await pace.turn()
    clock.now = START
    await pace.turn()
    assert clock.now == START
    assert [one.id for one in await (await open_store()).load_records(KIND)] == ["reach"]
