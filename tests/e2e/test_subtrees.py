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
        # A phone that lost an object may have been reset: the others were looked at again.
        assert standings(gateway) == {"acknowledged", "read back"}
        assert gateway.json(*simulate, "--lacks", "TNDS")["facts"]["commands"] == []


def test_an_object_that_changed_is_replaced_whole_and_keeps_what_the_phone_put_there(tmp_path: Path) -> None:
    """A phone that was set to other values gets one Replace; a node of its own in that object is still there after.

    Refused, the same change goes out node by node in the same session, and the gateway does not try it again.

    Spec: OMA-TS-DM_RepPro-V1_2 6.6 (Replace); OMA-TS-DM_TNDS-V1_2 5
    """
    models = '[{"manufacturer": "Acme", "subtrees": "wbxml", "replaces_subtrees": true}]'
    with serving(tmp_path, MOGATE_OMADM__MODELS=models) as gateway:
        phone = tmp_path / "phone.json"
        simulate = ("simulate", "omadm", "--wbxml", "--no-ddf", "--state", str(phone))
        wanted = gateway.json(*simulate)["values"]

        def change() -> None:
            memory = json.loads(phone.read_text())
            for uri, node in memory["tree"].items():
                if uri.startswith("./3GPP_IMS/") and node[0] == "chr":
                    node[1] = "other"
                elif uri.startswith("./3GPP_IMS/") and node[0] == "int":
                    node[1] = "1"
            memory["tree"]["./3GPP_IMS/Ext/Own"] = ["chr", "mine"]
            phone.write_text(json.dumps(memory))
            gateway.run("device", "send", "alice.1", "Get", "./3GPP_IMS?list=StructData")

        change()
        mended = gateway.json(*simulate)
        assert [one for one in mended["facts"]["commands"] if not one.startswith("Get")] == ["Replace ./3GPP_IMS 200"]
        assert mended["values"] == wanted | {"./3GPP_IMS/Ext/Own": "mine"}
        change()
        refused = gateway.json(*simulate, "--lacks", "TNDS")
        written = [one for one in refused["facts"]["commands"] if not one.startswith("Get")]
        assert written[0] == "Replace ./3GPP_IMS 415"
        assert len(written) > 5
        assert refused["values"] == mended["values"]
        assert gateway.json(*simulate, "--lacks", "TNDS")["facts"]["commands"] == []


def test_a_subtree_that_somebody_wrote_is_known_and_shown_by_its_nodes(tmp_path: Path) -> None:
    """It goes out as it was written; after the one answer every leaf is acknowledged, and a trace shows each.

    Spec: OMA-TS-DM_RepPro-V1_2 6.6.1; OMA-TS-DM_TNDS-V1_2 5
    """
    written = (
        "<MgmtTree xmlns='syncml:dmddf1.2'><VerDTD>1.2</VerDTD><Node><NodeName>Vendor</NodeName>"
        "<RTProperties><ACL>Get=*</ACL><Format><node/></Format></RTProperties>"
        "<Node><NodeName>Url</NodeName><Value>https://shop.example</Value></Node></Node></MgmtTree>"
    )
    with serving(tmp_path) as gateway:
        options = ("--format", "xml", "--type", "application/vnd.syncml.dmtnds+xml")
        gateway.run("device", "send", "alice.1", "Add", "./Vendor", written, *options)
        met = gateway.json("simulate", "omadm", "--wbxml")
        assert met["values"]["./Vendor/Url"] == "https://shop.example"
        told = {leaf["uri"]: leaf for leaf in gateway.api("GET", "/devices/alice.1")["others"]}
        assert {uri: (leaf["held"], leaf["status"]) for uri, leaf in told.items() if uri.startswith("./Vendor")} == {
            "./Vendor/Url": ("https://shop.example", 200)
        }
        assert "        ./Vendor/Url = https://shop.example\n" in gateway.run("trace", "alice.1", "--last", "100")
