"""Two gateways on one Redis, the clock of one well ahead of the other's."""

from __future__ import annotations

import asyncio
import itertools
import signal
import subprocess
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import redis_servers
from aiohttp import web
from live_gateway import Gateway
from rcc14_caller import Caller, Subscriber
from recorder import until
from yarl import URL

from adapters.simulator.omadm_device import run_session
from gateway.datadir import Demo

AHEAD_SECONDS = 25
"""Far more than clocks that are set over a network differ, and less than the shortest lease."""


def ahead(seconds: int) -> dict[str, str]:
    """An environment in which a program's clock is that much ahead."""
    shown = subprocess.run(["faketime", "-f", f"+{seconds}s", "env"], capture_output=True, text=True, check=True).stdout
    found = dict(line.split("=", 1) for line in shown.splitlines() if line.startswith(("LD_PRELOAD=", "FAKETIME=")))
    return found | {"FAKETIME_DONT_FAKE_MONOTONIC": "1"}


async def test_gateways_whose_clocks_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session, a cookie and a token go from one to the other; what either acknowledged is there, and told once."""
    (tmp_path / "second").mkdir()
    first, second = Gateway(tmp_path), Gateway(tmp_path / "second")
    first.environment |= {
        "MOGATE_STORE__URL": redis_servers.single().url,
        "MOGATE_STORE__NAMESPACE": f"{uuid.uuid4().hex}:",
        "MOGATE_STORE__DURABILITY": "second",
    }
    second.environment = first.environment | ahead(AHEAD_SECONDS) | {"MOGATE_CONFIG": str(second.settings)}
    gateways = (first, second)
    await asyncio.to_thread(first.run, "init", "--demo")
    for gateway in gateways:
        await asyncio.to_thread(gateway.start)
    (second.folder / "data").symlink_to(first.folder / "data")
    try:
        await _one_session_with_both(gateways, monkeypatch)
        await asyncio.to_thread(_proofs_of_one_with_the_other, Caller(first), Caller(second))
        await _changes_with_both(gateways)
    finally:
        status = [await asyncio.to_thread(gateway.stop, signal.SIGTERM) for gateway in gateways]
    assert status == [0, 0]
    for gateway in gateways:
        assert '"level":"error"' not in gateway.log(), gateway.log()[-3000:]


async def _one_session_with_both(gateways: tuple[Gateway, Gateway], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each message of a phone goes to the other gateway; nothing is asked of it twice."""
    ports = itertools.cycle([gateway.ports["plain"] for gateway in gateways])
    request = aiohttp.ClientSession._request

    async def to_the_other(http: aiohttp.ClientSession, method: str, url: Any, **options: Any) -> Any:
        return await request(http, method, URL(url).with_port(next(ports)), **options)

    folder = gateways[0].folder
    phone = msgspec.json.decode((folder / "data" / "demo.json").read_bytes(), type=Demo).omadm
    with monkeypatch.context() as patched:
        patched.setattr(aiohttp.ClientSession, "_request", to_the_other)
        sessions = [
            (await run_session(phone, gateways[0].url("plain", "/omadm"), folder / "phone.json")).as_json()
            for _ in range(2)
        ]
    assert [said["result"] for said in sessions] == ["ok", "ok"]
    done = [command for command in sessions[0]["facts"]["commands"] if not command.startswith("Get")]
    assert done
    assert len(done) == len(set(done))
    assert sessions[1]["facts"]["commands"] == []


def _proofs_of_one_with_the_other(behind: Caller, before: Caller) -> None:
    """A cookie of either opens the other, and a token from the future is as good as one from the past."""
    for number, (one, other) in enumerate([(behind, before), (before, behind)]):
        who = Subscriber(f"p{number}", f"00101000003{number:04}", f"+1555040{number:04}", f"00101501{number:06}5")
        one.admin("POST", "/subscribers", {"id": who.id, "imsis": [who.imsi], "msisdn": who.msisdn})
        asked = f"IMSI={who.imsi}&IMEI={who.imei}"
        given = other.secure(f"vers=0&{asked}", cookie=one.introduce(who))
        assert given.status == 200, given
        again = one.secure(f"vers={given.version}&token={given.parms['TOKEN/token']}&{asked}")
        assert (again.status, again.version) == (200, given.version)
        assert "TOKEN/token" not in again.parms, "the same configuration, and no new proof was asked for"


async def _changes_with_both(gateways: tuple[Gateway, Gateway]) -> None:
    """Subscribers that either creates are there, and the receiver of events hears of each once."""
    told: Counter[str] = Counter()

    async def take(asked: web.Request) -> web.Response:
        told[(await asked.json())["data"]["subscriber_id"]] += 1
        return web.Response(status=204)

    receiver = web.Application()
    receiver.router.add_post("/", take)
    runner = web.AppRunner(receiver)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    hook = {"url": f"http://{host}:{port}/", "events": ["subscriber.created"]}
    await asyncio.to_thread(gateways[1].api, "POST", "/webhooks", hook)
    made = [f"c{number}" for number in range(40)]

    def create(gateway: Gateway, names: list[str]) -> None:
        for name in names:
            gateway.api("POST", "/subscribers", {"id": name})

    await asyncio.gather(
        asyncio.to_thread(create, gateways[0], made[::2]), asyncio.to_thread(create, gateways[1], made[1::2])
    )
    await until(lambda: set(made) <= set(told))
    for name in made:
        assert (await asyncio.to_thread(gateways[0].api, "GET", f"/subscribers/{name}"))["id"] == name
    assert set(told.values()) == {1}
    await runner.cleanup()
