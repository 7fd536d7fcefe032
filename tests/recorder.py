"""Writers that remember what was acknowledged to them, and compare it with what is there in the end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

from msgspec.structs import replace

from gateway.errors import Conflict, Unavailable
from gateway.fleet.subscriber import Subscriber
from gateway.store.protocol import Append, Event, PutEphemeral, PutSubscriber, Store

DEADLINE_SECONDS = 30

Answer = TypeVar("Answer")


async def until(condition: Callable[[], object]) -> None:
    """Returns when the condition holds.

    Raises: TimeoutError.
    """
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)


async def insist(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """The answer, asked for again where the store refuses for now, as devices and operators do that get 503.

    On a busy machine a server may be silent for longer than the store waits, and Sentinels may replace it for that,
    when nothing is broken any more.

    Raises: TimeoutError.
    """
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            try:
                return await ask()
            except Unavailable:
                await asyncio.sleep(0.05)


class Recorder:
    """Each of several writers counts up in a subscriber of its own, with an event and an ephemeral value per step.

    A step that was refused may have been taken, for good or on a primary that is cut off and will be told to forget
    it: it counts for nothing until a later one is acknowledged. A ``far`` store is on the other side of a partition
    that will come: its writer stops at the first refusal, and the last step is looked for from here.
    """

    def __init__(self, stores: Sequence[Store], writers: int = 8, far: Store | None = None) -> None:
        self.acknowledged = 0
        self.refusals: list[Unavailable] = []
        self._stores = stores
        self._writers = {f"writer-{n}": stores[n % len(stores)] for n in range(writers)}
        self._far = {"far-writer": far} if far is not None else {}
        self._steps = dict.fromkeys((*self._writers, *self._far), 0)  # acknowledged
        self._tried = dict(self._steps)
        # Steps that happened although they were refused: their commit was cut off after it was decided, or its answer.
        self._unsure: dict[str, set[int]] = {name: set() for name in self._steps}
        self._stop = asyncio.Event()

    async def start(self) -> None:
        """Begin to write."""
        await insist(self._begin)
        self._tasks = [asyncio.create_task(self._write(*one)) for one in (self._writers | self._far).items()]

    async def write_more(self, count: int = 100) -> None:
        """Returns when so many more writes were acknowledged.

        Raises: TimeoutError; what a writer ended with.
        """
        wanted = self.acknowledged + count
        await until(lambda: self.acknowledged >= wanted or any(map(_failed, self._tasks)))
        for task in filter(_failed, self._tasks):
            await task

    async def finish(self) -> None:
        """Stop writing, and find every acknowledged step, each once, and none that was not asked for."""
        self._stop.set()
        await asyncio.gather(*self._tasks)
        store = self._stores[0]
        for name, step in self._steps.items():
            household = await insist(partial(store.load_household, "id", name))
            assert household is not None, name
            found = int(household.subscriber.attributes.get("step", "0"))
            assert step <= found <= self._tried[name], f"{name}: {step} was acknowledged, not {found}"
            written = Counter(range(1, found + 1))
            lost = written - await self._logged(name)
            assert set(lost) <= self._unsure[name], f"{name}: {lost} were acknowledged"
            # What was cut off after it was decided is finished by housekeeping, as after a crash.
            async with asyncio.timeout(DEADLINE_SECONDS):
                while lost:
                    await insist(lambda: store.expire(datetime.now(UTC)))
                    await asyncio.sleep(0.2)
                    lost = written - await self._logged(name)
            assert await self._logged(name) == written, name
            if found:
                ask = partial(store.load_ephemeral, f"{name}-{found}", datetime.now(UTC))
                assert await insist(ask) == b"%d" % found

    async def _begin(self) -> None:
        """Have the subscribers there, all of whom or none a commit that was refused may have made."""
        if await self._stores[0].load_household("id", next(iter(self._steps))) is None:
            await self._stores[0].commit(*(PutSubscriber(Subscriber(id=name)) for name in self._steps))

    async def _logged(self, name: str) -> Counter[int]:
        events = await insist(partial(self._stores[0].load_events, subscriber_id=name, limit=1_000_000))
        return Counter(int(event.kind) for event in events)

    async def _write(self, name: str, store: Store) -> None:
        while not self._stop.is_set():
            step = self._steps[name]
            try:
                household = await store.load_household("id", name)
                assert household is not None, name
                found = int(household.subscriber.attributes.get("step", "0"))
                # A write that was not acknowledged may have happened, but no acknowledged one may be gone.
                assert step <= found <= self._tried[name], f"{name}: {step} was acknowledged, {found} is there"
                self._unsure[name].update(range(step + 1, found + 1))
                step = found
                self._tried[name] = max(self._tried[name], step + 1)
                now = datetime.now(UTC)
                await store.commit(
                    PutSubscriber(replace(household.subscriber, attributes={"step": f"{step + 1}"})),
                    Append(Event(at=now, kind=f"{step + 1}", subscriber_id=name)),
                    PutEphemeral(f"{name}-{step + 1}", b"%d" % (step + 1), now + timedelta(hours=1)),
                )
                self._steps[name] = step + 1
                self._unsure[name].discard(step + 1)
                self.acknowledged += 1
            except Unavailable as error:
                self.refusals.append(error)
                if name in self._far:
                    return
                await asyncio.sleep(0.05)
            except Conflict:
                # The answer to the last write was lost, and it happens only now.
                await asyncio.sleep(0.01)


def _failed(task: asyncio.Task[None]) -> bool:
    return task.done() and task.exception() is not None
