"""A phone that has its objects elsewhere, and names what is in them as it likes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from live_gateway import Gateway

IMS = "urn:oma:mo:ext-3gpp-ims:1.0"


@pytest.mark.parametrize("lacks", [(), ("--lacks", "list")], ids=["subtrees", "plain Gets"])
def test_a_phone_with_a_tree_of_its_own(gateway: Gateway, tmp_path: Path, lacks: tuple[str, ...]) -> None:
    """Its object is found by its Type, and its server by its address: both are changed in place and not added again.

    Spec: OMA-TS-DM_TND-V1_2 4, 7.7
    """
    phone = tmp_path / "phone.json"
    gateway.json("simulate", "omadm", "--state", str(phone), "--misbehave", "wrong-nonce")
    memory = json.loads(phone.read_text())
    server = "./Ims/LBO_P-CSCF_Address/primary"
    memory["tree"] |= {uri: ["node", None] for uri in ("./Ims", "./Ims/LBO_P-CSCF_Address", server)}
    memory["tree"] |= {
        f"{server}/Address": ["chr", "pcscf-a.ims.example.net"],
        f"{server}/AddressType": ["chr", "IPv4"],
    }
    memory["types"]["./Ims"] = IMS
    phone.write_text(json.dumps(memory))
    met = gateway.json("simulate", "omadm", "--state", str(phone), *lacks)
    commands = met["facts"]["commands"]
    assert met["result"] == "ok"
    assert [command for command in commands if server in command and not command.startswith("Get")] == [
        f"Replace {server}/AddressType 200"
    ]
    addresses = [met["values"][uri] for uri in met["values"] if uri.endswith("/Address")]
    assert sorted(addresses) == ["pcscf-a.ims.example.net", "pcscf-b.ims.example.net"]
    assert not any(uri.startswith("./3GPP_IMS") for uri in met["values"])
    assert gateway.json("simulate", "omadm", "--state", str(phone), *lacks)["facts"]["commands"] == []
    shown = gateway.json("device", "show", "alice.1")
    assert {leaf["standing"] for leaf in shown["leaves"] if leaf["uri"].startswith("./Ims")} <= {
        "acknowledged",
        "read back",
    }
