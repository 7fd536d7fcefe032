"""A campaign by the commands users have, over a gateway that is killed in the middle of it."""

from __future__ import annotations

import contextlib
import os
import signal
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import redis_servers
from bench.process import children_of, cpu_seconds
from live_gateway import Gateway, faked_time

from gateway.outreach.campaigns import LEASE_SECONDS


def campaign_when(gateway: Gateway, campaign_id: str, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The campaign when this is true of it. A worker that dies may leave the question without an answer."""

    def found() -> dict[str, Any] | None:
        one: dict[str, Any] = {}
        with contextlib.suppress(OSError):
            one = gateway.api("GET", f"/campaigns/{campaign_id}")
        return one if one and true(one) else None

    campaign: dict[str, Any] = gateway.until(found)
    return campaign


def test_a_campaign_goes_on_where_it_stood_and_can_be_undone(gateway: Gateway) -> None:
    """Canary first; the gateway is killed while devices wait; what was done is not done again; undo gives it back."""
    before = gateway.json("simulate", "omadm")["values"]["./3GPP_IMS/Timer_T1"]
    for number in range(4):
        gateway.api(
            "POST", "/subscribers", {"id": f"c{number}", "imsis": [f"0010100001000{number:02}"], "plan": "gold"}
        )
        gateway.api("POST", f"/subscribers/c{number}/devices", {"loc_uri": f"IMEI:{number}"})
    made = gateway.json(
        "campaign", "create", "timers", "--device", "alice.1", "--match", "plan=gold", "--set", "ims/Timer_T1=2750",
        "--groups", "1,100%", "--success", "100", "--rate", "6000",
    )  # fmt: skip
    found = campaign_when(gateway, made["id"], lambda one: one["groups"][0]["started"] == 1)
    assert (found["total"], [group["size"] for group in found["groups"]]) == (5, [1, 4])
    gateway.stop(9)
    gateway.start()
    assert gateway.json("simulate", "omadm")["values"]["./3GPP_IMS/Timer_T1"] == "2750"
    found = campaign_when(gateway, made["id"], lambda one: one["groups"][1]["started"] == 4)
    assert (found["groups"][0]["ok"], found["state"]) == (1, "running")
    assert "group 2, 4 devices: started 4" in gateway.run("campaign", "show", made["id"])
    gateway.run("campaign", "pause", made["id"])
    assert "it is paused, not running" in gateway.run("campaign", "pause", made["id"], fails=True)
    gateway.run("campaign", "undo", made["id"])
    found = campaign_when(gateway, made["id"], lambda one: one["state"] == "undone")
    assert [group["undone"] for group in found["groups"]] == [1, 4]
    assert gateway.json("simulate", "omadm")["values"]["./3GPP_IMS/Timer_T1"] == before
    assert made["id"] in gateway.run("campaign", "list")


@contextlib.contextmanager
def three_workers(folder: Path, clock: Path) -> Iterator[Gateway]:
    """A gateway of three workers on Redis, with the time that the file says; it ends well."""
    gateway = Gateway(folder)
    gateway.environment |= {
        "MOGATE_STORE__URL": redis_servers.single().url,
        "MOGATE_STORE__NAMESPACE": f"{uuid.uuid4().hex}:",
        "MOGATE_STORE__DURABILITY": "second",
    }
    gateway.run("init", "--demo")
    clock.write_text("+0")
    plain, gateway.environment = gateway.environment, gateway.environment | faked_time(clock)
    gateway.start("--workers", "3")
    gateway.environment = plain
    try:
        yield gateway
    finally:
        status = gateway.stop(signal.SIGTERM)
    assert status == 0


def test_the_other_workers_go_on_when_one_is_killed(tmp_path: Path) -> None:
    """kill -9 of the worker that is at a campaign: what it had leased is taken over once the lease is over, and each
    device is sent one message."""
    clock = tmp_path / "clock"
    with three_workers(tmp_path, clock) as gateway:
        assert gateway.process is not None
        numbers = [f"+155502{number:05}" for number in range(12)]
        for number in numbers:
            name = f"c{number[-2:]}"
            gateway.api("POST", "/subscribers", {"id": name, "msisdn": number, "plan": "gold"})
            gateway.api("POST", f"/subscribers/{name}/devices", {"loc_uri": f"IMEI:{name}"})
        before = {worker: cpu_seconds(worker) for worker in children_of(gateway.process.pid)}
        made = gateway.json(
            "campaign", "create", "timers", "--match", "plan=gold", "--set", "ims/Timer_T1=2750", "--rate", "600"
        )
        campaign_when(gateway, made["id"], lambda one: one["groups"][0]["started"] >= 3)
        os.kill(max(before, key=lambda worker: cpu_seconds(worker) - before[worker]), signal.SIGKILL)
        clock.write_text(f"+{LEASE_SECONDS + 1}")
        campaign_when(gateway, made["id"], lambda one: one["groups"][0]["started"] == len(numbers))

        def told() -> Counter[str]:
            return Counter(one["to"] for one in gateway.short_messages())

        gateway.until(lambda: set(told()) == set(numbers))
        assert set(told().values()) == {1}
        assert '"event":"worker_ended"' in gateway.log()
