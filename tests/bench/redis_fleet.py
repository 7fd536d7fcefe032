"""Fleets in Redis as real sessions leave them: the demo's two devices, provisioned through a gateway, copied under
other identities. Every second subscriber has an RCC.14 client, every other one an OMA DM phone.
"""

from __future__ import annotations

import asyncio
import functools
import random
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Literal, NamedTuple

import uvloop
from bench import many
from live_gateway import Gateway
from msgspec.structs import replace
from redis_servers import RedisServer

from gateway.fleet.device import Device
from gateway.fleet.mirror import Mirror
from gateway.fleet.subscriber import Subscriber
from gateway.store.protocol import PutDevice, PutMirror, PutSubscriber, Write
from gateway.store.redis.location import Location
from gateway.store.redis.store import RedisStore
from gateway.store.sqlite import SqliteStore

MOST_TREES = 50_000
"""Each takes the same, so no more of them are written."""
_BATCH = 200
_PROCESSES = 4
_PATIENCE_SECONDS = 60

Part = Literal["clients", "phones", "trees"]
PARTS: tuple[Part, ...] = ("clients", "phones", "trees")
"""What a fleet is made of, in the order in which it is written: the reported trees of the phones last."""


class Pattern(NamedTuple):
    """A subscriber, an RCC.14 client and an OMA DM phone, both up to date, and what the phone reported.

    ``key`` is what their gateway seals secrets with, as its file has it.
    """

    subscriber: Subscriber
    client: Device
    phone: Device
    mirror: Mirror
    key: bytes


Records = tuple[Subscriber, Device]


class Written(NamedTuple):
    """So many records of a part, the octets of memory that each took, and the seconds."""

    count: int
    octets: float
    seconds: float


def pattern() -> Pattern:
    """As sessions of the demo's phone and client leave it."""
    with tempfile.TemporaryDirectory(prefix="mogate-bench-") as folder:
        gateway = Gateway(Path(folder))
        gateway.run("init", "--demo")
        gateway.start()
        try:
            for protocol in ("omadm", "omadm", "rcc14", "rcc14"):
                gateway.run("simulate", protocol)
        finally:
            gateway.stop()
        return asyncio.run(_load(Path(folder) / "data"))


def has_client(n: int) -> bool:
    """Whether subscriber ``n`` has a client, or else a phone. Both come with each plan."""
    return n // 2 % 2 == 0


def write(server: RedisServer, like: Pattern, size: int, known: Mapping[int, Records]) -> dict[Part, Written]:
    """Write a fleet into an empty server, from several processes, through the store, in an order of chance.

    Those who are ``known`` have these records, and the others are like the pattern.
    """
    found: dict[Part, Written] = {}
    with ProcessPoolExecutor(_PROCESSES, mp_context=get_context("spawn")) as pool:
        for part in PARTS:
            numbers = [n for n in range(size) if has_client(n) == (part == "clients")]
            random.shuffle(numbers)  # or the first would lie together
            if part == "trees":
                numbers = numbers[:MOST_TREES]
            before, began = server.used_bytes(), time.perf_counter()
            shares = [numbers[first::_PROCESSES] for first in range(_PROCESSES)]
            theirs = [{n: known[n] for n in share if n in known} for share in shares]
            list(pool.map(functools.partial(_write_share, server.url, like, part), shares, theirs))
            octets = (server.used_bytes() - before) / len(numbers)
            found[part] = Written(len(numbers), round(octets), round(time.perf_counter() - began, 1))
            print(f"{size:,} {part}: {found[part]}", file=sys.stderr, flush=True)
    return found


def household_writes(like: Pattern, part: Part, n: int) -> list[Write]:
    """The writes that make this part of subscriber ``n``."""
    if part == "trees":
        return [PutMirror(replace(like.mirror, device_id=f"{many.id_of(n)}.1", revision=0))]
    return puts(records_of(like, n, client=part == "clients"))


def records_of(like: Pattern, n: int, *, client: bool) -> Records:
    """Subscriber ``n`` with a client or a phone like the pattern's."""
    return many.as_subscriber(like.subscriber, n), many.as_device(like.client if client else like.phone, n)


def puts(records: Records) -> list[Write]:
    """The writes that put a household where there is none."""
    subscriber, device = records
    return [PutSubscriber(replace(subscriber, revision=0)), PutDevice(replace(device, revision=0))]


def _write_share(url: str, like: Pattern, part: Part, numbers: Sequence[int], known: Mapping[int, Records]) -> None:
    def writes(n: int) -> list[Write]:
        return puts(known[n]) if part != "trees" and n in known else household_writes(like, part, n)

    async def run() -> None:
        servers = Location.parse(url).connect(timeout_seconds=_PATIENCE_SECONDS)
        store, now = await RedisStore.open(servers), datetime.now(UTC)
        for first in range(0, len(numbers), _BATCH):
            some = numbers[first : first + _BATCH]
            await store.commit(*(one for n in some for one in writes(n)))
            if part != "trees":
                for n in some:
                    store.touch(f"{many.id_of(n)}.1", now - many.seen_ago(n))
        await store.close()

    uvloop.run(run())


async def _load(data: Path) -> Pattern:
    store = SqliteStore.open(data / "mogate.db")
    household = await store.load_household("id", "alice")
    assert household is not None
    phone = next(device for device in household.devices if device.omadm is not None)
    client = next(device for device in household.devices if device.rcc14 is not None)
    mirror = await store.load_mirror(phone.id)
    await store.close()
    return Pattern(household.subscriber, client, phone, mirror, (data / "seal.key").read_bytes())
