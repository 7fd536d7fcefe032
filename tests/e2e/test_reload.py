"""Files that change under a gateway that serves: all of them are taken up, by every worker, or none."""

from __future__ import annotations

import asyncio
import datetime
import json
import re
import shutil
import signal
import ssl
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import redis_servers
from cryptography import x509
from live_gateway import CONFIG, Gateway, serving

from gateway.serving.demo_tls import ensure_demo_certificates

ALICE = {"X-MSISDN": "+15550100001"}


def _with_own_files(folder: Path) -> dict[str, str]:
    shutil.copytree(CONFIG / "profiles", folder / "profiles")
    return {"MOGATE_PROFILES": str(folder / "profiles")}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway whose profiles may be edited."""
    folder = tmp_path_factory.mktemp("reload")
    with serving(folder, **_with_own_files(folder)) as one:
        yield one


def _edit(gateway: Gateway, before: str, after: str) -> None:
    file = gateway.folder / "profiles" / "operator.toml"
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))


def _metric(gateway: Gateway, name: str) -> dict[str, float]:
    with urllib.request.urlopen(gateway.url("admin", "/metrics")) as answer:
        lines = answer.read().decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line.startswith(name)}


def _api(gateway: Gateway, method: str, path: str) -> Any:
    """What the admin API answers; a test asks more often than the command line is quick."""
    headers = {"Authorization": f"Bearer {gateway.token}"}
    request = urllib.request.Request(gateway.url("admin", f"/api/v1{path}"), method=method, headers=headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def _timer(gateway: Gateway) -> str:
    leaves: list[dict[str, str]] = _api(gateway, "GET", "/subscribers/alice.1/explain?node=ims/Timer_T1")["leaves"]
    return leaves[0]["value"]


def test_a_profile_is_taken_up_or_refused_as_a_whole(gateway: Gateway) -> None:
    """A good change reaches the device next time; a bad one is told with its place, counted, and changes nothing."""
    before = _timer(gateway)
    digest = _api(gateway, "POST", "/reload")["digest"]
    _edit(gateway, f"Timer_T1 = {before}", "Timer_T1 = 4321")
    assert _timer(gateway) == before
    done = _api(gateway, "POST", "/reload")
    assert done["changed"]
    assert done["digest"] != digest
    assert _timer(gateway) == "4321"
    assert "Timer_T1 = 4321" in gateway.run("simulate", "omadm")

    _edit(gateway, "Timer_T1 = 4321", "Timer_T1 = 70000")
    said = gateway.run("reload")
    assert re.search(
        r"^warning: .*profiles/operator\.toml:\d+: ims/Timer_T1: '70000' is not permitted", said, re.MULTILINE
    )
    _edit(gateway, "Timer_T1 = 70000", 'Timer_T1 = "soon"')
    said = gateway.run("reload", fails=True)
    assert re.search(r"profiles/operator\.toml:\d+: .*Timer_T1", said)
    assert _timer(gateway) == "70000"
    assert _metric(gateway, "mogate_config_last_reload_success") == {"mogate_config_last_reload_success": 0}
    assert _metric(gateway, "mogate_config_reloads_total") == {
        'mogate_config_reloads_total{result="taken"}': 3,
        'mogate_config_reloads_total{result="refused"}': 1,
    }
    kinds = [event["kind"] for event in _api(gateway, "GET", "/events")]
    assert kinds.count("config.reloaded") == 3
    assert kinds.count("config.refused") == 1

    _edit(gateway, 'Timer_T1 = "soon"', "Timer_T1 = 1234")
    assert gateway.process is not None
    gateway.process.send_signal(signal.SIGHUP)
    gateway.until(lambda: _timer(gateway) == "1234")
    assert _metric(gateway, "mogate_config_last_reload_success") == {"mogate_config_last_reload_success": 1}


def test_a_certificate_is_renewed(gateway: Gateway) -> None:
    """New connections see the new certificate; with one that does not fit its key, all stays as it is."""
    folder = gateway.folder / "data" / "tls"

    def shown() -> int:
        pem = ssl.get_server_certificate(("127.0.0.1", gateway.ports["tls"]))
        return x509.load_pem_x509_certificate(pem.encode()).serial_number

    before = shown()
    key = (folder / "server.key").read_bytes()
    (folder / "server.pem").unlink()
    ensure_demo_certificates(folder, ("localhost",), datetime.datetime.now(datetime.UTC))
    new_key = (folder / "server.key").read_bytes()
    (folder / "server.key").write_bytes(key)
    assert "cannot use this certificate and key" in gateway.run("reload", fails=True)
    assert shown() == before
    (folder / "server.key").write_bytes(new_key)
    gateway.run("reload")
    assert shown() != before


def test_all_workers_take_it_up(tmp_path: Path) -> None:
    """Whichever worker is asked, or the supervisor by SIGHUP: all serve the same afterwards, and nobody half of it."""
    gateway = Gateway(tmp_path)
    gateway.environment |= _with_own_files(tmp_path) | {
        "MOGATE_STORE__URL": redis_servers.single().url,
        "MOGATE_STORE__NAMESPACE": f"{uuid.uuid4().hex}:",
        "MOGATE_STORE__DURABILITY": "second",
    }
    gateway.run("init", "--demo")
    gateway.start("--workers", "2")
    try:
        first = set(_metric(gateway, "mogate_config_hash").values())
        _edit(gateway, "Timer_T1 = 2000", "Timer_T1 = 4321")
        gateway.run("reload")
        second = _metric(gateway, "mogate_config_hash")
        assert len(second) == 2
        assert len(set(second.values())) == 1
        assert not first & set(second.values())
        _edit(gateway, "Timer_T1 = 4321", "Timer_T1 = 1234")
        assert gateway.process is not None
        gateway.process.send_signal(signal.SIGHUP)
        gateway.until(lambda: not set(_metric(gateway, "mogate_config_hash").values()) & set(second.values()))
        assert len(set(_metric(gateway, "mogate_config_hash").values())) == 1
    finally:
        gateway.stop(signal.SIGTERM)


async def test_nobody_is_cut_off_at_the_end(tmp_path: Path) -> None:
    """While it drains, a gateway says that it is not ready and answers everybody in full, then takes no more.

    Clients that keep their connection are told to come elsewhere.
    """
    gateway = Gateway(tmp_path)
    gateway.environment["MOGATE_LOAD__DRAIN_SECONDS"] = "1"
    gateway.run("init", "--demo")
    gateway.start()
    assert gateway.process is not None
    answered, kept, under_way = 0, 0, asyncio.Event()

    async def ask(session: aiohttp.ClientSession) -> None:
        nonlocal answered, kept
        while True:
            try:
                async with session.get(
                    gateway.url("plain", "/?vers=0"), headers={"X-MSISDN": "+15550100001"}
                ) as answer:
                    await answer.read()
                    assert answer.status == 200
                    answered += 1
                    if answered == 50:
                        under_way.set()
                    kept += draining and answer.headers.get("Connection") != "close"
            except aiohttp.ClientConnectorError:
                return

    draining = False
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
        for _ in range(8):
            tasks.create_task(ask(session))
        await under_way.wait()
        gateway.process.send_signal(signal.SIGTERM)
        ready = 200
        while ready == 200:
            async with session.get(gateway.url("admin", "/readyz")) as probe:
                ready, why = probe.status, await probe.text()
        assert (ready, why) == (503, "not ready: this process is about to end\n")
        draining, before = True, answered
        kept = 0
    assert answered > before
    assert kept <= 8
    assert await asyncio.to_thread(gateway.process.wait, 20) == 0
    assert gateway.process.stdout is not None
    gateway.process.stdout.close()
