"""Processes that die, stop and refuse, and networks that part, while devices call: what devices see, and that nothing
answered is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import redis_servers
from fault_scene import scene
from live_gateway import Gateway
from recorder import until
from redis_servers import RedisServer
from relay import Delay, Relay

from adapters.simulator.omadm_device import run_session
from gateway.datadir import Demo


async def test_a_server_that_is_slow_stops_fills_up_or_refuses_writes(tmp_path: Path) -> None:
    """Answers that are 50 and 200 ms late keep nobody from being served. Ones that come too late, SIGSTOP, read-only
    and out of memory: 503, then success when it is over. Answered is stored, once."""
    server = RedisServer("appendonly yes", 'save ""').start()
    async with Delay(server.port) as way, scene(tmp_path, f"redis://127.0.0.1:{way.port}") as at_work:

        def answer_after(seconds: float) -> None:
            way.seconds = seconds

        for seconds in (0.05, 0.2):
            answer_after(seconds)
            await at_work.recorder.write_more(40)
            await at_work.devices.succeed()
        await at_work.during(lambda: answer_after(2), lambda: answer_after(0))
        await at_work.during(lambda: server.signal(signal.SIGSTOP), lambda: server.signal(signal.SIGCONT))
        await at_work.during(
            lambda: server.cli("CONFIG", "SET", "min-replicas-to-write", "1"),
            lambda: server.cli("CONFIG", "SET", "min-replicas-to-write", "0"),
        )
        await at_work.during(
            lambda: server.cli("CONFIG", "SET", "maxmemory", "1"), lambda: server.cli("CONFIG", "SET", "maxmemory", "0")
        )
        await until(lambda: {status for status, _ in at_work.devices.seen[-20:]} == {200})
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


async def test_a_network_that_parts_and_joins(tmp_path: Path) -> None:
    """A primary cut off from Sentinels, replicas and gateways, with a writer on its side: it acknowledges nothing that
    is lost when the network is whole again and it has to follow the one that took its place.

    The network is whole again as soon as one Sentinel knows of the new primary: the others still name the old one."""
    relays: list[Relay] = []

    def via(port: int) -> int:
        relays.append(Relay(port))
        return relays[0].port

    watched = redis_servers.start_watched(via=via)
    (relay,), cut_off = relays, watched.servers[0]

    def join() -> None:
        redis_servers.wait_until(
            lambda: any(str(relay.port) not in watched.primary_address(n) for n in range(3)), "a new primary"
        )
        relay.join()
        redis_servers.wait_until(lambda: "role:slave" in cut_off.cli("INFO", "replication"), "the old one to follow")

    async with scene(tmp_path, watched.url, replicas=1, far=cut_off.url) as at_work:
        await at_work.during(relay.part, join)
    relay.end()
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
