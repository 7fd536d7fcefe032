"""Devices that should call: pushed to by whichever way leads to them, until they have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_gateway import Gateway, serving


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    environment = {
        "MOGATE_SMS__BEARER": "file",
        "MOGATE_REACH__CHECK_SECONDS": "0.2",
        "MOGATE_REACH__RETRY_SECONDS": "1",
    }
    with serving(tmp_path_factory.mktemp("reach"), **environment) as one:
        yield one


def events(gateway: Gateway, after: int = 0) -> list[dict[str, Any]]:
    """What the log has of activations."""
    found = gateway.api("GET", f"/events?device=alice.1&after={after}&limit=1000")
    return [one for one in found if one["kind"].startswith("activation.")]


def test_a_device_is_pushed_to_calls_and_is_done(gateway: Gateway) -> None:
    """Package 0 goes out, again while it is silent; with its session the order is done, and every step is told."""
    gateway.run("set", "alice.1", "ims/Timer_T1=2500")
    ordered = gateway.json("reach", "start", "alice.1", "--reason", "new timers")
    assert (ordered["state"], ordered["device_id"]) == ("waiting", "alice.1")
    gateway.until(lambda: len(gateway.short_messages()) >= 2)
    found = gateway.json("reach", "show", "alice.1")
    assert (found["state"], found["way"], found["attempts"] >= 2) == ("pushed", "dm_notify", True)
    assert "new timers" in gateway.run("reach", "list")
    assert gateway.json("simulate", "omadm")["result"] == "ok"
    gateway.until(lambda: events(gateway)[-1]["kind"] == "activation.configured")
    told = events(gateway)
    assert [one["kind"].partition(".")[2] for one in told] == ["requested", "reached", "configured"]
    assert (told[-1]["detail"]["reason"], told[-1]["detail"]["way"]) == ("new timers", "dm_notify")
    assert "ims" in told[-1]["detail"]["services"].split(",")
    assert gateway.json("reach", "list") == []
    assert "nothing makes device alice.1 call" in gateway.run("reach", "show", "alice.1", fails=True)


def test_a_service_is_followed_until_the_ims_core_registers_it(gateway: Gateway, tmp_path: Path) -> None:
    """Configured by the session before; then registered, or refused, as the core says over the API or in a file."""

    def ims() -> tuple[str, str]:
        shown = gateway.json("subscriber", "show", "alice")["services"]
        return next(
            (one["step"], one["why"]) for one in shown if (one["device_id"], one["service"]) == ("alice.1", "ims")
        )

    assert ims()[0] == "configured"
    told = gateway.run("registration", "--impi", "001010000000001@ims.example", "--state", "registered")
    assert told.strip() == "changed   subscriber alice   device alice.1"
    assert ims()[0] == "registered"
    file = tmp_path / "core.csv"
    file.write_text("msisdn,state,why\n+15550100001,failed,403 Forbidden\n+15550199999,registered,\n,registered,\n")
    done = gateway.done("registration", "--from", str(file))
    counted = done.stdout
    assert (done.returncode, counted.partition(": ")[0]) == (1, str(file))
    assert {"1 changed", "1 unknown", "1 failed"} <= set(counted.splitlines()[0].partition(": ")[2].split(", "))
    assert f"{file}:4: names nobody" in counted
    assert ims() == ("failed", "the IMS core refused it: 403 Forbidden")
    assert "ims   failed since" in gateway.run("subscriber", "show", "alice")
    assert [one["kind"] for one in events(gateway)][-2:] == ["activation.registered", "activation.failed"]


def test_who_calls_by_itself_is_not_pushed_to(gateway: Gateway) -> None:
    """Before its turn came: no message leaves."""
    before, last = gateway.short_messages(), events(gateway)[-1]["seq"]
    gateway.run("reach", "start", "alice.1", "--within", "100000")
    assert gateway.json("simulate", "omadm")["result"] == "ok"
    gateway.run("reach", "start", "alice.1", "--within", "100000")
    gateway.run("reach", "cancel", "alice.1")
    assert [one["kind"] for one in events(gateway, last)][-1] == "activation.cancelled"
    assert gateway.short_messages() == before


def test_a_killed_gateway_goes_on_where_it_stood(gateway: Gateway) -> None:
    """The order is in the store: the next process pushes again, and knows when the device has called."""
    gateway.run("set", "alice.1", "ims/Timer_T1=2600")
    gateway.run("reach", "start", "alice.1")
    before = len(gateway.until(gateway.short_messages))
    gateway.stop(9)
    gateway.start()
    gateway.until(lambda: len(gateway.short_messages()) > before)
    last = events(gateway)[-1]["seq"]
    assert gateway.json("simulate", "omadm")["result"] == "ok"
    gateway.until(lambda: [one["kind"] for one in events(gateway, last)][-1:] == ["activation.configured"])
