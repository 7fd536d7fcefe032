"""Work that nobody waits for: kept in the store, done by one process at a time, taken over when that one dies.

A piece of work is a ``Record`` with a time at which it is due. A process that takes it up first moves that time on, by
compare-and-set: as long as the lease lasts nobody else does. Whoever does the work writes what comes of it together
with the record as it then is, so a piece is never half done; a process that dies leaves it to the next one after the
lease.

Leases and times at which work is due are by the clock on the wall, which may be wrong and be set right. After it was
moved nothing is taken up for as long as a lease lasts, so that whoever is at work comes to its end first. What was put
off by a clock that was ahead lies further off than it ever should, and is taken back to now.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec.structs import replace

from gateway.errors import Conflict, NotFound, Unavailable
from gateway.observe import metrics
from gateway.observe.logs import logger
from gateway.store.protocol import Append, Event, PutRecord, Record, Store

POLL_SECONDS = 1.0
COUNT_SECONDS = 15.0
LEASE_SECONDS = 60
CHORE = "chore"
AGAIN_SECONDS = 1.0
MOVED_SECONDS = 5.0
"""By how much the clock on the wall and the one that only counts differ between two looks when somebody moved it."""
SLACK = timedelta(seconds=60)
"""By how much the clocks of several hosts may differ."""
FAR = timedelta(days=36_500)
"""Whatever is due at all is due by then."""
RECALL_SECONDS = 3600.0
PAGE = 500

Work = Callable[[Record], Awaitable[None]]
"""Does one piece, and commits what comes of it: the record with another time, or its removal."""

Latest = Callable[[Record, datetime], datetime]
"""The latest time to which a clock that is right can have put that piece off by now, its lease left out of account."""


class Kind(NamedTuple):
    """How pieces of one kind are done: for how long one process has each, and how many at once."""

    name: str
    work: Work
    lease_seconds: float
    at_once: int
    latest: Latest


class Look(NamedTuple):
    """What both clocks said."""

    now: datetime
    ticks: float


class Background:
    """Does what is due in the store; ``clock`` gives aware UTC times, ``ticks`` seconds that nobody moves."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        *,
        ticks: Callable[[], float] = time.monotonic,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ticks = ticks
        self._poll_seconds = poll_seconds
        self._looked: Look | None = None
        self._moved_at = -math.inf
        self._recall_at: dict[str, float] = {}
        self._kinds: list[Kind] = []
        self._chores: list[tuple[str, float]] = []
        self._loops: list[asyncio.Task[None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._calls: dict[str, asyncio.Event] = {}

    def add(
        self,
        name: str,
        work: Work,
        *,
        lease_seconds: float = LEASE_SECONDS,
        at_once: int = 8,
        latest: Latest = lambda _, now: now,
    ) -> None:
        """Have records of that kind worked on, from ``start`` on."""
        self._kinds.append(Kind(name, work, lease_seconds, at_once, latest))
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
        self._recall_at[kind.name] = self._ticks() + kind.lease_seconds
        while True:
            called.clear()
            try:
                now, ticks = await self._look()
                held_back = ticks < self._moved_at + kind.lease_seconds
                if not held_back and ticks >= self._recall_at[kind.name]:
                    await self._recall(kind, now)
                    self._recall_at[kind.name] = ticks + RECALL_SECONDS
                free = 0 if held_back else kind.at_once - len(busy)
                for record in await self._store.load_due(kind.name, now, free):
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

    async def _look(self) -> Look:
        """What the clocks say; that the one on the wall was moved is noted, logged and told."""
        look, before = Look(self._clock(), self._ticks()), self._looked
        self._looked = look
        if before is None:
            return look
        seconds = (look.now - before.now).total_seconds() - (look.ticks - before.ticks)
        if abs(seconds) > MOVED_SECONDS:
            self._moved_at = look.ticks
            self._recall_at = dict.fromkeys(self._recall_at, look.ticks)
            logger().warning("clock_moved", seconds=round(seconds, 3))
            detail = {"seconds": f"{seconds:+.3f}", "why": "background work waits until nobody can still be at it"}
            await self._store.commit(Append(Event(at=look.now, kind="clock.moved", detail=detail)))
        return look

    async def _recall(self, kind: Kind, now: datetime) -> None:
        """Take back to now what a clock that was ahead has put off."""
        lease, after = timedelta(seconds=kind.lease_seconds), ""
        while page := await self._store.load_records(kind.name, after=after, limit=PAGE):
            after = page[-1].id
            for record in page:
                if record.due_at is not None and record.due_at > max(now + lease, kind.latest(record, now)) + SLACK:
                    with contextlib.suppress(Conflict):
                        await self._store.commit(PutRecord(replace(record, due_at=now)))

    async def _claim(self, kind: Kind, record: Record) -> Record | None:
        """The record in our hands for its lease, or None when somebody else was quicker."""
        ours = replace(record, due_at=self._clock() + timedelta(seconds=kind.lease_seconds))
        try:
            await self._store.commit(PutRecord(ours))
        except Conflict:
            return None
        return replace(ours, revision=ours.revision + 1)

    async def _release(self, record: Record) -> None:
        """Let it be taken up again soon if it is as it was claimed: others wrote what it is about, and not it."""
        now = await self._store.load_record(record.kind, record.id)
        if now is not None and now.due_at == record.due_at:
            due_at = self._clock() + timedelta(seconds=AGAIN_SECONDS)
            await self._store.commit(PutRecord(replace(now, due_at=due_at)))

    async def _do(self, kind: Kind, record: Record) -> None:
        try:
            try:
                await kind.work(record)
            except Conflict:
                await self._release(record)
                raise
        except (Unavailable, Conflict, NotFound) as error:
            # Somebody changed it meanwhile, or a part is away: the lease ends, and it is looked at again.
            logger().warning("work_left", kind=kind.name, id=record.id, why=str(error))
        except Exception:
            logger().exception("work_failed", kind=kind.name, id=record.id)
