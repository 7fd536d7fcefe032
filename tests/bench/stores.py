"""``python tests/bench/stores.py``: what an OMA DM message costs a store, and what it sends to Redis.

The load and the commit of one message of a session, over SQLite and Redis in turn; then the same over Redis from two
processes at once; and one command, through the store's connection and through redis-py's own client and pool. CPU is
that of the client process alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import uvloop
from msgspec.structs import replace
from redis.asyncio import Redis

sys.path.insert(0, str(Path(__file__).parents[1]))

import redis_servers

from gateway.fleet.device import Credential, Device, OmaDmState
from gateway.fleet.subscriber import Subscriber
from gateway.store.protocol import PutDevice, PutSession, PutSubscriber, SessionRecord, Store, Write
from gateway.store.redis.link import Link
from gateway.store.redis.location import Location
from gateway.store.redis.servers import Errand
from gateway.store.redis.store import RedisStore
from gateway.store.sqlite import SqliteStore

DEVICES = 500
CONCURRENT = 64
PAYLOAD_BYTES = 1200


class Pace(NamedTuple):
    """Messages, and the seconds and CPU seconds they took."""

    messages: int
    seconds: float
    cpu_seconds: float


async def prepare(store: Store, prefix: str) -> None:
    """Subscribers with a phone each."""
    for n in range(0, DEVICES, 50):
        writes: list[Write] = []
        for name in (f"{prefix}{one}" for one in range(n, n + 50)):
            account = OmaDmState(loc_uri=f"IMEI:{name}", client=Credential(name=name, secret=os.urandom(52)))
            writes += [PutSubscriber(Subscriber(id=name)), PutDevice(Device(id=f"{name}.1", omadm=account))]
        await store.commit(*writes)


async def converse(store: Store, prefix: str, messages: int) -> Pace:
    """So many messages of many devices at once: load the contact, commit the session."""
    numbers = iter(range(messages))
    payload = os.urandom(PAYLOAD_BYTES)

    async def caller(first: int) -> None:
        for count, _ in enumerate(numbers):
            # Each caller has devices of its own, as no device sends two messages at once.
            uri = f"IMEI:{prefix}{(first + CONCURRENT * count) % (DEVICES - DEVICES % CONCURRENT)}"
            now = datetime.now(UTC)
            contact = await store.load_contact(uri, now)
            assert contact is not None
            session = contact.session or SessionRecord(device_id=contact.device.id, payload=b"", expires_at=now)
            fresh = replace(session, payload=payload, expires_at=now + timedelta(minutes=15))
            await store.commit(PutSession(fresh, now))

    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller(n) for n in range(CONCURRENT)))
    return Pace(messages, time.perf_counter() - started, time.process_time() - cpu)


async def traffic(link: Link) -> tuple[int, int, int]:
    """Commands sent so far, and octets to and from the server."""
    stats = dict(line.split(":", 1) for line in (await link.request(("INFO", "stats"))).decode().split() if ":" in line)
    return link.requests, int(stats["total_net_input_bytes"]), int(stats["total_net_output_bytes"])


async def price_of_commands(url: str, rounds: int) -> dict[str, float]:
    """Client CPU µs per GET, of many coroutines at once: the best round of each way."""
    servers, client = Location.parse(url).connect(), Redis.from_url(url)
    await client.set("a", os.urandom(300))
    ways: dict[str, Callable[[], Awaitable[object]]] = {
        "the store's connection": lambda: servers.run([Errand("a", ("GET", "a"))]),
        "redis-py's client and pool": lambda: client.get("a"),
    }
    each = 100

    async def caller(get: Callable[[], Awaitable[object]]) -> None:
        for _ in range(each):
            await get()

    best: dict[str, float] = {}
    for _ in range(rounds):
        for name, get in ways.items():
            cpu = time.process_time()
            await asyncio.gather(*(caller(get) for _ in range(CONCURRENT)))
            spent = 1e6 * (time.process_time() - cpu) / (CONCURRENT * each)
            best[name] = round(min(best.get(name, spent), spent), 1)
    await servers.close()
    await client.aclose()
    return best


def converse_elsewhere(url: str, namespace: str, prefix: str, messages: int) -> Pace:
    """The same in a process of its own."""

    async def run() -> Pace:
        store = await RedisStore.open(Location.parse(url).connect(), namespace=namespace)
        await prepare(store, prefix)
        pace = await converse(store, prefix, messages)
        await store.close()
        return pace

    return uvloop.run(run())


async def compare(url: str, messages: int, rounds: int) -> dict[str, Any]:
    """Both stores in turn, best round of each; and what went to Redis."""
    best: dict[str, Pace] = {}
    with tempfile.TemporaryDirectory(prefix="mogate-bench-") as folder:
        sqlite = SqliteStore.open(Path(folder) / "store.sqlite")
        servers = Location.parse(url).connect()
        redis = await RedisStore.open(servers, namespace=f"{uuid.uuid4().hex}:")
        stores: dict[str, Store] = {"sqlite": sqlite, "redis": redis}
        (link,) = await servers.links()
        for store in stores.values():
            await prepare(store, "d")
            await converse(store, "d", messages // 4)
        before = await traffic(link)
        for _ in range(rounds):
            for name, store in stores.items():
                pace = await converse(store, "d", messages)
                if name not in best or pace.cpu_seconds < best[name].cpu_seconds:
                    best[name] = pace
        spent = [after - one for after, one in zip(await traffic(link), before, strict=True)]
        for store in stores.values():
            await store.close()
    total = messages * rounds
    return {
        "client CPU µs per message": {
            name: round(1e6 * one.cpu_seconds / one.messages, 1) for name, one in best.items()
        },
        "messages per second": {name: round(one.messages / one.seconds) for name, one in best.items()},
        "redis : sqlite, messages per second": round(
            (best["redis"].messages / best["redis"].seconds) / (best["sqlite"].messages / best["sqlite"].seconds), 2
        ),
        "Redis commands per message": round(spent[0] / total, 2),
        "octets to Redis per message": round(spent[1] / total),
        "octets from Redis per message": round(spent[2] / total),
    }


def two_processes(url: str, messages: int) -> dict[str, float]:
    """Messages per second of one process and of two at once."""
    namespace = f"{uuid.uuid4().hex}:"
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        alone = pool.submit(converse_elsewhere, url, namespace, "a", messages).result()
        both = [pool.submit(converse_elsewhere, url, namespace, prefix, messages) for prefix in "bc"]
        paces = [one.result() for one in both]
    one = alone.messages / alone.seconds
    two = sum(pace.messages for pace in paces) / max(pace.seconds for pace in paces)
    return {"1 process": round(one), "2 processes": round(two), "2 : 1": round(two / one, 2)}


def measure(messages: int, rounds: int) -> dict[str, Any]:
    """All figures, over a Redis of their own."""
    server = redis_servers.RedisServer("appendonly yes", "appendfsync everysec", 'save ""').start()
    found = uvloop.run(compare(server.url, messages, rounds))
    found["client CPU µs per command"] = uvloop.run(price_of_commands(server.url, rounds))
    found["messages per second by processes"] = two_processes(server.url, messages)
    server.kill()
    return found


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.messages, arguments.rounds), indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
