"""Waiting for somebody: bounded in number and time, and known to each process."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.awaited import MAX_AWAITED, Awaiting
from gateway.errors import ConfigError, NotFound, TooMany
from gateway.fleet.awaited import Claims
from gateway.fleet.device import Device
from gateway.fleet.subscriber import Subscriber
from gateway.settings import Trace
from gateway.store.protocol import PutDevice, PutSubscriber, TraceEntry
from gateway.store.sqlite import SqliteStore
from gateway.trace import Tracer

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
IMSI = "001010000000009"


class House:
    """One store, and what a process has over it; ``now`` is the clock of all."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.now = NOW

    def process(self, **settings: object) -> tuple[Awaiting, Tracer]:
        tracer = Tracer(self.store, Trace.model_validate({"keep_messages": 4} | settings))
        return Awaiting(self.store, tracer, lambda: self.now), tracer

    async def kept(self, owner: str) -> list[int]:
        """The sizes of what was kept under that name."""
        return [len(entry.request) for entry in await self.store.load_trace([owner], 100, self.now)]

    def say(self, tracer: Tracer, claims: Claims, size: int, *, proven: bool = False) -> None:
        def entry(owner: str) -> TraceEntry:
            return TraceEntry(owner=owner, at=self.now, protocol="p", request=b"x" * size, proven=proven)

        tracer.note_awaited(self.now, size, claims, entry, proven=proven)


@pytest.fixture
def house(store: SqliteStore) -> House:
    return House(store)


async def test_a_stranger_is_kept_in_every_process(house: House) -> None:
    """Also where another process was told to wait; others are not kept, and no more than half of keep_messages."""
    (here, _), (there, tracer) = house.process(), house.process()
    wait = await here.begin("imsi", IMSI, 60, "user:eve")
    await there.refresh()
    for size in (1, 2, 3):
        house.say(tracer, Claims(imsi=IMSI), size)
        house.say(tracer, Claims(imsi="001010000000008"), 99)
    assert await house.kept(wait.owner) == [2, 3]
    await there.end(wait.id)
    house.say(tracer, Claims(imsi=IMSI), 4)
    assert await house.kept(wait.owner) == [2, 3]
    with pytest.raises(NotFound):
        await here.find(wait.id)


async def test_it_ends_by_itself(house: House) -> None:
    """After its minutes nothing is kept, even before the process has looked; then the record is gone."""
    awaiting, tracer = house.process()
    wait = await awaiting.begin("imsi", IMSI, 60, "user:eve")
    house.now += timedelta(minutes=60)
    house.say(tracer, Claims(imsi=IMSI), 1)
    assert await house.kept(wait.owner) == []
    assert await awaiting.list() == []
    await awaiting.refresh()
    assert tracer.awaited == ()
    with pytest.raises(NotFound):
        await awaiting.find(wait.id)


async def test_only_so_many_are_waited_for(house: House) -> None:
    """One more is refused until one has ended; where nothing is traced at all, nobody is waited for."""
    awaiting, _ = house.process()
    waits = [await awaiting.begin("imsi", f"0010100000000{number:02}", 60, "") for number in range(MAX_AWAITED)]
    with pytest.raises(TooMany):
        await awaiting.begin("imsi", IMSI, 60, "")
    await awaiting.end(waits[0].id)
    await awaiting.begin("imsi", IMSI, 60, "")
    with pytest.raises(ConfigError, match=r"trace\.mode"):
        await house.process(mode="off")[0].begin("imsi", IMSI, 60, "")


async def test_who_becomes_known_meanwhile_is_kept_by_that(house: House) -> None:
    """Over OMA DM a phone does not say which SIM is in it: its device does, from the next look on."""
    awaiting, tracer = house.process()
    wait = await awaiting.begin("imsi", IMSI, 60, "")
    house.say(tracer, Claims(owner="ann.1"), 1, proven=True)
    await house.store.commit(PutSubscriber(Subscriber(id="ann", imsis=(IMSI,))), PutDevice(Device(id="ann.1")))
    await awaiting.refresh()
    house.say(tracer, Claims(owner="ann.1"), 2, proven=True)
    assert await house.kept(wait.owner) == [2]
