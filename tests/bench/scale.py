"""``python tests/bench/scale.py``: does a message cost more in a large fleet, and for how long is a fail-over felt?

Redis servers with fleets of several sizes are asked in turns: load and commit of an OMA DM message, of devices all over
the fleet, with the CPU of the worker and of the server. Then a primary is killed under a gateway with two workers, by
Sentinel and in a Cluster, while devices call every 20 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import uvloop
from msgspec.structs import replace

sys.path.insert(0, str(Path(__file__).parents[1]))

import redis_servers
from bench.process import cpu_seconds
from fault_scene import QUERY
from live_gateway import Gateway

from gateway.fleet.device import Credential, Device, OmaDmState
from gateway.fleet.subscriber import Subscriber
from gateway.store.protocol import PutDevice, PutSession, PutSubscriber, SessionRecord, Write
from gateway.store.redis.location import Location
from gateway.store.redis.store import RedisStore

SIZES = (10_000, 100_000)
MILLION = 1_000_000
_BATCH = 200
_CONCURRENT = 64
_PAYLOAD = bytes(range(256)) * 5


async def fill(store: RedisStore, size: int) -> None:
    """So many subscribers with a phone each."""
    for first in range(0, size, _BATCH):
        writes: list[Write] = []
        for n in range(first, min(first + _BATCH, size)):
            account = OmaDmState(loc_uri=f"IMEI:{n}", client=Credential(name=f"{n}", secret=bytes(52)))
            subscriber = Subscriber(id=f"s{n:07}", imsis=(f"{1010000000000 + n:015}",), msisdn=f"+1555{n:08}")
            phone = Device(id=f"s{n:07}.1", imei=f"{350000000000000 + n}", model=f"M{n % 50}", omadm=account)
            writes += [PutSubscriber(subscriber), PutDevice(phone)]
        await store.commit(*writes)


async def converse(store: RedisStore, size: int, messages: int) -> None:
    """So many messages of devices all over the fleet: load the contact, commit the session, note that it was seen."""
    numbers = iter(random.sample(range(size), messages))

    async def caller() -> None:
        for n in numbers:
            now = datetime.now(UTC)
            contact = await store.load_contact(f"IMEI:{n}", now)
            assert contact is not None
            session = contact.session or SessionRecord(device_id=contact.device.id, payload=b"", expires_at=now)
            await store.commit(
                PutSession(replace(session, payload=_PAYLOAD, expires_at=now + timedelta(minutes=15)), now)
            )
            store.touch(contact.device.id, now)

    await asyncio.gather(*(caller() for _ in range(_CONCURRENT)))


async def by_size(sizes: Sequence[int], messages: int, rounds: int) -> dict[str, Any]:
    """Microseconds of CPU for a message in fleets of these sizes, in turns; and seconds to fill one."""
    found: dict[int, dict[str, Any]] = {}
    servers = {
        size: redis_servers.RedisServer("appendonly yes", "appendfsync everysec", 'save ""').start() for size in sizes
    }
    stores = {}
    for size, server in servers.items():
        stores[size] = await RedisStore.open(Location.parse(server.url).connect())
        began = time.perf_counter()
        await fill(stores[size], size)
        found[size] = {"filled_seconds": round(time.perf_counter() - began, 1), "worker_us": [], "redis_us": []}
    for number in range(rounds + 1):
        for size, store in stores.items():
            process = servers[size].process
            assert process is not None
            before = time.process_time(), cpu_seconds(process.pid)
            await converse(store, size, messages)
            await asyncio.sleep(1.1)  # until it is written that they were seen
            if number:  # the first round warms up
                found[size]["worker_us"].append((time.process_time() - before[0]) / messages * 1e6)
                found[size]["redis_us"].append((cpu_seconds(process.pid) - before[1]) / messages * 1e6)
    for size, store in stores.items():
        await store.close()
        found[size]["octets_per_device"] = round(servers[size].used_bytes() / size)
        servers[size].kill()
        for name in ("worker_us", "redis_us"):
            found[size][name] = round(statistics.median(found[size][name]), 1)
    first = found[sizes[0]]
    for one in found.values():
        one["ratio"] = round((one["worker_us"] + one["redis_us"]) / (first["worker_us"] + first["redis_us"]), 2)
    return {str(size): one for size, one in found.items()}


async def fail_over(url: str, kill: Callable[[], object], replicas: int) -> dict[str, Any]:
    """For how long devices were not served after the kill, and what they got meanwhile."""
    with tempfile.TemporaryDirectory(prefix="mogate-bench-") as folder:
        gateway = Gateway(Path(folder))
        gateway.environment |= {
            "MOGATE_STORE__URL": url, "MOGATE_STORE__DURABILITY": "second", "MOGATE_STORE__REPLICAS": str(replicas),
        }  # fmt: skip
        await asyncio.to_thread(gateway.run, "init", "--demo")
        await asyncio.to_thread(gateway.start, "--workers", "2")
        seen: list[tuple[float, int]] = []

        async def call() -> None:
            async with aiohttp.ClientSession(headers={"X-MSISDN": "+15550100001"}) as http:
                while True:
                    try:
                        async with http.get(gateway.url("plain", "/"), params=QUERY) as answer:
                            seen.append((time.perf_counter(), answer.status))
                    except aiohttp.ClientError:
                        seen.append((time.perf_counter(), 0))
                    await asyncio.sleep(0.02)

        calls = [asyncio.create_task(call()) for _ in range(4)]
        await asyncio.sleep(2)
        killed_at = time.perf_counter()
        await asyncio.to_thread(kill)
        while not (refused := [at for at, status in seen if at > killed_at and status != 200]) or not [
            at for at, status in seen if status == 200 and at > refused[-1] + 2
        ]:
            assert time.perf_counter() < killed_at + 60, "no fail-over"
            await asyncio.sleep(0.1)
        for one in calls:
            one.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await asyncio.to_thread(gateway.stop)
        served = next(at for at, status in seen if status == 200 and at > refused[-1])
        statuses = sorted({status for at, status in seen if at > killed_at})
        return {"seconds": round(served - killed_at, 1), "statuses": statuses}


async def fail_overs() -> dict[str, Any]:
    """By Sentinel (down after 0.7 s without an answer) and in a Cluster (1.5 s)."""
    watched, cluster = redis_servers.start_watched(), redis_servers.start_cluster()
    try:
        return {
            "sentinel": await fail_over(watched.url, lambda: watched.primary().kill(), replicas=1),
            "cluster": await fail_over(cluster.url, lambda: cluster.primaries()[0].kill(), replicas=0),
        }
    finally:
        for one in (*watched.servers, *watched.sentinels, *cluster.nodes):
            one.kill()


def measure(sizes: Sequence[int], messages: int = 2000, rounds: int = 5) -> dict[str, Any]:
    """All figures."""
    return {"sizes": uvloop.run(by_size(sizes, messages, rounds)), "fail_over": asyncio.run(fail_overs())}


def table(figures: dict[str, Any]) -> str:
    """The figures as rows of tables."""
    rows = [
        "| devices on Redis | worker µs | Redis µs | of the smallest | octets per device |",
        "|---|---|---|---|---|",
    ]
    for size, one in figures["sizes"].items():
        rows.append(
            f"| {int(size):,} | {one['worker_us']} | {one['redis_us']} | {one['ratio']} | {one['octets_per_device']} |"
        )
    told = (f"{name} {one['seconds']} s (answers {one['statuses']})" for name, one in figures["fail_over"].items())
    return "\n".join([*rows, "", f"fail-over, until all devices are served again: {', '.join(told)}"])


def main() -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="DEVICES")
    parser.add_argument("--million", action="store_true", help="a fleet of a million too; takes minutes")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    figures = measure((*arguments.sizes, MILLION) if arguments.million else arguments.sizes, rounds=arguments.rounds)
    print(table(figures))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
