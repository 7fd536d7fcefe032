"""What a campaign over a large fleet costs, and what those wait who call meanwhile.

Half of the fleet are phones, half RCC.14 clients, one of each for a subscriber. They do as real ones: a device calls
some seconds after it was pushed, which is seen in the file of the laboratory's bearer, and all the while others call by
themselves at a steady rate, counted from when each was to. Those calls are made before the campaign too, by devices
that must turn out to lack nothing, for their waiting to be compared with.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import sqlite3
import ssl
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Coroutine, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple, cast

from bench import copies
from bench.client import Conversation, Lane, TurnedAway
from bench.fleet import VALUES, WBXML, Client, DmSession, Fleet, Phone, Query
from bench.process import cpu_seconds, own_bytes, resident_bytes
from live_gateway import Gateway

ORIGINALS = 10
CALLS_PER_SECOND = 20.0
BEFORE_SECONDS = 20.0
CONNECTIONS = 48
ANSWERED_WITHIN_SECONDS = 5.0
"""So long, at most, a device takes from its push to its call."""
RETRY_AFTER_SECONDS = 5.0
"""When a device that was answered 503 comes again."""
PUSHES_SEEN_SECONDS = 0.2
LOOK_SECONDS = 2.0
PATIENCE_SECONDS = 300
RCC14_PORT = 37273


class Lanes(NamedTuple):
    """Connections for phones, which come in the clear, and for clients."""

    plain: Lane
    tls: Lane

    @classmethod
    async def open(cls, gateway: Gateway, count: int) -> Lanes:
        context = ssl.create_default_context(cafile=str(gateway.folder / "data" / "tls" / "ca.pem"))
        context.check_hostname = False
        plain = await Lane.open(gateway.ports["plain"], count)
        return cls(plain, await Lane.open(gateway.ports["tls"], count, context))

    def take_p99(self) -> dict[str, float]:
        """The 99th percentile of what devices waited since this was asked last, in milliseconds."""
        return {"omadm": _p99(self.plain.take_latencies()), "rcc14": _p99(self.tls.take_latencies())}


class Callers:
    """The devices of the fleet, each of which calls once at a time."""

    def __init__(self, phones: Sequence[Phone], clients: Sequence[Client]) -> None:
        self.phones = phones
        self.clients = clients
        self.requests = self.turned_away = 0
        self._busy: defaultdict[Phone | Client, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._calls: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None

    async def go_on(self, lanes: Lanes, per_second: float, over: asyncio.Event, *, lacking: bool) -> None:
        """Have one after the other call by itself until it is over. Unless ``lacking`` none may be given anything.

        Raises: UnexpectedAnswer.
        """
        chance, due_at = random.Random(1), time.perf_counter()
        while not over.is_set():
            due_at += chance.expovariate(per_second)
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), max(0.0, due_at - time.perf_counter()))
            device: Phone | Client = chance.choice(chance.choice((self.phones, self.clients)))
            if not self._busy[device].locked():
                self._begin(self._call(lanes, device, due_at, lacking=lacking))
        await self.done()

    async def answer_pushes(self, lanes: Lanes, file: Path, over: asyncio.Event) -> int:
        """Have each device call some time after it was pushed; returns how many pushes there were.

        Raises: UnexpectedAnswer.
        """
        chance, place, pushes, rest = random.Random(2), 0, 0, b""
        while not over.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), PUSHES_SEEN_SECONDS)
            place, fresh = _added(file, place)
            *lines, rest = (rest + fresh).split(b"\n")
            for line in lines:
                push = json.loads(line)
                number = int(push["to"][-7:])
                device = (self.clients if push["port"] == RCC14_PORT else self.phones)[number]
                due_at = time.perf_counter() + chance.uniform(0, ANSWERED_WITHIN_SECONDS)
                self._begin(self._call(lanes, device, due_at, lacking=True))
                pushes += 1
        await self.done()
        return pushes

    async def done(self) -> None:
        """Wait for all who call. Raises: UnexpectedAnswer."""
        while self._calls:
            await asyncio.wait(list(self._calls))
        if self._failure is not None:
            raise self._failure

    async def _call(self, lanes: Lanes, device: Phone | Client, due_at: float, *, lacking: bool) -> None:
        await asyncio.sleep(max(0.0, due_at - time.perf_counter()))
        async with self._busy[device]:
            while True:
                try:
                    self.requests += await self._talk(lanes, device, due_at, lacking=lacking)
                    return
                except TurnedAway:
                    self.turned_away += 1
                await asyncio.sleep(RETRY_AFTER_SECONDS)
                due_at = time.perf_counter()

    async def _talk(self, lanes: Lanes, device: Phone | Client, due_at: float, *, lacking: bool) -> int:
        if isinstance(device, Phone):
            session: Conversation = DmSession(device, WBXML, None if lacking else 0)
            return await lanes.plain.hold(session, due_at)
        return await lanes.tls.hold(Query(device, document=None if lacking else False), due_at)

    def _begin(self, call: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(call)
        self._calls.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        self._failure = self._failure or (None if task.cancelled() else task.exception())


async def fill(gateway: Gateway, subscribers: int) -> tuple[list[Phone], list[Client]]:
    """The devices of so many subscribers, provisioned: a handful by themselves, the others as copies of those."""
    gateway.start()
    lanes, admin = await Lanes.open(gateway, 4), await Lane.open(gateway.ports["admin"], 4)
    fleet = Fleet(min(ORIGINALS, subscribers), 0, admin, gateway.token)
    await fleet.create()
    await fleet.provision(*lanes)
    for _ in range(2):  # The second question is one that stands answered.
        await lanes.tls.run(Query(client, document=False) for client in fleet.clients)
    await lanes.plain.run(DmSession(phone, WBXML, 0) for phone in fleet.phones)
    for lane in (*lanes, admin):
        lane.close()
    await asyncio.to_thread(gateway.stop)
    await copies.copy(gateway.folder / "data", fleet.phones, fleet.clients, subscribers)
    return fleet.phones, fleet.clients


async def run(gateway: Gateway, devices: int, per_second: float) -> dict[str, Any]:
    """The figures of a campaign over so many devices, of which it begins with so many a second.

    Raises: TimeoutError when it does not end.
    """
    gateway.environment |= {
        "MOGATE_TRACE__MODE": "failed",
        "MOGATE_LOAD__MAX_LAG_SECONDS": "60",
        "MOGATE_REACH__PER_SECOND": str(2 * per_second),
    }
    gateway.run("init", "--demo")
    begun_at = time.perf_counter()
    callers = Callers(*await fill(gateway, devices // 2))
    filled_seconds = time.perf_counter() - begun_at
    gateway.start()
    try:
        return {"filled_seconds": round(filled_seconds)} | await _change(gateway, callers, devices, per_second)
    finally:
        gateway.stop()


async def _change(gateway: Gateway, callers: Callers, devices: int, per_second: float) -> dict[str, Any]:
    assert gateway.process is not None
    pid, data = gateway.process.pid, gateway.folder / "data"
    themselves, pushed = await Lanes.open(gateway, CONNECTIONS), await Lanes.open(gateway, CONNECTIONS)
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(BEFORE_SECONDS, over.set)
    cpu = cpu_seconds(pid)
    await callers.go_on(themselves, CALLS_PER_SECOND, over, lacking=False)
    before, idle_cpu = themselves.take_p99(), (cpu_seconds(pid) - cpu) / BEFORE_SECONDS
    octets, memory, cpu, callers.requests = _octets_on_disk(data), own_bytes(pid), cpu_seconds(pid), 0
    over.clear()
    started = time.perf_counter()
    order = {
        "name": "bench", "target": {"match": {"tac": ["35000001", "35000002"]}}, "values": {VALUES[0]: "2600"},
        "rate_per_minute": 60 * per_second, "groups": [{"percent": 1}, {"percent": 100}],
    }  # fmt: skip
    made = await asyncio.to_thread(gateway.api, "POST", "/campaigns", order)
    largest, marks, progress = memory, Counter[str](), list[dict[str, Any]]()

    async def watch() -> dict[str, Any]:
        nonlocal largest
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            found = cast("dict[str, Any]", await asyncio.to_thread(gateway.api, "GET", f"/campaigns/{made['id']}"))
            seconds, largest = time.perf_counter() - started, max(largest, own_bytes(pid))
            counts = {name: sum(one[name] for one in found["groups"]) for name in ("pending", "started", "ok")}
            if seconds > PATIENCE_SECONDS + 10 * devices / per_second:
                raise TimeoutError(f"the campaign does not end: {found}")
            if found["state"] == "building":
                continue
            marks["found"] = marks["found"] or round(seconds)
            if not counts["pending"]:
                marks["begun"] = marks["begun"] or round(seconds)
            begun = found["total"] - counts["pending"]
            if not progress or begun >= progress[-1]["begun"] + devices / 20:
                progress.append(
                    {
                        "seconds": round(seconds),
                        "begun": begun,
                        "ok": counts["ok"],
                        "cpu": round(cpu_seconds(pid) - cpu),
                    }
                )
                print(f"campaign: {progress[-1]}", file=sys.stderr, flush=True)
            if found["state"] != "running":
                return found

    async def until_over() -> dict[str, Any]:
        try:
            return await watch()
        finally:
            over.set()

    found, _, pushes = await asyncio.gather(
        until_over(),
        callers.go_on(themselves, CALLS_PER_SECOND, over, lacking=True),
        callers.answer_pushes(pushed, data / "sms.jsonl", over),
    )
    seconds = time.perf_counter() - started
    assert found["state"] == "finished", found
    states = {name: sum(one[name] for one in found["groups"]) for name in ("ok", "failed", "skipped")}
    used = cpu_seconds(pid) - cpu
    return {
        "devices": found["total"],
        "states": states,
        "begun_per_second": per_second,
        "found_seconds": marks["found"],
        "all_begun_seconds": marks["begun"],
        "all_have_it_seconds": round(seconds),
        "cpu_seconds": round(used),
        "cpu_ms_a_device": round((used - idle_cpu * seconds) * 1000 / found["total"], 2),
        "pushes": pushes,
        "requests_meanwhile": callers.requests,
        "turned_away": callers.turned_away,
        "calls_per_second": CALLS_PER_SECOND,
        "p99_ms": {
            name: {"before": before[name], "meanwhile": meanwhile, "pushed": after}
            for (name, meanwhile), after in zip(
                themselves.take_p99().items(), pushed.take_p99().values(), strict=True
            )
        },
        "mib_before": round(memory / 2**20),
        "mib_most": round(largest / 2**20),
        "mib_resident": round(resident_bytes(pid) / 2**20),
        "store_mib_before": round(octets / 2**20),
        "store_mib": round(_octets_on_disk(data) / 2**20),
        "store_octets_more_a_device": round((_octets_on_disk(data) - octets) / found["total"]),
        "progress": progress,
    }  # fmt: skip


def _p99(seconds: Sequence[float]) -> float:
    return round(sorted(seconds)[len(seconds) * 99 // 100] * 1000, 1) if seconds else math.nan


def _added(file: Path, place: int) -> tuple[int, bytes]:
    """How far the file goes now, and what is in it from that place on."""
    if not file.exists():
        return place, b""
    with file.open("rb") as opened:
        opened.seek(place)
        fresh = opened.read()
    return place + len(fresh), fresh


def _octets_on_disk(data: Path) -> int:
    with closing(sqlite3.connect(data / "mogate.db", timeout=30)) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    return (data / "mogate.db").stat().st_size


def rows(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """The figures for people."""
    waits = {
        name: f"{one['before']} / {one['meanwhile']} / {one['pushed']} ms" for name, one in figures["p99_ms"].items()
    }
    seconds = " / ".join(str(figures[f"{name}_seconds"]) for name in ("found", "all_begun", "all_have_it"))
    cpu = f"{figures['cpu_seconds']} s, {figures['cpu_ms_a_device']} ms"
    store = f"{figures['store_mib']} MiB, {figures['store_octets_more_a_device']:,}"
    return [
        ("campaign: devices, and begun with a second", f"{figures['devices']:,}, {figures['begun_per_second']:g}"),
        ("seconds until all are found / begun with / have it", seconds),
        ("pushes; requests of devices meanwhile", f"{figures['pushes']:,}; {figures['requests_meanwhile']:,}"),
        ("CPU of the gateway, and of it for each device", cpu),
        ("OMA DM, 99th percentile before / meanwhile / pushed", waits["omadm"]),
        ("RCC.14, 99th percentile before / meanwhile / pushed", waits["rcc14"]),
        ("memory of its own, before / at most", f"{figures['mib_before']} / {figures['mib_most']} MiB"),
        ("store, and octets more for each device", store),
    ]  # fmt: skip
