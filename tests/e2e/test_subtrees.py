"""Objects that are added to a phone in one command each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from live_gateway import Gateway, serving


def ims_commands(session: dict[str, Any]) -> list[str]:
    return [one for one in session["facts"]["commands"] if one.startswith("Add ./3GPP_IMS")]


def standings(gateway: Gateway) -> set[str]:
    return {leaf["standing"] for leaf in gateway.json("device", "show", "alice.1")["leaves"]}


def test_subtrees_are_added_whole_until_the_phone_refuses_one(tmp_path: Path) -> None:
    """An object is one Add, after which the gateway knows every leaf of it as acknowledged, and nothing is left.

    A refusal changes nothing: the nodes go out one by one in the same session, and each is acknowledged.

    Spec: OMA-TS-DM_RepPro-V1_2 6.6.1; OMA-TS-DM_TNDS-V1_2 5
    """
    with serving(tmp_path, MOGATE_OMADM__MODELS='[{"manufacturer": "Acme", "subtrees": "wbxml"}]') as gateway:
        phone = tmp_path / "phone.json"
        simulate = ("simulate", "omadm", "--wbxml", "--state", str(phone))
        met = gateway.json(*simulate)
        assert met["result"] == "ok"
        assert ims_commands(met) == ["Add ./3GPP_IMS 200"]
        assert met["values"]["./3GPP_IMS/Timer_T1"] == "2000"
        assert standings(gateway) == {"acknowledged"}
        memory = json.loads(phone.read_text())
        memory["tree"] = {uri: node for uri, node in memory["tree"].items() if not uri.startswith("./3GPP_IMS")}
        phone.write_text(json.dumps(memory))
        gateway.run("device", "send", "alice.1", "Get", "./3GPP_IMS")
        again = gateway.json(*simulate, "--lacks", "TNDS")
        assert ims_commands(again)[:2] == ["Add ./3GPP_IMS 415", "Add ./3GPP_IMS 200"]
        assert again["values"] == met["values"]
        assert standings(gateway) == {"acknowledged"}
        assert gateway.json(*simulate, "--lacks", "TNDS")["facts"]["commands"] == []


def test_a_subtree_that_somebody_wrote_is_known_and_shown_by_its_nodes(tmp_path: Path) -> None:
    """It goes out as it was written; after the one answer every leaf is acknowledged, and a trace shows each.

    Spec: OMA-TS-DM_RepPro-V1_2 6.6.1; OMA-TS-DM_TNDS-V1_2 5
    """
    written = (
        "<MgmtTree xmlns='syncml:dmddf1.2'><VerDTD>1.2</VerDTD><Node><NodeName>Shop</NodeName>"
        "<RTProperties><ACL>Get=*</ACL><Format><node/></Format></RTProperties>"
        "<Node><NodeName>Url</NodeName><Value>https://shop.example</Value></Node></Node></MgmtTree>"
    )
    with serving(tmp_path) as gateway:
        options = ("--format", "xml", "--type", "application/vnd.syncml.dmtnds+xml")
        gateway.run("device", "send", "alice.1", "Add", "./Shop", written, *options)
        met = gateway.json("simulate", "omadm", "--wbxml")
        assert met["values"]["./Shop/Url"] == "https://shop.example"
        told = {leaf["uri"]: leaf for leaf in gateway.api("GET", "/devices/alice.1")["others"]}
        assert {uri: (leaf["held"], leaf["status"]) for uri, leaf in told.items() if uri.startswith("./Shop")} == {
            "./Shop/Url": ("https://shop.example", 200)
        }
        assert "        ./Shop/Url = https://shop.example\n" in gateway.run("trace", "alice.1", "--last", "100")
