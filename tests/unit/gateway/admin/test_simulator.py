"""Simulated devices are played where that is allowed, and followed as they go."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from adapters.simulator.transcript import Transcript
from gateway.admin.caller import Caller
from gateway.admin.models.simulator import NewRun
from gateway.admin.routes import Call
from gateway.admin.simulator import MOST_AT_ONCE, SimulatorRoutes
from gateway.errors import NotFound, TooMany, Unavailable
from gateway.store.sqlite import SqliteStore

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def call(body: NewRun | None = None, **path: str) -> Call:
    return Call(path, {}, body, Caller("", frozenset(), "", ""))


async def test_a_run_is_seen_while_it_goes_on_and_when_it_is_over(store: SqliteStore) -> None:
    """Its steps so far without a result, then why it failed; no more at once than there is room for."""
    transcript, goes_on = Transcript(), asyncio.Event()

    async def run() -> None:
        await goes_on.wait()
        raise Unavailable("no gateway answers")

    routes = SimulatorRoutes(store, lambda _: (transcript, run()), lambda: NOW)
    begun = await routes.start_run(call(NewRun(device="omadm")))
    transcript.sent("POST", "Alert 1201")
    while not (seen := await routes.show_run(call(id=begun.id))).steps:  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert (seen.steps[0].says, seen.result) == (["Alert 1201"], "")
    for _ in range(MOST_AT_ONCE - 1):
        await routes.start_run(call(NewRun(device="rcc14")))
    with pytest.raises(TooMany):
        await routes.start_run(call(NewRun(device="rcc14")))
    goes_on.set()
    while not (seen := await routes.show_run(call(id=begun.id))).result:  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert seen.result == "no gateway answers"
    await routes.close()


async def test_nothing_is_played_where_it_is_not_allowed(store: SqliteStore) -> None:
    """The list is empty, and a wish is refused with the reason."""
    routes = SimulatorRoutes(store, None, lambda: NOW)
    assert (await routes.show_simulator(call())).devices == []
    with pytest.raises(NotFound, match=r"admin\.simulator"):
        await routes.start_run(call(NewRun(device="omadm")))
