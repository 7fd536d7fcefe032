"""``python tests/bench/outreach.py``: how quickly pushes are handed over, and what a campaign costs those who call.

Pushes go over SQLite to an SMSC in a process of its own, first by the bare client, then as orders that are kept.
A campaign changes a value of so many phones and RCC.14 clients, all of which call again and again, in their order,
until the campaign is over. They are asked the same before it, for the waiting time to compare with.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import sqlite3
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any, cast

import smpp34
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

import smsc
from bench.client import Conversation, Fixed, Lane
from bench.fleet import VALUES, WBXML, Client, DmSession, Fleet, Query
from bench.process import cpu_seconds, on_server_core, resident_bytes
from live_gateway import Gateway, free_ports

from adapters.sms.bearer.smpp import SmppBearer
from gateway.fleet.push import PreparedPush
from gateway.fleet.subscriber import Subscriber
from gateway.outreach.background import Background
from gateway.outreach.deliveries import Reach
from gateway.sealing import Sealer
from gateway.settings import SmppLink, Sms
from gateway.store.protocol import PutSubscriber
from gateway.store.sqlite import SqliteStore

DEVICES = 100_000
PUSHES = 2000
QUICK_DEVICES = 200
QUICK_PUSHES = 300
WINDOW = 64
ROUNDS = 3
CONNECTIONS = 8
IDLE_REQUESTS = 1000
POLL_SECONDS = 0.5
PATIENCE_SECONDS = 180
DEVICES_PER_SECOND = 10
"""A campaign that is slower than this, after so long, does not end."""
MESSAGE = bytes.fromhex("0605040B8423F0") + bytes(120)
"""A user data header for the port of OMA DM notifications, and as much as one message may well have."""


def measure(devices: int, pushes: int) -> dict[str, Any]:
    """The figures of both."""
    with smsc.serving(port := free_ports(1)[0]), tempfile.TemporaryDirectory(prefix="mogate-bench-") as folder:
        pushed = uvloop.run(push(Path(folder), port, pushes))
    with tempfile.TemporaryDirectory(prefix="mogate-bench-") as folder:
        gateway, cores = Gateway(Path(folder)), os.sched_getaffinity(0)
        gateway.environment |= {"MOGATE_TRACE__MODE": "failed", "MOGATE_LOAD__MAX_LAG_SECONDS": "60"}
        gateway.run("init", "--demo")
        with on_server_core():
            gateway.start()
        try:
            changed = uvloop.run(campaign(gateway, devices // 2))
        finally:
            gateway.stop()
            os.sched_setaffinity(0, cores)
    return {"pushes": pushed, "campaign": changed}


async def push(folder: Path, port: int, count: int) -> dict[str, Any]:
    """Pushes of one message a second, by the bare client and by the gateway's own way, in turns."""
    link = SmppLink.model_validate(
        {"name": "bench", "address": f"127.0.0.1:{port}", "system_id": "bench", "password": "pw", "window": WINDOW}
    )
    client = smpp34.Client("127.0.0.1", port, "bare", "pw", window_size=WINDOW)
    bound = await client.connect()
    store, sealer = SqliteStore.open(folder / "store.sqlite"), Sealer(bytes(32))
    bearer = SmppBearer([link], sender="")
    background = Background(store, clock)
    reach = Reach(store, bearer, sealer, Sms(receipts=False), background, clock)
    people = [Subscriber(id=f"s{n}", msisdn=f"+1555{n:07}") for n in range(count)]
    await asyncio.gather(*(store.commit(PutSubscriber(one)) for one in people))
    bearer.start()
    await reach.order("s0", PreparedPush("warm up", {}, "", b"", b"", (MESSAGE,)), "cp")
    await reach.settled()
    bare, ours = [], []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        turns = asyncio.Semaphore(WINDOW)

        async def submit(subscriber: Subscriber, turns: asyncio.Semaphore = turns) -> None:
            async with turns:
                await bound.submit_sm(subscriber.msisdn[1:], MESSAGE, esm_class=0x40, data_coding=4)

        await asyncio.gather(*map(submit, people))
        bare.append(count / (time.perf_counter() - started))
        started = time.perf_counter()
        prepared = PreparedPush("OMA DM notification", {}, "", b"", b"", (MESSAGE,))
        await asyncio.gather(*(reach.order(one.id, prepared, "dm_notify") for one in people))
        await reach.settled()
        ours.append(count / (time.perf_counter() - started))
    assert await store.count_waiting("push") == 0
    await reach.close()
    await bearer.close()
    await bound.unbind()
    await store.close()
    return {
        "count": count,
        "bare_per_second": round(statistics.median(bare)),
        "kept_per_second": round(statistics.median(ours)),
        "ratio": round(statistics.median(mine / theirs for mine, theirs in zip(ours, bare, strict=True)), 3),
    }


async def campaign(gateway: Gateway, subscribers: int) -> dict[str, Any]:
    """A campaign for all devices of so many subscribers, which call meanwhile. Raises: TimeoutError."""
    assert gateway.process is not None
    pid, data = gateway.process.pid, gateway.folder / "data"
    plain, tls = await _lanes(gateway)
    fleet = Fleet(subscribers, 0, await Lane.open(gateway.ports["admin"], CONNECTIONS), gateway.token)
    await fleet.create()
    await fleet.provision(plain, tls)
    plain.take_latencies(), tls.take_latencies()
    calls = {plain: cycle(fleet.phones), tls: cycle(fleet.clients)}
    for lane, devices in calls.items():
        await lane.run(
            _call(device) for device, _ in zip(devices, range(min(IDLE_REQUESTS, subscribers)), strict=False)
        )
    before = {lane: lane.take_latencies() for lane in calls}
    octets, memory, cpu = _octets_on_disk(data), resident_bytes(pid), cpu_seconds(pid)
    started = time.perf_counter()
    order = {
        "name": "bench", "target": {"match": {"tac": ["35000001", "35000002"]}}, "values": {VALUES[0]: "2600"},
        "rate_per_minute": 600_000, "groups": [{"percent": 1}, {"percent": 100}],
    }  # fmt: skip
    made = await asyncio.to_thread(gateway.api, "POST", "/campaigns", order)
    over, largest, begun_seconds = asyncio.Event(), memory, math.nan

    def until_over(devices: Iterator[Any]) -> Iterator[Conversation]:
        while not over.is_set():
            yield _call(next(devices))

    async def watch() -> dict[str, Any]:
        nonlocal largest, begun_seconds
        while True:
            await asyncio.sleep(POLL_SECONDS)
            found = cast("dict[str, Any]", await asyncio.to_thread(gateway.api, "GET", f"/campaigns/{made['id']}"))
            largest = max(largest, resident_bytes(pid))
            waiting = sum(one["pending"] for one in found["groups"])
            if math.isnan(begun_seconds) and found["state"] != "building" and not waiting:
                begun_seconds = time.perf_counter() - started
            if found["state"] not in ("building", "running"):
                over.set()
                return found
            if time.perf_counter() - started > PATIENCE_SECONDS + found["total"] / DEVICES_PER_SECOND:
                raise TimeoutError(f"the campaign does not end: {found}")

    found, *counts = await asyncio.gather(watch(), *(lane.run(until_over(devices)) for lane, devices in calls.items()))
    seconds = time.perf_counter() - started
    assert found["state"] == "finished", found
    return {
        "devices": found["total"],
        "all_begun_seconds": round(begun_seconds, 1),
        "all_have_it_seconds": round(seconds, 1),
        "cpu_seconds": round(cpu_seconds(pid) - cpu, 1),
        "requests_meanwhile": sum(cast("list[int]", counts)),
        "p99_ms": {
            name: {"before": _p99(before[lane]), "meanwhile": _p99(lane.take_latencies())}
            for name, lane in (("omadm", plain), ("rcc14", tls))
        },
        "mib_before": round(memory / 2**20, 1),
        "mib_most": round(largest / 2**20, 1),
        "store_mib": round(_octets_on_disk(data) / 2**20, 1),
        "store_octets_more_a_device": round((_octets_on_disk(data) - octets) / found["total"]),
    }


async def _lanes(gateway: Gateway) -> tuple[Lane, Lane]:
    context = ssl.create_default_context(cafile=str(gateway.folder / "data" / "tls" / "ca.pem"))
    context.check_hostname = False
    plain = await Lane.open(gateway.ports["plain"], CONNECTIONS)
    return plain, await Lane.open(gateway.ports["tls"], CONNECTIONS, context)


def _call(device: Any) -> Conversation:
    """What the device says when it calls, whatever it is given."""
    if isinstance(device, Client):
        return Fixed(Query(device, document=True).first())
    return DmSession(device, WBXML, None)


def _p99(seconds: Sequence[float]) -> float:
    return round(sorted(seconds)[len(seconds) * 99 // 100] * 1000, 1)


def _octets_on_disk(data: Path) -> int:
    with closing(sqlite3.connect(data / "mogate.db", timeout=30)) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    return sum(file.stat().st_size for file in data.glob("mogate.db"))


def clock() -> datetime:
    """The time."""
    return datetime.now(UTC)


def table(figures: dict[str, Any]) -> str:
    """The figures for people."""
    pushes, changed = figures["pushes"], figures["campaign"]
    waits = {name: f"{one['before']} / {one['meanwhile']} ms" for name, one in changed["p99_ms"].items()}
    seconds = f"{changed['all_begun_seconds']} / {changed['all_have_it_seconds']}"
    store = f"{changed['store_mib']} MiB, {changed['store_octets_more_a_device']:,}"
    rows = [
        ("pushes a second, the bare SMPP client", f"{pushes['bare_per_second']:,}"),
        ("pushes a second, kept, sent and noted", f"{pushes['kept_per_second']:,}"),
        ("ratio", f"{pushes['ratio']:.3f}"),
        ("campaign: devices", f"{changed['devices']:,}"),
        ("seconds until all are begun with / have it", seconds),
        ("requests of devices meanwhile", f"{changed['requests_meanwhile']:,}"),
        ("OMA DM, 99th percentile before / meanwhile", waits["omadm"]),
        ("RCC.14, 99th percentile before / meanwhile", waits["rcc14"]),
        ("memory before / at most", f"{changed['mib_before']} / {changed['mib_most']} MiB"),
        ("store, and octets more for each device", store),
    ]
    return "\n".join(f"{name:<46}{value:>24}" for name, value in rows)


def main() -> None:
    """Measure, print the table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=DEVICES, help="devices of the campaign; filling takes minutes")
    parser.add_argument("--pushes", type=int, default=PUSHES)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_DEVICES} devices, {QUICK_PUSHES} pushes")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    sizes = (QUICK_DEVICES, QUICK_PUSHES) if arguments.quick else (arguments.devices, arguments.pushes)
    figures = measure(*sizes)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")
    print(table(figures))


if __name__ == "__main__":
    main()
