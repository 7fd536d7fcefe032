"""Work in the background over every store: done by one process at a time, and taken over from a dead one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from clocks import WallClock

from gateway.errors import Conflict, Unavailable
from gateway.outreach.background import AGAIN_SECONDS, LEASE_SECONDS, Background
from gateway.store.protocol import DeleteRecord, PutRecord, Record, Store

OpenStore = Callable[[], Awaitable[Store]]

START = datetime(2026, 3, 1, tzinfo=UTC)
COUNT = 30


class Processes(WallClock):
    """Several that share a store and the work in it; their clock stands unless it is moved."""

    def __init__(self, open_store: OpenStore) -> None:
        super().__init__(START)
        self.open_store = open_store
        self.running: list[Background] = []
        self.done: list[str] = []

    async def begin(self, work: Callable[[Store, Record], Awaitable[None]]) -> Background:
        """One more process, which works so."""
        store = await self.open_store()
        background = Background(store, lambda: self.now, ticks=self.ticks, poll_seconds=0.01)
        background.add("piece", lambda record: work(store, record))
        background.start()
        self.running.append(background)
        return background

    async def finish(self, store: Store, record: Record) -> None:
        """Do a piece for good."""
        await store.commit(DeleteRecord(record))
        self.done.append(record.id)


@pytest.fixture
async def processes(open_store: OpenStore) -> AsyncIterator[Processes]:
    one = Processes(open_store)
    yield one
    for background in one.running:
        await background.close()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.005)


def pieces(count: int) -> list[PutRecord]:
    return [PutRecord(Record(kind="piece", id=f"{n:02}", payload=b"", due_at=START)) for n in range(count)]


async def test_each_piece_is_done_once(processes: Processes) -> None:
    """However many processes look for it."""
    for _ in range(3):
        await processes.begin(processes.finish)
    store = await processes.open_store()
    await store.commit(*pieces(COUNT))
    await until(lambda: len(processes.done) >= COUNT)
    assert sorted(processes.done) == [f"{n:02}" for n in range(COUNT)]
    assert await store.count_waiting("piece") == 0


async def test_a_dead_process_s_piece_is_taken_over_after_the_lease(processes: Processes) -> None:
    """And not before, even when it is asked for."""
    store = await processes.open_store()
    begun = asyncio.Event()

    async def hang(_: Store, __: Record) -> None:
        begun.set()
        await asyncio.Event().wait()

    dead = await processes.begin(hang)
    await store.commit(*pieces(1))
    await asyncio.wait_for(begun.wait(), 30)
    await dead.close()
    heir = await processes.begin(processes.finish)
    processes.now = START + timedelta(seconds=LEASE_SECONDS - 1)
    heir.call("piece")
    assert await store.load_due("piece", processes.now, 10) == []
    assert processes.done == []
    processes.now = START + timedelta(seconds=LEASE_SECONDS)
    await until(lambda: processes.done == ["00"])


async def test_what_fails_holds_up_nobody_and_comes_again(processes: Processes) -> None:
    """Whatever the piece raises: the others go on, and it is tried anew after its lease."""
    failures = [RuntimeError("a bug"), Unavailable("away")]

    async def stumble(store: Store, record: Record) -> None:
        if record.id < "02" and failures:
            raise failures.pop()
        await processes.finish(store, record)

    await processes.begin(stumble)
    store = await processes.open_store()
    await store.commit(*pieces(5))
    await until(lambda: len(processes.done) == 3)
    assert sorted(processes.done) == ["02", "03", "04"]
    processes.now += timedelta(seconds=LEASE_SECONDS)
    await until(lambda: len(processes.done) == 5)


async def test_a_chore_is_done_by_one_again_and_again(open_store: OpenStore) -> None:
    """Each round of it, by whichever process comes first; a clock that was set back does no round twice."""
    now, rounds = START, 0

    async def sweep() -> None:
        nonlocal rounds
        rounds += 1

    running = []
    for _ in range(3):
        background = Background(await open_store(), lambda: now, ticks=lambda: now.timestamp(), poll_seconds=0.01)
        background.every(60, "sweep", sweep)
        background.start()
        running.append(background)
    store = await open_store()
    for expected in (1, 2):
        async with asyncio.timeout(30):
            while not await store.count_waiting("chore.sweep"):  # noqa: ASYNC110 - the store tells nobody
                await asyncio.sleep(0.005)
        now += timedelta(seconds=61)
        await until(lambda expected=expected: rounds >= expected)  # type: ignore[misc]
        now -= timedelta(seconds=30)
        await asyncio.sleep(0.05)
        now += timedelta(seconds=30)
        assert rounds == expected
    for background in running:
        await background.close()


@pytest.mark.parametrize("step", [timedelta(days=400), timedelta(days=-400)])
async def test_a_clock_that_is_moved_takes_nothing_out_of_anybody_s_hands(
    processes: Processes, step: timedelta
) -> None:
    """Whoever is at work comes to its end, however late the clock says it is; and it is told that it was moved."""
    goes_on, begun = asyncio.Event(), 0

    async def slow(store: Store, record: Record) -> None:
        nonlocal begun
        begun += 1
        await goes_on.wait()
        await processes.finish(store, record)

    await processes.begin(slow)
    other = await processes.begin(slow)
    store = await processes.open_store()
    await store.commit(*pieces(1))
    await until(lambda: begun == 1)
    processes.move(step)
    await processes.noticed(store, 2)
    processes.now += timedelta(seconds=LEASE_SECONDS - 1)
    other.call("piece")
    await store.commit(PutRecord(Record(kind="piece", id="99", payload=b"", due_at=processes.now)))
    await asyncio.sleep(0.05)
    assert begun == 1
    goes_on.set()
    await until(lambda: processes.done == ["00"])
    processes.now += timedelta(seconds=1)
    await until(lambda: processes.done == ["00", "99"])
    told = [(event.kind, event.detail["seconds"]) for event in await store.load_events()]
    assert told == [("clock.moved", f"{step.total_seconds():+.3f}")] * 2


@pytest.mark.parametrize("restarted", [False, True])
async def test_what_a_clock_that_was_ahead_put_off_is_done_when_it_is_right(
    processes: Processes, restarted: bool
) -> None:
    """A lease after the clock was set right, or after the start of a process that finds it so."""
    attempts = 0

    async def stumble(store: Store, record: Record) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise Unavailable("away")
        await processes.finish(store, record)

    processes.now += timedelta(days=400)
    process = await processes.begin(stumble)
    store = await processes.open_store()
    await store.commit(*pieces(1))
    await until(lambda: attempts == 1)
    if restarted:
        await process.close()
        processes.now -= timedelta(days=400)
        await processes.begin(stumble)
        await asyncio.sleep(0)  # it looks at the clock as soon as it has its turn
    else:
        processes.move(timedelta(days=-400))
        await processes.noticed(store)
    processes.now += timedelta(seconds=LEASE_SECONDS)
    await until(lambda: processes.done == ["00"])
    assert attempts == 2


async def test_what_lost_against_another_writer_comes_again_soon(processes: Processes) -> None:
    """It does not wait for the end of its lease."""
    attempts = 0

    async def lose(store: Store, record: Record) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise Conflict("the device called meanwhile")
        await processes.finish(store, record)

    await processes.begin(lose)
    store = await processes.open_store()
    await store.commit(*pieces(1))
    await until(lambda: attempts == 1)
    async with asyncio.timeout(30):
        while not await store.load_due("piece", processes.now + timedelta(seconds=AGAIN_SECONDS), 1):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    processes.now += timedelta(seconds=AGAIN_SECONDS)
    await until(lambda: processes.done == ["00"])
