"""Profiles that are published: shown before, and then taken by just the devices that they change."""

from __future__ import annotations

import asyncio
import shutil
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis_servers
from live_gateway import CONFIG, Gateway, serving

from adapters.simulator.omadm_device import run_session
from adapters.simulator.rcc14_client import Servers, run_query
from gateway.datadir import DEMO_HOST, Demo

DEADLINE_SECONDS = 60


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """One whose profiles can be edited."""
    profiles = tmp_path / "profiles"
    shutil.copytree(CONFIG / "profiles", profiles)
    with serving(tmp_path, MOGATE_PROFILES=str(profiles)) as one:
        yield one


def test_a_published_profile_reaches_those_it_changes(gateway: Gateway) -> None:
    """A dry run says how many and who, and serves nothing; the campaign is over when each of them has called."""
    assert gateway.json("simulate", "omadm")["result"] == "ok"
    before = gateway.json("simulate", "omadm")["values"]["./3GPP_IMS/Timer_T1"]
    text = 'name = "zz"\nlayer = "plan"\n[match]\nplan = "premium"\n[mo.ims]\nTimer_T1 = 2900\n'
    (gateway.folder / "profiles" / "zz.toml").write_text(text)
    shown = gateway.json("profile", "publish", "--dry-run")
    assert (shown["count"], shown["sample"], shown["campaign"]) == (1, ["alice.1"], "")
    assert gateway.json("simulate", "omadm")["values"]["./3GPP_IMS/Timer_T1"] == before
    waits = ["--deadline", "7200", "--retries", "2"]
    assert "by campaign c" in gateway.run("profile", "publish", "--over", "0", *waits)
    (campaign,) = gateway.api("GET", "/campaigns")
    assert (campaign["device_deadline_seconds"], campaign["retries"]) == (7200, 2)
    assert campaign["name"] == f"profiles {shown['digest']}"
    assert gateway.json("simulate", "omadm")["values"]["./3GPP_IMS/Timer_T1"] == "2900"
    found = _until(gateway, f"/campaigns/{campaign['id']}", lambda one: one["state"] == "finished")
    assert (found["groups"][0]["ok"], found["total"]) == (1, 1)
    again = gateway.json("profile", "publish")
    assert (again["count"], again["campaign"]) == (0, "")
    (gateway.folder / "profiles" / "zz.toml").write_text(text.replace("2900", '"many"'))
    assert "zz.toml:6" in gateway.run("profile", "publish", fails=True)


def test_an_edition_goes_out_by_groups_and_comes_back(tmp_path: Path) -> None:
    """The canary has the new content and the other device keeps what it has, at whichever worker it asks; an undo
    brings the old content back to both, as a version of its own.

    Spec: RCC.14 VERS
    """
    profiles = tmp_path / "profiles"
    shutil.copytree(CONFIG / "profiles", profiles)
    gateway = Gateway(tmp_path)
    gateway.environment |= {
        "MOGATE_PROFILES": str(profiles),
        "MOGATE_STORE__URL": redis_servers.single().url,
        "MOGATE_STORE__NAMESPACE": f"{uuid.uuid4().hex}:",
        "MOGATE_STORE__DURABILITY": "second",
    }
    gateway.run("init", "--demo")
    gateway.start("--workers", "2")
    try:
        assert _timer(gateway) == "2000"
        first = _client(gateway)
        text = 'name = "zz"\nlayer = "plan"\n[match]\nplan = "premium"\n[mo.ims]\nTimer_T1 = 2900\n'
        (profiles / "zz.toml").write_text(text)
        order = ["--over", "0", "--groups", "1,100%", "--success", "100", "--after-success", "pause"]
        shown = gateway.json("profile", "publish", *order, "--deadline", "7200", "--retries", "2")
        assert shown["count"] == 2
        campaign = f"/campaigns/{shown['campaign']}"
        _until(gateway, campaign, lambda one: one["groups"][0]["started"] == 1)
        assert _timer(gateway) == "2900"
        paused = _until(gateway, campaign, lambda one: one["state"] == "paused")
        assert (paused["device_deadline_seconds"], paused["retries"]) == (7200, 2)
        assert [_client(gateway) for _ in range(4)] == [first] * 4
        gateway.api("POST", f"{campaign}/resume")
        _until(gateway, campaign, lambda one: one["groups"][1]["started"] == 1)
        assert _client(gateway) == (first[0] + 1, "2900")
        gateway.api("POST", f"{campaign}/undo")
        _until(gateway, campaign, lambda one: one["state"] == "undone")
        assert (_timer(gateway), _client(gateway)) == ("2000", (first[0] + 2, first[1]))
    finally:
        gateway.stop(signal.SIGTERM)


def _demo(gateway: Gateway) -> Demo:
    return msgspec.json.decode((gateway.folder / "data" / "demo.json").read_bytes(), type=Demo)


def _timer(gateway: Gateway) -> str:
    """What the OMA DM phone holds after it called."""
    state = gateway.folder / "phone.json"
    transcript = asyncio.run(run_session(_demo(gateway).omadm, gateway.url("plain", "/omadm"), state))
    assert transcript.result == "ok"
    return str(transcript.as_json()["values"]["./3GPP_IMS/Timer_T1"])


def _client(gateway: Gateway) -> tuple[int, str]:
    """The version that the RCC.14 client holds after it called, and the value in it."""
    authority = gateway.folder / "data" / "tls" / "ca.pem"
    servers = Servers(gateway.url("plain"), gateway.url("tls"), authority, DEMO_HOST)
    transcript = asyncio.run(run_query(_demo(gateway).rcc14, servers, gateway.folder / "client.json"))
    assert transcript.result == "ok"
    said = transcript.as_json()
    return said["facts"]["version"], said["values"]["APPLICATION[urn:oma:mo:ext-3gpp-ims:1.0]/3GPP_IMS/Timer_T1"]


def _until(gateway: Gateway, path: str, true: Callable[[Any], bool]) -> Any:
    ends = time.monotonic() + DEADLINE_SECONDS
    while not true(found := gateway.api("GET", path)):
        assert time.monotonic() < ends, found
        time.sleep(0.1)
    return found
