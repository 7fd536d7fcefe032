"""The admin API's routes for playing a simulated device, in a laboratory: what it says is watched as it happens."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Literal, Protocol

import pydantic_core

from gateway.admin.models.simulator import NewRun, RunView, SimulatorView, StepView
from gateway.admin.routes import Call, Route
from gateway.errors import Conflict, MogateError, NotFound, TooMany, Unavailable
from gateway.observe.logs import logger
from gateway.store.protocol import PutEphemeral, Store

KEPT = timedelta(hours=1)
NOTED_SECONDS = 0.2
WATCH_SECONDS = 0.3
MOST_AT_ONCE = 2


class Said(Protocol):
    """One message of a device."""

    @property
    def direction(self) -> Literal["sent", "received"]: ...
    @property
    def line(self) -> str: ...
    @property
    def says(self) -> tuple[str, ...]: ...


class Heard(Protocol):
    """What a device has said and heard until now, and what came of it."""

    @property
    def steps(self) -> Sequence[Said]: ...
    @property
    def result(self) -> str: ...


Play = Callable[[NewRun], tuple[Heard, Awaitable[object]]]
"""Gives the run of a device, and what is known of it while it runs."""


class SimulatorRoutes:
    """Devices that are played; none without ``play``."""

    def __init__(self, store: Store, play: Play | None, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._play = play
        self._clock = clock
        self._running: set[asyncio.Task[None]] = set()

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "GET", "/simulator", self.show_simulator, "Which simulated devices can be played here",
                gives=SimulatorView, needs="trace:read",
            ),
            Route(
                "POST", "/simulator/runs", self.start_run, "Play a simulated device, in a laboratory",
                takes=NewRun, gives=RunView, status=202, needs="devices:write",
            ),
            Route(
                "GET", "/simulator/runs/{id}", self.show_run, "What a simulated device has said and heard until now",
                gives=RunView, needs="trace:read", watch_seconds=WATCH_SECONDS,
            ),
        )  # fmt: skip

    async def close(self) -> None:
        """End what runs."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def show_simulator(self, _: Call) -> SimulatorView:
        """What there is."""
        return SimulatorView(devices=["omadm", "rcc14"] if self._play else [])

    async def start_run(self, call: Call) -> RunView:
        """Begin one."""
        if self._play is None:
            raise NotFound("no device is played here: that is for the demo, and for settings with admin.simulator")
        if len(self._running) >= MOST_AT_ONCE:
            raise TooMany("devices are being played already; wait until one is done")
        heard, run = self._play(call.body)
        begun = RunView(id=secrets.token_hex(8), device=call.body.device, steps=[], result="")
        await self._keep(begun)
        self._running.add(task := asyncio.get_running_loop().create_task(self._follow(begun, heard, run)))
        task.add_done_callback(self._running.discard)
        return begun

    async def show_run(self, call: Call) -> RunView:
        """How far one has come; any process knows."""
        kept = await self._store.load_ephemeral(_key(call.path["id"]), self._clock())
        if kept is None:
            raise NotFound(f"no device was played under {call.path['id'][:40]!r} in the last hour")
        return RunView.model_validate_json(kept)

    async def _follow(self, begun: RunView, heard: Heard, run: Awaitable[object]) -> None:
        """Keep what is said as it is said, and what came of it in the end."""
        running, failed = asyncio.ensure_future(run), ""
        try:
            while not running.done():
                await asyncio.wait([running], timeout=NOTED_SECONDS)
                with contextlib.suppress(Conflict, Unavailable):
                    await self._keep(_view(begun, heard, ""))
            try:
                running.result()
            except MogateError as error:
                failed = str(error)
            except Exception:
                logger().exception("simulator_failed", device=begun.device)
                failed = "the simulator failed; the log has the traceback"
        finally:
            running.cancel()
        await self._keep(_view(begun, heard, failed or heard.result))

    async def _keep(self, run: RunView) -> None:
        await self._store.commit(PutEphemeral(_key(run.id), pydantic_core.to_json(run), self._clock() + KEPT))


def _key(run_id: str) -> str:
    return f"simulator/{run_id}"


def _view(begun: RunView, heard: Heard, result: str) -> RunView:
    steps = [StepView(direction=one.direction, line=one.line, says=list(one.says)) for one in heard.steps]
    return begun.model_copy(update={"steps": steps, "result": result})
