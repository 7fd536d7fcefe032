"""Several worker processes behind the same addresses: started, watched, started again, ended together.

The kernel spreads connections over the workers (SO_REUSEPORT). They share nothing but the store.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from gateway.errors import ConfigError
from gateway.observe.logs import logger
from gateway.settings import Settings

READY = b"ready\n"
GRACE_SECONDS = 15.0
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_SETTLED_SECONDS = 60.0


def check(settings: Settings) -> None:
    """Several workers can serve with these settings.

    Raises: ConfigError.
    """
    if settings.store.url == "sqlite":
        raise ConfigError(
            "the SQLite store is one process's: name a Redis or Valkey here, or serve without --workers",
            key="store.url",
        )
    for listener in settings.listeners:
        if listener.address.port == 0:
            raise ConfigError("workers share a port: choose one", key=f"listeners.{listener.name}")


async def supervise(count: int, announce: Callable[[], None], *, drain_seconds: float = 0.0) -> int:
    """Keep so many workers until SIGINT or SIGTERM; ``announce`` is called once all serve. Returns the exit status.

    They get ``drain_seconds`` more to end.

    A worker that ends is started again, after a pause that doubles while it does not hold. When one cannot even begin,
    all are ended.
    """
    stop, grace_seconds = asyncio.Event(), GRACE_SECONDS + drain_seconds
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    with tempfile.TemporaryDirectory(prefix="mogate-") as folder:
        workers = [_Worker(number, Path(folder), stop, grace_seconds) for number in range(1, count + 1)]
        # One is enough: it has the others read the files with it.
        loop.add_signal_handler(signal.SIGHUP, lambda: any(worker.tell(signal.SIGHUP) for worker in workers))
        tasks = [asyncio.create_task(worker.keep()) for worker in workers]
        begun = asyncio.create_task(_all_begun(workers))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([begun, stopped], return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set():
            announce()
        await stopped
        begun.cancel()
        await asyncio.gather(*tasks)
    return 1 if any(worker.unfit for worker in workers) else 0


async def _all_begun(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        await worker.begun.wait()


class _Worker:
    """One process and its successors."""

    def __init__(self, number: int, folder: Path, stop: asyncio.Event, grace_seconds: float) -> None:
        self.begun = asyncio.Event()
        self.unfit = False
        self._number = number
        self._folder = folder
        self._stop = stop
        self._grace_seconds = grace_seconds
        self._process: asyncio.subprocess.Process | None = None

    def tell(self, number: signal.Signals) -> bool:
        """Send the process a signal; whether it serves and got it."""
        if self._process is None or self._process.returncode is not None or not self.begun.is_set():
            return False
        self._process.send_signal(number)
        return True

    async def keep(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while not self._stop.is_set():
            started = time.monotonic()
            status = await self._run()
            if self._stop.is_set():
                return
            if not self.begun.is_set():
                self.unfit = True
                self._stop.set()
                return
            if time.monotonic() - started > _SETTLED_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            logger().error("worker_ended", worker=self._number, status=status, again_in_seconds=pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _run(self) -> int:
        """Run one process to its end; returns its exit status."""
        # A worker ends when its standard input does, so none is left behind when the supervisor is killed.
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", "serve", "--worker", str(self._number), str(self._folder)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self._process = process
        logger().info("worker_started", worker=self._number, pid=process.pid)
        watch = asyncio.create_task(self._watch(process))
        ended = asyncio.create_task(process.wait())
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait([ended, stopped], return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            await asyncio.wait([ended], timeout=self._grace_seconds)
            if not ended.done():
                logger().error("worker_killed", worker=self._number, after_seconds=self._grace_seconds)
                process.kill()
        stopped.cancel()
        await watch
        return await ended

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        if await process.stdout.readline() == READY:
            self.begun.set()
        await process.stdout.read()
