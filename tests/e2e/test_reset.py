"""Phones that were reset: they get an account anew, and everything else with it."""

from __future__ import annotations

import json
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
        "MOGATE_REACH__RESET_SECONDS": "0.1",
    }
    with serving(tmp_path_factory.mktemp("reset"), **environment) as one:
        yield one


def job(gateway: Gateway) -> dict[str, Any]:
    """The newest job of the phone."""
    found: dict[str, Any] = gateway.api("GET", "/devices/alice.1/jobs")[-1]
    return found


def reset(gateway: Gateway) -> dict[str, Any]:
    """The phone is told to reset itself, takes that on, and does it after the session; what it held before."""
    held: dict[str, Any] = gateway.json("simulate", "omadm")["values"]
    order = {"kind": "lock", "action": "factory-reset"}
    asked = gateway.api("POST", "/devices/alice.1/jobs", order)
    gateway.api("POST", "/devices/alice.1/jobs", order | {"confirm": asked["confirm"]})
    transcript = gateway.json("simulate", "omadm")
    assert transcript["facts"]["commands"][-1].startswith("Exec ./LAWMO/Operations/FactoryReset")
    assert (job(gateway)["state"], job(gateway)["percent"]) == ("running", 10)
    assert not any(uri.startswith("./3GPP_IMS") for uri in transcript["values"])
    return held


def test_a_phone_that_lost_its_account_gets_another_and_all_its_settings(gateway: Gateway, tmp_path: Path) -> None:
    """After the 202 the account goes out by OMA CP; its first use ends the job, and what the phone held is set again.

    Spec: OMA-TS-LAWMO-V1_0 5 (FactoryReset)
    """
    held = reset(gateway)
    assert "has no account" in gateway.run("simulate", "omadm", fails=True)
    messages = gateway.until(gateway.short_messages)
    file = tmp_path / "bootstrap"
    file.write_text("\n".join(one["user_data_header"] + one["user_data"] for one in messages))
    flash = str(gateway.folder / "data" / "simulator" / "omadm.json")
    installed = gateway.json("simulate", "cp", str(file), "--state", flash)
    assert installed["facts"]["proven_by"] == "the SIM's IMSI"
    transcript = gateway.json("simulate", "omadm")
    assert transcript["result"] == "ok"
    assert {uri: transcript["values"].get(uri) for uri in held if uri.startswith("./3GPP_IMS")} == {
        uri: value for uri, value in held.items() if uri.startswith("./3GPP_IMS")
    }
    ended = job(gateway)
    assert (ended["state"], ended["code"], ended["meaning"]) == (
        "done",
        202,
        "accepted, and the device called again since",
    )
    gateway.until(lambda: gateway.api("GET", "/reach") == [])


def test_a_phone_that_kept_its_account_is_not_believed_to_hold_anything(gateway: Gateway) -> None:
    """Nobody tells of the reset: at its next call what it is to hold is read and set anew."""
    file = gateway.folder / "data" / "simulator" / "omadm.json"
    account = json.loads(file.read_text())["account"]
    held = reset(gateway)
    memory = json.loads(file.read_text()) | {"account": account, "reset": False}
    file.write_text(json.dumps(memory))
    transcript = gateway.json("simulate", "omadm")
    assert transcript["values"] == held
