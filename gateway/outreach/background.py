"""Work that nobody waits for: kept in the store, done by one process at a time, taken over when that one dies.

A piece of work is a ``Record`` with a time at which it is due. A process that takes it up first moves that time on, by
compare-and-set: as long as the lease lasts nobody else does. Whoever does the work writes what comes of it together
with the record as it then is, so a piece is never half done; a process that dies leaves it to the next one after the
lease.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec.structs import replace

from gateway.errors import Conflict, NotFound, Unavailable
from gateway.observe import metrics
from gateway.observe.logs import logger
from gateway.store.protocol import PutRecord, Record, Store

POLL_SECONDS = 1.0
COUNT_SECONDS = 15.0
LEASE_SECONDS = 60
CHORE = "chore"

Work = Callable[[Record], Awaitable[None]]
"""Does one piece, and commits what comes of it: the record with another time, or its removal."""


class Kind(NamedTuple):
    """How pieces of one kind are done: for how long one process has each, and how many at once."""

    name: str
    work: Work
    lease_seconds: float
    at_once: int


class Background:
    """Does what is due in the store; ``clock`` gives aware UTC times."""

    def __init__(self, store: Store, clock: Callable[[], datetime], *, poll_seconds: float = POLL_SECONDS) -> None:
        self._store = store
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._kinds: list[Kind] = []
        self._chores: list[tuple[str, float]] = []
        self._loops: list[asyncio.Task[None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._calls: dict[str, asyncio.Event] = {}

    def add(self, name: str, work: Work, *, lease_seconds: float = LEASE_SECONDS, at_once: int = 8) -> None:
        """Have records of that kind worked on, from ``start`` on."""
        self._kinds.append(Kind(name, work, lease_seconds, at_once))
        self._calls[name] = asyncio.Event()

    def every(self, seconds: float, name: str, chore: Callable[[], Awaitable[None]]) -> None:
        """Have that done again and again, in whichever of the processes comes first."""

        async def work(record: Record) -> None:
            await chore()
            await self._store.commit(PutRecord(replace(record, due_at=self._clock() + timedelta(seconds=seconds))))

        kind = f"{CHORE}.{name}"
        self.add(kind, work, lease_seconds=max(LEASE_SECONDS, seconds), at_once=1)
        self._chores.append((kind, seconds))

    def call(self, name: str) -> None:
        """Look for work of that kind now."""
        self._calls[name].set()

    def start(self) -> None:
        """Begin to look for what is due."""
        loop = asyncio.get_running_loop()
        self._loops = [loop.create_task(self._attend(kind)) for kind in self._kinds]
        self._loops.append(loop.create_task(self._found_chores()))

    async def close(self) -> None:
        """Stop. What is under way is left where it stands, and taken up by others after its lease."""
        for task in (*self._loops, *self._tasks):
            task.cancel()
        await asyncio.gather(*self._loops, *self._tasks, return_exceptions=True)

    async def _found_chores(self) -> None:
        for kind, seconds in self._chores:
            due_at = self._clock() + timedelta(seconds=seconds)
            while True:
                try:
                    if await self._store.load_record(kind, CHORE) is None:
                        await self._store.commit(PutRecord(Record(kind=kind, id=CHORE, payload=b"", due_at=due_at)))
                    break
                except Conflict:
                    break
                except Unavailable:
                    await asyncio.sleep(self._poll_seconds)

    async def _attend(self, kind: Kind) -> None:
        called = self._calls[kind.name]
        busy: set[asyncio.Task[None]] = set()
        count_at = 0.0
        while True:
            called.clear()
            try:
                for record in await self._store.load_due(kind.name, self._clock(), kind.at_once - len(busy)):
                    if claimed := await self._claim(kind, record):
                        task = asyncio.get_running_loop().create_task(self._do(kind, claimed))
                        for tasks in (busy, self._tasks):
                            tasks.add(task)
                            task.add_done_callback(tasks.discard)
                        task.add_done_callback(lambda _: called.set())
                if time.monotonic() >= count_at and not kind.name.startswith(CHORE):
                    metrics.waiting.labels(kind.name).set(await self._store.count_waiting(kind.name))
                    count_at = time.monotonic() + COUNT_SECONDS
            except Unavailable as error:
                logger().warning("background_put_off", kind=kind.name, why=str(error))
            if len(busy) >= kind.at_once:
                await asyncio.wait(busy, return_when=asyncio.FIRST_COMPLETED)
            # Not wait_for, which may take its own end for the answer and go on when it is cancelled.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._poll_seconds):
                    await called.wait()

    async def _claim(self, kind: Kind, record: Record) -> Record | None:
        """The record in our hands for its lease, or None when somebody else was quicker."""
        ours = replace(record, due_at=self._clock() + timedelta(seconds=kind.lease_seconds))
        try:
            await self._store.commit(PutRecord(ours))
        except Conflict:
            return None
        return replace(ours, revision=ours.revision + 1)

    async def _do(self, kind: Kind, record: Record) -> None:
        try:
            await kind.work(record)
        except (Unavailable, Conflict, NotFound) as error:
            # Somebody changed it meanwhile, or a part is away: the lease ends, and it is looked at again.
            logger().warning("work_left", kind=kind.name, id=record.id, why=str(error))
        except Exception:
            logger().exception("work_failed", kind=kind.name, id=record.id)
