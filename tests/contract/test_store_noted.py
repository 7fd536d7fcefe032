"""What every store promises of touches and traces, and of all that ends by itself."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from msgspec.structs import replace
from store_scene import ALICE, LATER, MOMENT, NOW, PHONE, OpenStore, exchange, populate, requests, session

from gateway.errors import Conflict
from gateway.fleet.device import Device
from gateway.store.protocol import (
    AHEAD,
    ClaimEphemeral,
    DeleteDevice,
    DeleteSubscriber,
    PutDevice,
    PutEphemeral,
    PutSession,
    PutSubscriber,
    SessionRecord,
    Store,
    TakeEphemeral,
)


async def test_an_ephemeral_value_lives_until_its_end(store: Store) -> None:
    """It can be loaded and taken before its end and not at it; a later value takes its place."""
    await store.commit(PutEphemeral("k", b"old", NOW), PutEphemeral("k", b"\x00new", LATER))
    assert await store.load_ephemeral("k", LATER - MOMENT) == b"\x00new"
    assert await store.load_ephemeral("k", LATER) is None
    assert await store.load_ephemeral("K", NOW) is None
    with pytest.raises(Conflict):
        await store.commit(TakeEphemeral("k", LATER))
    await store.commit(TakeEphemeral("k", LATER - MOMENT))
    assert await store.load_ephemeral("k", NOW) is None


async def test_a_place_is_claimed_once(open_store: OpenStore) -> None:
    """Of many who claim a key at once, through several connections, one gets it, until its end."""
    stores = [await open_store() for _ in range(2)]
    claim = ClaimEphemeral("place", b"mine", LATER, NOW)
    outcomes = await asyncio.gather(
        *(store.commit(claim) for _ in range(8) for store in stores), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes if outcome is not None] == [Conflict] * 15
    await stores[0].commit(ClaimEphemeral("place", b"theirs", LATER + MOMENT, LATER))
    assert await stores[1].load_ephemeral("place", LATER) == b"theirs"


async def test_an_ephemeral_value_is_taken_once(open_store: OpenStore) -> None:
    """Of many takes at the same moment, through two handles, exactly one wins."""
    stores = [await open_store(), await open_store()]
    await stores[0].commit(PutEphemeral("otp", b"123456", LATER))
    outcomes = await asyncio.gather(
        *(store.commit(TakeEphemeral("otp", NOW)) for _ in range(8) for store in stores), return_exceptions=True
    )
    assert [outcome for outcome in outcomes if not isinstance(outcome, Conflict)] == [None]


async def test_expire_drops_what_ended_and_nothing_else(store: Store) -> None:
    """Sessions and values that ended by ``now`` go, more than one batch of them, and are counted once."""
    await populate(store)
    await store.commit(
        *(PutEphemeral(f"old-{n}", b"", NOW) for n in range(1201)),
        PutEphemeral("live", b"1", NOW + MOMENT),
        PutSession(session(b"", expires_at=NOW), NOW - MOMENT),
        PutSession(SessionRecord(device_id="alice.2", payload=b"", expires_at=NOW + MOMENT), NOW),
    )
    assert await store.expire(NOW) == 1202
    assert await store.expire(NOW) == 0
    assert await store.load_ephemeral("live", NOW) == b"1"
    assert await store.expire(NOW + MOMENT) == 2


async def test_last_seen_is_the_newest_touch(open_store: OpenStore) -> None:
    """A touch counts at once in its own handle, an older one changes nothing, and close keeps it for others."""
    first = await open_store()
    await populate(first)
    first.touch("alice.1", NOW)
    first.touch("alice.1", NOW - MOMENT)
    first.touch("alice.9", NOW)
    assert await first.load_last_seen(["alice.1", "alice.2", "alice.9"]) == {"alice.1": NOW}
    await first.close()
    second = await open_store()
    assert await second.load_last_seen(["alice.1", "alice.2"]) == {"alice.1": NOW}
    second.touch("alice.1", NOW - MOMENT)
    assert await second.load_last_seen(["alice.1"]) == {"alice.1": NOW}
    await second.close()
    third = await open_store()
    assert await third.load_last_seen(["alice.1"] * 2) == {"alice.1": NOW}
    third.touch("alice.1", LATER)
    await third.close()
    assert await (await open_store()).load_last_seen(["alice.1"]) == {"alice.1": LATER}


async def test_a_touch_of_a_clock_that_was_ahead_gives_way(open_store: OpenStore) -> None:
    """When the clock is right again, so is what it notes."""
    for at in (NOW + AHEAD + MOMENT, NOW):
        store = await open_store()
        if at != NOW:
            await populate(store)
        store.touch("alice.1", at)
        await store.close()
    assert await (await open_store()).load_last_seen(["alice.1"]) == {"alice.1": NOW}


async def test_traces_come_back_newest_last(store: Store, open_store: OpenStore) -> None:
    """What was noted is seen at once here and after a close elsewhere; owners are told apart, ``limit`` bounds."""
    for number in range(4):
        store.trace(exchange("alice.1", number), LATER, 10)
        store.trace(exchange("alice", number + 10), LATER, 10)
    found = await store.load_trace(["alice.1"], 3, NOW)
    assert [replace(entry, seq=0) for entry in found] == [exchange("alice.1", number) for number in (1, 2, 3)]
    assert all(one.seq < other.seq for one, other in itertools.pairwise(found))
    assert await requests(store, "alice.1", "alice", limit=3) == [b"\x02\xff12", b"\x02\xff3", b"\x02\xff13"]
    assert await requests(store, "bob.1") == []
    store.trace(exchange("alice.1", 4), LATER, 10)
    await store.close()
    assert len(await requests(await open_store(), "alice.1")) == 5


async def test_a_trace_is_found_while_it_is_being_written(store: Store) -> None:
    """Whoever asks in the very moment in which noted exchanges are written waits for that."""
    store.trace(exchange("alice.1", 1), LATER, 10)
    loads = (store.load_trace(["alice.1"], 5, NOW) for _ in range(2))
    assert [len(found) for found in await asyncio.gather(*loads)] == [1, 1]
    store.trace(exchange("alice.1", 2), LATER, 10)
    assert await asyncio.gather(store.load_traced_owners(5), store.load_traced_owners(5)) == [["alice.1"], ["alice.1"]]


async def test_who_was_traced_last_comes_first(store: Store) -> None:
    """Each once, those just noted and those of before, as many as are asked for."""
    for number, owner in enumerate(["alice.1", "bob", "alice.1", "carol.1"]):
        store.trace(exchange(owner, number), LATER, 10)
    assert await store.load_traced_owners(10) == ["carol.1", "alice.1", "bob"]
    store.trace(exchange("bob", 5), LATER, 10)
    assert await store.load_traced_owners(2) == ["bob", "carol.1"]


async def test_strangers_push_no_trace_out(store: Store) -> None:
    """The newest of each owner stay, counted apart for those who proved who they are and those who did not."""
    for number in range(5):
        store.trace(exchange("alice.1", number), LATER, 3)
    for number in range(5, 30):
        store.trace(exchange("alice.1", number, proven=False), LATER, 2)
    store.trace(exchange("alice.2", 30), LATER, 3)
    assert await requests(store, "alice.1") == [b"\x02\xff%d" % number for number in (2, 3, 4, 28, 29)]


async def test_traces_end_with_their_time_and_their_owner(store: Store) -> None:
    """Expired traces are dropped; those of a device or subscriber go with it, and other owners' stay."""
    await store.commit(PutSubscriber(ALICE), PutDevice(PHONE), PutDevice(Device(id="alice.2")))
    for owner in ("alice", "alice.1", "alice.2", "alice-2.1", "alice2"):
        store.trace(exchange(owner, 1), LATER, 10)
    store.trace(exchange("alice.1", 0), NOW, 10)
    assert len(await store.load_trace(["alice.1"], 10, NOW - MOMENT)) == 2
    assert len(await store.load_trace(["alice.1"], 10, NOW)) == 1
    assert await store.expire(NOW) == 0
    store.trace(exchange("alice.1", 2), LATER, 10)
    await store.commit(DeleteDevice("alice.1"))
    assert await requests(store, "alice.1") == []
    await store.commit(DeleteSubscriber("alice"))
    assert await requests(store, "alice", "alice.2") == []
    assert len(await requests(store, "alice-2.1", "alice2")) == 2
