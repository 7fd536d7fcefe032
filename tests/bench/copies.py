"""A large fleet without its first contacts: some households are real, the others are written as those stand.

A handful is enrolled over the admin API and provisioned over the devices' own protocols. Every other household is a
copy of one of them in the store, in which each text that is the one's own (ids, numbers, what is derived from them) is
the other's. A copied phone has an account of its own and a copied client a token of its own, so each is served as if it
had come by itself; what it lacks is the history: events, traces, a question that stands answered.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
from bench.fleet import Client, Phone, subscriber_of
from msgspec.structs import replace

from adapters.rcc14.identity.token import token_of
from gateway.accounts import seal_login
from gateway.fleet.account import Login
from gateway.fleet.device import Device
from gateway.fleet.mirror import Mirror, Read
from gateway.fleet.subscriber import Subscriber
from gateway.fleet.variables import variables_of
from gateway.sealing import Sealer
from gateway.service import describe_device
from gateway.store.protocol import PutDevice, PutMirror, PutSubscriber, Write
from gateway.store.sqlite import SqliteStore

PLMNS = ("00101",)
_BATCH = 200
_CLIENT, _SERVER = "client password", "server password"

T = TypeVar("T", Subscriber, Device, Mirror)


class Original(NamedTuple):
    """A household that came by itself: its number, its records, and what its phone and client keep."""

    number: int
    subscriber: Subscriber
    devices: tuple[Device, ...]
    mirrors: tuple[Mirror, ...]
    phone: Phone
    client: Client


async def copy(data: Path, phones: list[Phone], clients: list[Client], size: int) -> None:
    """Fill the store, which no gateway has open, up to so many households, and the lists with their devices."""
    store, sealer = SqliteStore.open(data / "mogate.db"), Sealer.load(data / "seal.key")
    originals = [await _original(store, *pair) for pair in zip(phones, clients, strict=True)]
    token_key, now = sealer.derive("rcc14-token"), datetime.now(UTC)
    writes: list[Write] = []
    for number in range(len(originals), size):
        one = originals[number % len(originals)]
        phone, client = Phone(number), Client(number)
        pairs = list(_pairs(one, number))
        writes.append(PutSubscriber(replace(_copied(one.subscriber, pairs), revision=0)))
        for device, mirror in zip(one.devices, one.mirrors, strict=True):
            copied = replace(_copied(device, pairs), revision=0)
            if copied.omadm is not None:
                copied = with_account(copied, phone, sealer)
            elif copied.rcc14 is not None:
                client.token = token_of(copied.id, copied.rcc14.token_serial, token_key)
                client.version = one.client.version
            writes.append(PutDevice(copied))
            if mirror.revision:
                writes.append(PutMirror(replace(_copied(mirror, pairs), revision=0)))
            store.touch(copied.id, now)
        phones.append(phone)
        clients.append(client)
        if len(phones) % _BATCH == 0:
            await store.commit(*writes)
            writes.clear()
    await store.commit(*writes)
    await store.close()


async def _original(store: SqliteStore, phone: Phone, client: Client) -> Original:
    household = await store.load_household("id", subscriber_of(phone.number))
    assert household is not None
    mirrors = tuple([await store.load_mirror(device.id) for device in household.devices])
    return Original(phone.number, *household, mirrors, phone, client)


def _pairs(one: Original, number: int) -> Iterator[tuple[bytes, bytes]]:
    """Texts of the original, and what the copy has in the place of each; the longest first."""
    fresh = Client(number)
    mine = replace(one.subscriber, id=subscriber_of(number), imsis=(fresh.imsi,), msisdn=fresh.msisdn)
    found = {one.subscriber.id: mine.id, one.subscriber.imsi: mine.imsi, one.subscriber.msisdn: mine.msisdn}
    for device in one.devices:
        imei = Phone.imei_of(number) if device.omadm else fresh.imei
        other = replace(device, id=f"{mine.id}.{device.id.rpartition('.')[2]}", imei=imei)
        found[device.imei] = imei
        texts = variables_of(one.subscriber, device, PLMNS)
        others = variables_of(mine, other, PLMNS)
        found |= {text: others[name] for name, text in texts.items()}
    for former, text in sorted(found.items(), key=lambda pair: -len(pair[0])):
        if former != text:
            assert len(former) == len(text), (former, text)
            yield former.encode(), text.encode()


def _copied(record: T, pairs: list[tuple[bytes, bytes]]) -> T:
    octets = msgspec.msgpack.encode(record)
    for former, text in pairs:
        octets = octets.replace(former, text)
    return msgspec.msgpack.decode(octets, type=type(record))


def with_account(device: Device, phone: Phone, sealer: Sealer) -> Device:
    """The device with an account of its own, which the phone is given; the nonces are those it has."""
    state = device.omadm
    assert state is not None
    assert state.server is not None
    name = phone.loc_uri
    client, server = seal_login(sealer, Login(name, _CLIENT)), seal_login(sealer, Login(state.server.name, _SERVER))
    phone.take_account(
        {"device_id": device.id, "client_name": name, "client_password": _CLIENT, "server_name": state.server.name}
        | {"server_password": _SERVER}
    )
    phone.nonce = state.client.nonce
    state = replace(
        state,
        client=replace(state.client, name=name, secret=client.secret),
        server=replace(state.server, secret=server.secret),
        described=b"",
    )
    # It was met before, as its original was: what it says of itself is nothing new.
    return describe_device(
        replace(device, omadm=state), [Read(uri=uri, value=text) for uri, text in phone.about.items()]
    )
