"""Processes that die, stop and refuse while devices call: what devices see, and that nothing answered is lost.

A device gets 503 with ``Retry-After`` or no answer, and success soon after; it never gets anything else. Beside the
devices, a recorder writes to the same servers and compares what was acknowledged with what is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import redis_servers
from live_gateway import Gateway
from recorder import Recorder, until
from redis_servers import RedisServer

from adapters.simulator.omadm_device import run_session
from gateway.datadir import Demo
from gateway.store.protocol import Store
from gateway.store.redis.location import Location
from gateway.store.redis.store import RedisStore

QUERY = {
    "vers": "0", "IMSI": "001010000000001", "IMEI": "001015000000023", "rcs_version": "9.0", "rcs_profile": "UP_2.4",
    "client_vendor": "SIMU", "client_version": "RCSAndrd-1.0", "terminal_vendor": "Acme", "terminal_model": "B7",
    "terminal_sw_version": "1",
}  # fmt: skip


class Devices:
    """Phones that ask for a configuration on the plain leg, over and over, and remember what they got."""

    def __init__(self, gateway: Gateway) -> None:
        self.seen: list[tuple[int, str | None]] = []
        self._url = gateway.url("plain", "/")

    async def call(self) -> None:
        async with aiohttp.ClientSession(headers={"X-MSISDN": "+15550100001"}) as http:
            while True:
                try:
                    async with http.get(self._url, params=QUERY) as answer:
                        self.seen.append((answer.status, answer.headers.get("Retry-After")))
                except aiohttp.ClientError:
                    self.seen.append((0, None))
                await asyncio.sleep(0.02)

    async def succeed(self) -> None:
        """Returns when a device was answered from now on."""
        before = len(self.seen)
        await until(lambda: 200 in {status for status, _ in self.seen[before:]})

    def check(self) -> None:
        """Nobody got anything but 200, 503 with a time to come back, or no answer."""
        assert {(status, bool(retry)) for status, retry in self.seen} <= {(200, False), (503, True), (0, False)}


class Scene:
    """A gateway with two workers and a recorder on the same servers."""

    def __init__(self, gateway: Gateway, devices: Devices, recorder: Recorder) -> None:
        self.gateway, self.devices, self.recorder = gateway, devices, recorder

    async def during(self, fault: Callable[[], object], mend: Callable[[], object] | None = None) -> None:
        """Break something while all are at work; let the refusals come, mend it, and see that all goes on."""
        await self.devices.succeed()
        await self.recorder.write_more()
        refused = len(self.recorder.refusals)
        await asyncio.to_thread(fault)
        await until(
            lambda: len(self.recorder.refusals) > refused and 503 in {status for status, _ in self.devices.seen}
        )
        if mend is not None:
            await asyncio.to_thread(mend)
        await self.recorder.write_more()
        await self.devices.succeed()


@contextlib.asynccontextmanager
async def scene(folder: Path, url: str, replicas: int = 0) -> AsyncIterator[Scene]:
    namespace = f"{uuid.uuid4().hex}:"
    gateway = Gateway(folder)
    gateway.environment |= {
        "MOGATE_STORE__URL": url,
        "MOGATE_STORE__NAMESPACE": namespace,
        "MOGATE_STORE__DURABILITY": "second",
        "MOGATE_STORE__REPLICAS": str(replicas),
        "MOGATE_STORE__TIMEOUT_SECONDS": "0.7",
    }
    await asyncio.to_thread(gateway.run, "init", "--demo")
    await asyncio.to_thread(gateway.start, "--workers", "2")
    stores: list[Store] = [
        await RedisStore.open(
            Location.parse(url).connect(timeout_seconds=0.7, replicas=replicas), namespace=f"{namespace}recorder:"
        )
        for _ in range(2)
    ]
    recorder, devices = Recorder(stores), Devices(gateway)
    await recorder.start()
    calls = [asyncio.create_task(devices.call()) for _ in range(4)]
    try:
        yield Scene(gateway, devices, recorder)
        await recorder.finish()
        devices.check()
        assert (503, True) in {(status, bool(retry)) for status, retry in devices.seen}
        assert '"event":"unhandled' not in gateway.log()
    finally:
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        status = await asyncio.to_thread(gateway.stop, signal.SIGTERM)
        for store in stores:
            await store.close()
    assert status == 0


async def test_a_server_that_stops_fills_up_or_refuses_writes(tmp_path: Path) -> None:
    """SIGSTOP, read-only and out of memory: 503, then success when it is over. Answered is stored, once."""
    server = RedisServer("appendonly yes", 'save ""').start()
    async with scene(tmp_path, server.url) as at_work:
        await at_work.during(lambda: server.signal(signal.SIGSTOP), lambda: server.signal(signal.SIGCONT))
        await at_work.during(
            lambda: server.cli("CONFIG", "SET", "min-replicas-to-write", "1"),
            lambda: server.cli("CONFIG", "SET", "min-replicas-to-write", "0"),
        )
        await at_work.during(
            lambda: server.cli("CONFIG", "SET", "maxmemory", "1"), lambda: server.cli("CONFIG", "SET", "maxmemory", "0")
        )
    server.kill()


async def test_a_server_that_is_killed_and_started_again(tmp_path: Path) -> None:
    """kill -9 of the only server, with fsync before each answer: it comes back with all that was answered."""
    server = RedisServer("appendonly yes", "appendfsync always", 'save ""').start()
    async with scene(tmp_path, server.url) as at_work:
        await at_work.during(server.kill, server.start)
    server.kill()


async def test_sentinel_replaces_a_killed_primary(tmp_path: Path) -> None:
    """kill -9 of the primary under load: another takes over, and what a replica had acknowledged is there."""
    watched = redis_servers.start_watched()
    async with scene(tmp_path, watched.url, replicas=1) as at_work:
        await at_work.during(watched.primary().kill)
    for one in (*watched.servers, *watched.sentinels):
        one.kill()


async def test_a_cluster_replaces_a_killed_primary(tmp_path: Path) -> None:
    """kill -9 of a primary of a Cluster under load, transactions over its slots too; it comes back as a replica."""
    cluster = redis_servers.start_cluster()
    async with scene(tmp_path, cluster.url, replicas=1) as at_work:
        lost = cluster.primaries()[0]

        def replace() -> None:
            redis_servers.wait_until(lambda: len(cluster.primaries()) == 3, "a new primary")
            lost.start()

        await at_work.during(lost.kill, replace)
    for one in cluster.nodes:
        one.kill()


async def test_a_worker_killed_in_the_middle_of_a_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """kill -9 of a worker between any two messages: the phone repeats its message and the session ends well."""
    gateway = Gateway(tmp_path)
    gateway.environment |= {
        "MOGATE_STORE__URL": redis_servers.single().url,
        "MOGATE_STORE__NAMESPACE": f"{uuid.uuid4().hex}:",
        "MOGATE_STORE__DURABILITY": "second",
    }
    await asyncio.to_thread(gateway.run, "init", "--demo")
    await asyncio.to_thread(gateway.start, "--workers", "2")
    messages = 0
    request = aiohttp.ClientSession._request

    async def insist(http: aiohttp.ClientSession, *arguments: Any, **options: Any) -> aiohttp.ClientResponse:
        nonlocal messages
        messages += 1
        sent = asyncio.create_task(request(http, *arguments, **options))
        if messages in (2, 3):
            # Whether the message was received, and whether its answer gets out, is chance.
            await asyncio.sleep(0.004 * messages)
            kill_one_worker(gateway)
        while True:
            try:
                answer = await sent
                if answer.status != 503:
                    return answer
                assert "Retry-After" in answer.headers
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)
            sent = asyncio.create_task(request(http, *arguments, **options))

    monkeypatch.setattr(aiohttp.ClientSession, "_request", insist)
    demo = (tmp_path / "data" / "demo.json").read_bytes()
    phone = msgspec.json.decode(demo, type=Demo).omadm
    transcript = await run_session(phone, gateway.url("plain", "/omadm"), tmp_path / "phone.json")
    said = transcript.as_json()
    assert said["result"] == "ok"
    assert messages >= 4
    commands = [command for command in said["facts"]["commands"] if not command.startswith("Get")]
    assert len(commands) == len(set(commands)), "nothing was asked twice"
    assert '"event":"worker_ended"' in gateway.log()
    again = await run_session(phone, gateway.url("plain", "/omadm"), tmp_path / "phone.json")
    assert again.as_json()["facts"]["commands"] == []
    assert await asyncio.to_thread(gateway.stop, signal.SIGTERM) == 0


def kill_one_worker(gateway: Gateway) -> None:
    assert gateway.process is not None
    pid = gateway.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGKILL)
