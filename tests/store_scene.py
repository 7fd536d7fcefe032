"""A subscriber with two devices, for tests of stores."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from gateway.fleet.device import Content, Credential, Device, OmaDmState, Rcc14State
from gateway.fleet.operation import Operation
from gateway.fleet.subscriber import ServiceState, Subscriber
from gateway.store.protocol import (
    Household,
    PutDevice,
    PutSubscriber,
    SessionRecord,
    Store,
    TraceEntry,
)

OpenStore = Callable[[], Awaitable[Store]]


NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


LATER = NOW + timedelta(minutes=5)


MOMENT = timedelta(microseconds=1)


ALICE = Subscriber(
    id="alice",
    imsis=("262010000000001", "262010000000002"),
    msisdn="+4915100000001",
    plan="gold",
    groups=("beta", "früh"),
    attributes={"имя": "Алиса", "emoji": "📱"},
    overrides={"ims": {"Timer_T1": "2000"}},
    state=ServiceState.DORMANT,
)


PHONE = Device(
    id="alice.1",
    imei="490154203237518",
    model="A1Pro",
    omadm=OmaDmState(
        loc_uri="IMEI:490154203237518",
        client=Credential(name="phone", secret=b"\x00\xffsealed", nonce=b"\x01\x02"),
        roots={"urn:oma:mo:ext-3gpp-ims:1.0": "./IMS"},
        last_session_at=NOW,
    ),
)


TABLET = Device(
    id="alice.2",
    friendly_name="Küche",
    rcc14=Rcc14State(version=3, contents={"w": Content(3, b"\x00", "k")}, sent_at=NOW),
)


def session(payload: bytes, revision: int = 0, expires_at: datetime = LATER) -> SessionRecord:
    return SessionRecord(device_id="alice.1", payload=payload, expires_at=expires_at, revision=revision)


def operation(name: str, status: int | None = None) -> Operation:
    return Operation(id=name, verb="Get", uri=f"./DevInfo/{name}", status=status, created_at=NOW)


async def populate(store: Store) -> None:
    await store.commit(PutSubscriber(ALICE), PutDevice(PHONE), PutDevice(TABLET))


async def load_device(store: Store, device_id: str) -> Device | None:
    """That device, without its subscriber."""
    owned = await store.load_owned(device_id)
    return owned and owned.device


async def collect(store: Store, after: str = "") -> list[Household]:
    return [household async for household in store.scan_households(after)]


def exchange(owner: str, number: int, *, proven: bool = True) -> TraceEntry:
    return TraceEntry(
        owner=owner,
        at=NOW + MOMENT * number,
        protocol="omadm-wbxml",
        request=b"\x02\xff%d" % number,
        answer=b"\x00",
        decisions=("gesagt: ✓",),
        proven=proven,
    )


async def requests(store: Store, *owners: str, limit: int = 100) -> list[bytes]:
    return [entry.request for entry in await store.load_trace(owners, limit, NOW - MOMENT)]
