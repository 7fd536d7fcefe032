"""How the simulated RCC.14 client takes a reconfiguration message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.simulator.rcscfg import receive_reconfiguration
from gateway.errors import DecodeError

IMSI = "001010123456789"
IMPI = f"{IMSI}@ims.mnc001.mcc001.3gppnetwork.org"
HELD: dict[str, Any] = {
    "version": 5,
    "token": "t",
    "values": {"APPLICATION[x]/3GPP_IMS/Private_User_Identity": IMPI},
    "servers": {"hub.example.net": {"version": 7, "token": "u", "values": {"a": "b"}}},
}


def message(text: str) -> bytes:
    return bytes.fromhex("06050491990000") + text.encode("utf-16-be")


def after(tmp_path: Path, text: str) -> tuple[str, dict[str, Any]]:
    """What came of the message, and what the client then remembers."""
    file = tmp_path / "state.json"
    file.write_text(json.dumps(HELD))
    return receive_reconfiguration([message(text)], IMSI, file).result, json.loads(file.read_text())


def test_by_imsi_it_forgets_everything(tmp_path: Path) -> None:
    """The next query is as the first (RCC.14 3)."""
    result, memory = after(tmp_path, f"{IMSI}-rcscfg")
    assert (result, memory["version"], memory["values"], "token" in memory) == ("ok", 0, {}, False)


def test_by_impi_it_keeps_its_token(tmp_path: Path) -> None:
    """It asks for everything, and needs no code (RCC.14 3)."""
    result, memory = after(tmp_path, f"{IMPI}-rcsconfiguration,ap2002")
    assert (result, memory["version"], memory["token"]) == ("ok", 0, "t")


@pytest.mark.parametrize("fqdn", ["hub.example.net", "new.example.net"])
def test_a_server_of_its_own(tmp_path: Path, fqdn: str) -> None:
    """Only what it holds of that server goes; one it did not know is one to ask from now on (RCC.14 2.2.2, 3)."""
    result, memory = after(tmp_path, f"{IMSI}-rcscfg,{fqdn},ap2002")
    assert (result, memory["version"], memory["servers"][fqdn]["version"]) == ("ok", 5, 0)
    assert fqdn in [one[0] for one in memory["elsewhere"]]


def test_somebody_elses_is_passed_over(tmp_path: Path) -> None:
    """Another IMSI than its own changes nothing (RCC.14 3)."""
    result, memory = after(tmp_path, "001019999999999-rcscfg")
    assert (result, memory) == ("ignored: it is for another SIM", HELD)


@pytest.mark.parametrize("octets", [b"", message("hello"), message(f"{IMSI}-rcscfg")[1:], message("x-rcscfg")[:-1]])
def test_what_is_no_such_message(tmp_path: Path, octets: bytes) -> None:
    """Anything else at the port is refused."""
    with pytest.raises(DecodeError):
        receive_reconfiguration([octets], IMSI, tmp_path / "none.json")
