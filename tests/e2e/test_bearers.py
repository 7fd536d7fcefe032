"""Pushes that go out: over SMPP to a service centre, and from there to the phones that they are for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_gateway import Gateway, free_ports, serving
from smsc import Smsc
from smsc import serving as serving_smsc

PHONE = ("bob", "--imei", "001015000000098")
BOBS_IMSI = "001010000000002"


@pytest.fixture(scope="module")
def port() -> int:
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def gateway(port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("bearers")
    (folder / "smsc.password").write_text("pw-31337\n")
    link = {
        "name": "one", "address": f"127.0.0.1:{port}", "system_id": "mogate",
        "password_file": str(folder / "smsc.password"), "bind_seconds": 2, "response_seconds": 20,
    }  # fmt: skip
    environment = {
        "MOGATE_SMS__BEARER": "smpp", "MOGATE_SMS__SENDER": "MOGate", "MOGATE_SMS__SMPP": json.dumps([link]),
        "MOGATE_SMS__RETRY_SECONDS": "0.2", "MOGATE_SMS__MAX_RETRY_SECONDS": "0.5",
    }  # fmt: skip
    with serving(folder, **environment) as one:
        yield one
    assert "pw-31337" not in one.log()


@pytest.fixture
def smsc(port: int) -> Iterator[Smsc]:
    with serving_smsc(port) as one:
        yield one


def push_in(gateway: Gateway, push_id: str, *states: str) -> dict[str, Any]:
    """The push when it has come to one of these states."""

    def found() -> dict[str, Any] | None:
        one: dict[str, Any] = gateway.api("GET", f"/pushes/{push_id}")
        return one if one["state"] in states else None

    push: dict[str, Any] = gateway.until(found)
    return push


def take(smsc: Smsc, count: int, file: Path) -> list[dict[str, Any]]:
    """The next messages, which go into a file as the phone's."""
    messages = [smsc.message() for _ in range(count)]
    file.write_text("\n".join(message["message"] for message in messages))
    return messages


def test_a_phone_is_bootstrapped_called_and_calls(gateway: Gateway, smsc: Smsc, tmp_path: Path) -> None:
    """From one command to the session that it is for: the segments are those of a push, the phone believes them.

    OMA-TS-DM_Bootstrap-V1_2 5.1, OMA-TS-DM_Notification-V1_2 6, 3GPP TS 23.040 9.2.3.24
    """
    file, state = tmp_path / "messages", str(tmp_path / "phone.json")
    made = gateway.json("bootstrap", *PHONE, "--security", "netwpin")
    assert made["segments"] == []
    push = push_in(gateway, made["id"], "delivered")
    taken = take(smsc, push["parts"], file)
    assert push["parts"] > 1
    assert {(one["esm_class"], one["data_coding"], one["source_addr"]) for one in taken} == {(0x40, 4, "MOGate")}
    heard = gateway.json("simulate", "cp", str(file), "--imsi", BOBS_IMSI, "--state", state)
    assert heard["result"] == "ok"
    assert gateway.json("simulate", "omadm", "--state", state)["result"] == "ok"
    assert push_in(gateway, made["id"], "contacted")["contacted_at"]

    called = gateway.json("push", "notify", "bob.1")
    assert push_in(gateway, called["id"], "delivered")["attempts"] == 1
    take(smsc, 1, file)
    session = gateway.json("simulate", "omadm", "--state", state, "--notification", str(file))
    push = push_in(gateway, called["id"], "contacted")
    assert (session["result"], session["facts"]["session_id"]) == ("ok", push["session_id"])
    assert push["ordered_at"] < push["submitted_at"] < push["delivered_at"] < push["contacted_at"]
    shown = gateway.json("device", "show", "bob.1")["pushes"]
    assert [one["state"] for one in shown] == ["contacted", "contacted"]
    assert f"push {called['id']}  dm_notify  contacted" in gateway.run("device", "show", "bob.1")


def test_a_client_is_told_to_ask_anew(gateway: Gateway, smsc: Smsc) -> None:
    """The reconfiguration message in UTF-16 to its port; contacted when the client begins from nothing. RCC.14 3"""
    called = gateway.json("push", "rcscfg", "alice")
    push_in(gateway, called["id"], "delivered")
    taken = smsc.message()
    octets = bytes.fromhex(taken["message"])
    assert (octets[:7].hex().upper(), taken["data_coding"]) == ("06050491990000", 8)
    assert octets[7:].decode("utf-16-be").endswith("-rcscfg")
    assert gateway.json("simulate", "rcc14")["result"] == "ok"
    push_in(gateway, called["id"], "contacted")


def test_an_smsc_that_is_away_is_waited_for(gateway: Gateway, port: int) -> None:
    """The command answers at once; the push waits with the reason, and goes when the SMSC is back."""
    called = gateway.json("push", "notify", "alice.1")
    why = gateway.until(lambda: gateway.api("GET", f"/pushes/{called['id']}")["why"])
    assert "no SMPP link is bound" in why
    assert push_in(gateway, called["id"], "waiting")
    with serving_smsc(port, "throttle"):
        after = push_in(gateway, called["id"], "submitted", "delivered")
    assert after["attempts"] >= 4


def test_a_killed_gateway_sends_what_it_had_promised(gateway: Gateway, port: int) -> None:
    """The push was kept before the command was answered, and is there after the gateway is."""
    called = gateway.json("push", "notify", "alice.1")
    gateway.stop(9)
    gateway.start()
    found = gateway.api("GET", f"/pushes/{called['id']}")
    assert (found["state"], found["handed_over"]) == ("waiting", 0)
