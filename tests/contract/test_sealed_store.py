"""Secrets in a store: sealed in it, in clear for the gateway."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from gateway.errors import ConfigError
from gateway.fleet.device import Credential, Device, OmaDmState
from gateway.fleet.mirror import Mirror, Read
from gateway.fleet.operation import Operation
from gateway.fleet.search import Search
from gateway.fleet.subscriber import Subscriber
from gateway.outreach.members import WORK
from gateway.sealing import Sealer
from gateway.store.protocol import (
    PutDevice,
    PutMirror,
    PutOperation,
    PutRecord,
    PutSubscriber,
    Record,
    Store,
)
from gateway.store.sealed import SealedStore

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SECRET = "s3cr3t-0f-alice"
DEVICE = Device(
    id="alice.1",
    overrides={"RCS": {"A/Before": "1", "A/ftHTTPCSPwd": SECRET, "Z/After": "2"}},
    omadm=OmaDmState(loc_uri="IMEI:1", client=Credential(name="alice", secret=b"")),
)
ALICE = Subscriber(
    id="alice",
    imsis=("001010000000001",),
    attributes={"colour": "red", "office_psk": SECRET},
    overrides={"RCS": {"MsgStoreUserPwd": SECRET}},
)
OPERATIONS = (
    Operation(id="1", verb="Add", uri="./Wifi/Key", value=SECRET, created_at=NOW),
    Operation(id="2", verb="Atomic", members=(Operation(id="", verb="Replace", uri="./A", value=SECRET),)),
    Operation(id="3", verb="Get", uri="./A", results=(("./A", SECRET),), status=200),
    Operation(id="4", verb="Alert", answers=(SECRET,), status=200),
    Operation(id="5", verb="Exec", uri="./A"),
)
MIRROR = Mirror(device_id="alice.1").read(
    [Read("./A/Before", value="1"), Read("./A/AAuthSecret", value=SECRET), Read("./Z", value="2")], NOW
)
CAMPAIGN = (
    Record(kind=WORK, id="c1", payload=SECRET.encode(), due_at=NOW),
    Record(kind=f"{WORK}.c1", id="00000000", payload=SECRET.encode()),
)
WRITES = (
    PutSubscriber(ALICE),
    PutDevice(DEVICE),
    PutMirror(MIRROR),
    *(PutOperation("alice.1", one) for one in OPERATIONS),
    *map(PutRecord, CAMPAIGN),
)


async def everything(store: Store) -> dict[str, Any]:
    """All that was written, by each way there is to it."""
    return {
        "household": await store.load_household("id", "alice"),
        "contact": await store.load_contact("IMEI:1", NOW),
        "owned": await store.load_owned("alice.1"),
        "mirror": await store.load_mirror("alice.1"),
        "pending": list(await store.load_operations("alice.1")),
        "operations": list(await store.load_operations("alice.1", pending_only=False)),
        "record": await store.load_record(WORK, "c1"),
        "records": list(await store.load_records(f"{WORK}.c1")),
        "due": list(await store.load_due(WORK, NOW + timedelta(seconds=1), 10)),
        "walk": [one async for one in store.scan_households()],
        "search": [one async for one in store.search(Search())],
    }


def has_secret(found: Any) -> bool:
    return SECRET.encode() in msgspec.msgpack.encode(found)


async def test_what_is_stored_has_no_secret_and_what_is_loaded_has_all(store: Store) -> None:
    """Each in its place and order, by every way that leads to it; what is no secret can be read in the store."""
    sealed = SealedStore(store, Sealer(bytes(32)))
    await sealed.commit(*WRITES)
    loaded = await everything(sealed)
    assert {name for name, one in (await everything(store)).items() if has_secret(one)} == set()
    device, subscriber = replace(DEVICE, revision=1), replace(ALICE, revision=1)
    household = (subscriber, (device,))
    assert loaded["household"] == household
    assert list(loaded["household"].devices[0].overrides["RCS"]) == list(DEVICE.overrides["RCS"])
    assert (loaded["walk"], loaded["search"]) == ([household], [household])
    assert loaded["contact"][:2] == (subscriber, device)
    assert loaded["owned"] == (subscriber, device)
    assert loaded["mirror"] == replace(MIRROR, revision=1)
    assert list(loaded["mirror"].facts) == list(MIRROR.facts)
    assert loaded["operations"] == list(OPERATIONS)
    assert list(loaded["contact"].operations) == loaded["pending"] == [one for one in OPERATIONS if one.status is None]
    assert [loaded["record"], *loaded["records"]] == [replace(one, revision=1) for one in CAMPAIGN]
    assert loaded["due"] == [replace(CAMPAIGN[0], revision=1)]
    stored = await store.load_mirror("alice.1")
    assert (stored.facts["./A/Before"].read, stored.facts["./A/AAuthSecret"].read_at) == ("1", NOW)
    assert (await store.load_operations("alice.1"))[0].uri == "./Wifi/Key"


async def test_what_was_stored_in_clear_before_is_read_and_then_sealed(store: Store) -> None:
    """A gateway begins on the store of one that sealed less."""
    await store.commit(*WRITES)
    sealed = SealedStore(store, Sealer(bytes(32)))
    owned = await sealed.load_owned("alice.1")
    assert owned == (replace(ALICE, revision=1), replace(DEVICE, revision=1))
    await sealed.commit(PutDevice(owned.device))
    stored = await store.load_owned("alice.1")
    assert stored is not None
    assert not has_secret(stored.device)


async def test_what_is_sealed_already_is_stored_as_it_comes(store: Store) -> None:
    """So a copy of a store can be taken without its key, and put back."""
    sealed = SealedStore(store, Sealer(bytes(32)))
    await sealed.commit(*WRITES)
    copied = await store.load_mirror("alice.1")
    record = await store.load_record(WORK, "c1")
    assert record is not None
    await sealed.commit(PutMirror(copied), PutRecord(record))
    assert (await sealed.load_mirror("alice.1")).facts == MIRROR.facts
    assert await sealed.load_record(WORK, "c1") == replace(CAMPAIGN[0], revision=2)


async def test_a_secret_opens_in_its_own_place_and_with_its_own_key_alone(store: Store) -> None:
    """Not as another device's, nor for a gateway of another key."""
    sealer = Sealer(bytes(32))
    await SealedStore(store, sealer).commit(*WRITES)
    with pytest.raises(ConfigError, match="does not open"):
        await SealedStore(store, Sealer(bytes([1] * 32))).load_owned("alice.1")
    taken = await store.load_mirror("alice.1")
    other = replace(DEVICE, id="alice.2", omadm=None)
    await store.commit(PutDevice(other), PutMirror(replace(taken, device_id="alice.2", revision=0)))
    with pytest.raises(ConfigError, match="does not open"):
        await SealedStore(store, sealer).load_mirror("alice.2")
