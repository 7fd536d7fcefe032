"""The simulated RCC.14 client against a gateway in a process of its own: what it does beyond asking once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import unused_port
from live_gateway import Gateway

SETTINGS = {
    "MOGATE_SMS__BEARER": "file",
    "MOGATE_RCC14__PROVISIONING_VERSIONS": json.dumps(["2.0", "4.0"]),
    "MOGATE_RCC14__TERMS": json.dumps(
        {"title": {"en": "Chat features"}, "message": {"en": "Use chat?"}, "edition": "1"}
    ),
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway with terms of use, that does not speak the client's own release."""
    gateway = Gateway(tmp_path_factory.mktemp("client"))
    gateway.environment |= SETTINGS
    confirmation = {"url": f"https://localhost:{unused_port()}/eucr", "sender": "sip:confirm@rcs.example.net"}
    gateway.environment["MOGATE_CONFIRMATION"] = json.dumps(confirmation | {"authority": "tls/ca.pem"})
    gateway.run("init", "--demo")
    gateway.start()
    yield gateway
    assert gateway.stop() == 0
    assert '"level":"error"' not in gateway.log(), gateway.log()[-3000:]


def query(gateway: Gateway, name: str, *options: str) -> dict[str, Any]:
    """One query of the client with that memory."""
    state = str(gateway.folder / f"{name}.json")
    return dict(gateway.json("simulate", "rcc14", "--state", state, *options))


def said(transcript: dict[str, Any]) -> list[str]:
    return [line for step in transcript["steps"] for line in (step["line"], *step["says"])]


def demo_device(gateway: Gateway) -> dict[str, Any]:
    demo = json.loads((gateway.folder / "data" / "demo.json").read_text())["rcc14"]
    devices = gateway.json("subscriber", "show", "alice")["devices"]
    return next(dict(one) for one in devices if one["imei"] == demo["imei"])


def test_another_release_is_spoken_where_there_is_a_common_one(gateway: Gateway) -> None:
    """406 names what the server speaks, and the client asks again in the newest it knows too (RCC.14 2.3.1)."""
    transcript = query(gateway, "release")
    assert transcript["result"] == "ok"
    assert "the server speaks 2.0, 4.0" in said(transcript)
    assert transcript["facts"]["version"] > 0


def test_a_dialog_is_rejected_and_later_accepted(gateway: Gateway) -> None:
    """The operator sees what the user did: rejected terms are "disabled by user", accepted ones an active client.

    Spec: RCC.14 MSG
    """
    first = query(gateway, "dialog", "--reject")
    assert (first["result"], first["facts"]["dialog"]) == ("ok", "rejected")
    assert "shown: 'Chat features': 'Use chat?' [accept | reject]" in said(first)
    query(gateway, "dialog")
    assert state_of(gateway) == "disabled by user"
    query(gateway, "dialog", "--accept")
    assert state_of(gateway) == "active"


def state_of(gateway: Gateway) -> str:
    return str(gateway.json("device", "show", demo_device(gateway)["id"])["rcc14"]["activation"])


def test_an_additional_device_comes_by_the_phone(gateway: Gateway) -> None:
    """A tablet without a SIM: the user reads the code on the phone; it has a document, a token and a place of its own.

    Spec: RCC.15 2.1.2
    """
    first = query(gateway, "tablet", "--additional")
    assert first["result"] == "ok", first
    assert "text with the code, on the phone with the SIM" in said(first)
    assert first["values"]["User/msisdn"] == "+15550100001"
    devices = gateway.json("subscriber", "show", "alice")["devices"]
    assert ("additional", "Simulated tablet") in [(one["role"], one["friendly_name"]) for one in devices]
    again = query(gateway, "tablet", "--additional", "--reader", "sloppy")
    assert (again["result"], "identity proven by token" in said(again)) == ("ok", True)
    assert again["facts"]["parameters"] == 0


def test_another_devices_code_comes_as_a_question(gateway: Gateway) -> None:
    """The phone that has the SIM shows it; a user who declines there ends it, and the events tell both.

    Spec: RCC.07 (End User Confirmation Request), RCC.15 2.1.2
    """
    query(gateway, "phone", "--accept")
    query(gateway, "phone")
    first = query(gateway, "car", "--additional", "--confirming")
    assert (first["result"], "the user has accepted" in said(first)) == ("ok", True), first
    second = query(gateway, "stranger", "--additional", "--confirming", "--reject")
    assert second["result"] == "declined on the phone"
    kinds = [event["kind"] for event in gateway.json("events", "--subscriber", "alice")]
    assert [kind for kind in kinds if kind.startswith("otp.")][-5:] == [
        "otp.sent", "otp.accepted", "otp.verified", "otp.sent", "otp.denied"
    ]  # fmt: skip


def test_a_revoked_client_finds_its_way_back(gateway: Gateway) -> None:
    """511 for a token that is no good any more: the client drops it, takes both legs again, and has a new one."""
    query(gateway, "revoked")
    gateway.run("device", "revoke", demo_device(gateway)["id"])
    transcript = query(gateway, "revoked")
    assert transcript["result"] == "ok"
    assert "tries again without its token" in said(transcript)
    again = query(gateway, "revoked")
    assert (again["result"], "tries again without its token" in said(again)) == ("ok", False)


def test_an_additional_server_is_asked_too(tmp_path: Path) -> None:
    """Where ACCESS-CONTROL names another server and it is said where that is, RCS comes from there, with a version and
    a token of its own; the next query asks each for its own applications (RCC.14 2.2.2)."""
    gateway = Gateway(tmp_path)
    ims = ["urn:oma:mo:ext-3gpp-ims:1.0", "ap2001"]
    gateway.environment |= {
        "MOGATE_RCC14__APP_IDS": json.dumps(ims),
        "MOGATE_RCC14__SERVERS": json.dumps([{"fqdn": "localhost", "app_ids": ["ap2002"]}]),
        "MOGATE_RCC14__ADDITIONAL": json.dumps({"hosts": ["localhost"], "app_ids": ["ap2002"]}),
    }
    gateway.run("init", "--demo")
    gateway.start()
    try:
        legs = ",".join(f"127.0.0.1:{gateway.ports[name]}" for name in ("plain", "tls"))
        assert "ACCESS-CONTROL names localhost" in said(query(gateway, "alone"))
        first, second = (query(gateway, "both", "--server", f"localhost={legs}") for _ in range(2))
    finally:
        assert gateway.stop() == 0
    assert (first["result"], first["facts"]["elsewhere"].keys()) == ("ok", {"localhost"})
    assert second["result"] == "ok"
    assert second["values"]["APPLICATION[ap2002]/AppID"] == "ap2002"
    memory = json.loads((tmp_path / "both.json").read_text())
    assert memory["apps"] == ims
    assert not [line for line in said(first) if "not for this server to say" in line]
    assert memory["servers"]["localhost"]["token"] != ""
    assert not [path for path in memory["servers"]["localhost"]["values"] if not path.startswith("APPLICATION[ap2002]")]
