"""What a capable phone does with the gateway: MACs, messages of a limited size, groups, and a user who is asked."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from live_gateway import Gateway, serving


def operations(gateway: Gateway) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = gateway.json("device", "show", "alice.1")["operations"]
    return found


def queue(gateway: Gateway, operation: dict[str, Any]) -> str:
    return str(json.loads(gateway.run("device", "queue", "alice.1", "-", "--json", stdin=json.dumps(operation)))["id"])


def outcome(gateway: Gateway, operation_id: str) -> dict[str, Any]:
    return next(one for one in operations(gateway) if one["id"] == operation_id)


def test_a_session_proved_by_macs(gateway: Gateway) -> None:
    """Once the nonces are agreed on, every message of either side is signed, and nothing else is asked for.

    Spec: OMA-TS-DM_Security-V1_2 5.4
    """
    first = gateway.json("simulate", "omadm", "--auth", "mac")
    assert (first["result"], first["facts"]["server_authenticated"]) == ("ok", True)
    assert any(" 200" in command for command in first["facts"]["commands"])
    gateway.run("device", "send", "alice.1", "Get", "./DevInfo/Man")
    second = gateway.json("simulate", "omadm", "--auth", "mac", "--wbxml")
    assert second["facts"]["commands"] == ["Get ./DevInfo/Man 200"]
    assert [step["line"] for step in second["steps"] if not step["line"].endswith(", signed")] == []
    assert not any("syncml:auth-md5" in line for step in second["steps"] for line in step["says"])


def test_a_large_value_there_and_back(gateway: Gateway) -> None:
    """A value of several messages reaches the phone in parts and is read back in parts, whole, in small messages.

    Spec: OMA-TS-DM_Protocol-V1_2 7
    """
    value = "".join(f"{number} é ☃ " for number in range(800))
    gateway.run("device", "send", "alice.1", "Add", "./Vendor", "--format", "node")
    gateway.run("device", "send", "alice.1", "Add", "./Vendor/Text", value)
    gateway.run("device", "send", "alice.1", "Get", "./Vendor/Text")
    for encoding in ("--wbxml", ""):
        transcript = gateway.json("simulate", "omadm", "--max-message", "3000", *([encoding] if encoding else []))
        assert transcript["result"] == "ok"
        assert transcript["values"]["./Vendor/Text"] == value
        assert transcript["facts"]["parts_received"] > 2
        assert transcript["facts"]["parts_sent"] > 2
        octets = [int(found[1]) for step in transcript["steps"] if (found := re.search(r"(\d+) octets", step["line"]))]
        assert max(octets) <= 3000
        assert operations(gateway)[-1]["results"] == {"./Vendor/Text": value}
        gateway.run("device", "send", "alice.1", "Replace", "./Vendor/Text", value)
        gateway.run("device", "send", "alice.1", "Get", "./Vendor/Text")


def test_an_atomic_that_one_member_refuses(gateway: Gateway) -> None:
    """Nothing of it stays, and each member says what became of it.

    Spec: OMA-TS-DM_RepPro-V1_2 (Atomic: 507, 216, 215)
    """
    gateway.run("device", "send", "alice.1", "Add", "./Vendor", "--format", "node")
    for node, value in (("Mode", "quiet"), ("Level", "3"), ("Ring", "bell")):
        gateway.run("device", "send", "alice.1", "Add", f"./Vendor/{node}", value)
    before = gateway.json("simulate", "omadm")["values"]
    members = [("Mode", "loud"), ("Level", "7"), ("Ring", "bird")]
    group = queue(gateway, {"verb": "Atomic", "members": [
        {"verb": "Replace", "uri": f"./Vendor/{node}", "value": value} for node, value in members
    ]})  # fmt: skip
    after = gateway.json("simulate", "omadm", "--refuse", "./Vendor/Level=405")["values"]
    assert after == before
    ended = outcome(gateway, group)
    assert ended["status"] == 507
    assert [member["status"] for member in ended["members"]] == [216, 405, 215]


def test_an_operation_that_waits_for_the_user(gateway: Gateway) -> None:
    """It goes out when the user says so, and ends with 215 when not; who says nothing in time has said nothing.

    Spec: OMA-TS-DM_Protocol-V1_2 10
    """
    gateway.run("device", "send", "alice.1", "Add", "./Vendor", "--format", "node")
    ended = []
    for said in (["--answer", "2"], ["--answer", "1"], []):
        asked = queue(gateway, {"verb": "Alert", "prompt": {
            "kind": "choice", "text": "Which ringtone?", "choices": ["Bell", "Bird"], "max_seconds": 60,
        }})  # fmt: skip
        waiting = queue(gateway, {
            "verb": "Add", "uri": f"./Vendor/Ring{len(ended)}", "value": "bird",
            "condition": {"operation": asked, "answers": ["2"]},
        })  # fmt: skip
        transcript = gateway.json("simulate", "omadm", *said)
        ended.append((
            outcome(gateway, asked)["status"],
            outcome(gateway, waiting)["status"],
            transcript["values"].get(f"./Vendor/Ring{len(ended)}"),
        ))  # fmt: skip
    assert ended == [(200, 200, "bird"), (200, 215, None), (408, 215, None)]
    assert transcript["facts"]["prompts"] == ["Which ringtone? nothing"]
    confirmed = json.loads(gateway.run("device", "ask", "alice.1", "confirm", "Restart now?", "--json"))
    gateway.run("simulate", "omadm", "--wbxml", "--answer", "accept")
    assert outcome(gateway, confirmed["id"])["answers"] == ["accept"]


def test_a_phone_that_takes_no_long_uris(gateway: Gateway) -> None:
    """Its limits are read before anything is written, and what is beyond them is refused here and shown with why.

    Spec: OMA-TS-DM_StdObj-V1_2 5.2
    """
    first = gateway.json("simulate", "omadm", "--uri-limits", "3,0,18")
    assert first["result"] == "ok"
    assert not any(command.endswith(" 414") for command in first["facts"]["commands"])
    long = "./3GPP_IMS/Private_user_identity"
    assert not any(long in command for command in first["facts"]["commands"])
    queued = queue(gateway, {"verb": "Get", "uri": "./DevInfo/Ext/A/B"})
    assert gateway.json("simulate", "omadm", "--uri-limits", "3,0,18")["result"] == "ok"
    assert outcome(gateway, queued)["meaning"] == "URI too long: 4 segments, and the device takes 3"
    shown = gateway.run("device", "show", "alice.1")
    assert "its URIs are bounded: depth 3, segment 18" in shown
    assert "414 URI too long: 21 characters in a segment, and the device takes 18" in shown


def test_a_phone_that_reads_no_subtrees(gateway: Gateway, tmp_path: Path) -> None:
    """It is walked with plain Gets, so what it has already is replaced or left, and never added a second time.

    Spec: OMA-TS-DM_TND-V1_2 (Get of an interior node)
    """
    phone = tmp_path / "phone.json"
    gateway.json("simulate", "omadm", "--state", str(phone), "--misbehave", "wrong-nonce")
    memory = json.loads(phone.read_text())
    memory["tree"] |= {"./3GPP_IMS": ["node", None], "./3GPP_IMS/Timer_T1": ["int", "1"]}
    phone.write_text(json.dumps(memory))
    met = gateway.json("simulate", "omadm", "--state", str(phone), "--lacks", "list")
    commands = met["facts"]["commands"]
    assert "Get ./3GPP_IMS?list=StructData 406" in commands
    about = [command for command in commands if re.search("3GPP_IMS(/Timer_T1)? ", command)]
    assert about[:2] == ["Get ./3GPP_IMS 200", "Get ./3GPP_IMS/Timer_T1 200"]
    assert [command for command in about if not command.startswith("Get ")] == ["Replace ./3GPP_IMS/Timer_T1 200"]
    assert "it does not know: list" in gateway.run("device", "show", "alice.1")
    assert gateway.json("simulate", "omadm", "--state", str(phone), "--lacks", "list")["facts"]["commands"] == []


def test_a_phone_asks_what_it_is_to_hold(gateway: Gateway) -> None:
    """Its Gets are answered with Results, once it has proved who it is; what it has no business with is not told.

    Spec: OMA-TS-DM_RepPro-V1_2 6.6.7
    """
    nodes = ("./3GPP_IMS/Timer_T1", "./3GPP_IMS/LBO_P-CSCF_Address/1", "./DMAcc", "./3GPP_IMS/None")
    asks = [argument for node in nodes for argument in ("--ask", node)]
    for encoding in ([], ["--wbxml"]):
        met = gateway.json("simulate", "omadm", *asks, *encoding)
        assert met["result"] == "ok"
        assert met["facts"]["told"] == {nodes[0]: "2000", nodes[1]: "Address/AddressType"}


def test_a_phone_that_restarts_in_an_atomic_gets_it_again(gateway: Gateway) -> None:
    """Undone or done in full when the phone was up again, the group is carried out anew and ends with 200.

    Spec: OMA-TS-DM_RepPro-V1_2 (Atomic)
    """
    gateway.run("device", "send", "alice.1", "Add", "./Vendor", "--format", "node")
    for node in ("Mode", "Level"):
        gateway.run("device", "send", "alice.1", "Add", f"./Vendor/{node}", "1")
    gateway.json("simulate", "omadm")
    for number, (how, before) in enumerate([("restart-in-atomic", "1"), ("restart-after-atomic", "3")], start=2):
        value = str(number)
        group = queue(gateway, {"verb": "Atomic", "members": [
            {"verb": "Replace", "uri": f"./Vendor/{node}", "value": value} for node in ("Mode", "Level")
        ]})  # fmt: skip
        down = gateway.json("simulate", "omadm", "--misbehave", how)
        assert down["result"] == "the phone restarted"
        assert [down["values"][f"./Vendor/{node}"] for node in ("Mode", "Level")] == [before] * 2
        assert "status" not in outcome(gateway, group) or outcome(gateway, group)["status"] is None
        up = gateway.json("simulate", "omadm")
        assert [up["values"][f"./Vendor/{node}"] for node in ("Mode", "Level")] == [value] * 2
        ended = outcome(gateway, group)
        assert (ended["status"], [member["status"] for member in ended["members"]]) == (200, [200, 200])


def test_a_phone_that_restarts_while_it_moves_is_not_stranded(tmp_path: Path) -> None:
    """It has its new account though the answer to that was lost: it uses that, and the old one is dropped.

    Spec: OMA-TS-DM_StdObj-V1_2 5.3; OMA-TS-DM_RepPro-V1_2 (Atomic)
    """
    with serving(tmp_path, MOGATE_OMADM__PATHS='["/omadm", "/dm2"]') as gateway:
        gateway.run("device", "move", "alice.1", gateway.url("plain", "/dm2"))
        down = gateway.json("simulate", "omadm", "--misbehave", "restart-after-atomic")
        assert down["result"] == "the phone restarted"
        for _ in range(2):
            assert gateway.json("simulate", "omadm")["result"] == "ok"
        job = gateway.json("device", "jobs", "alice.1")[-1]
        assert (job["state"], job["code"]) == ("done", 212)
        moved = gateway.json("simulate", "omadm")
        assert [value for uri, value in moved["values"].items() if uri.endswith("/AppAddr/1/Addr")] == [
            gateway.url("plain", "/dm2")
        ]
        assert not any(uri.startswith("./DMAcc/mogate/") for uri in moved["values"])


def test_a_phone_whose_acl_does_not_permit_it(gateway: Gateway) -> None:
    """425 is told beside the node and not asked for again, until the phone has taken another ACL there.

    What the phone does not show is not held to be known, and a Delete and an Exec that it does not permit end with 425.

    Spec: OMA-TS-DM_TND-V1_2 7.7.1
    """
    gateway.json("simulate", "omadm")
    gateway.run("set", "alice", "ims/Timer_T1=3000")
    timer, lists = "./3GPP_IMS/Timer_T1", ("--acl", "./3GPP_IMS/Timer_T1=Get=*", "--acl", "./LAWMO=Get=*")
    refused = gateway.json("simulate", "omadm", *lists)
    assert refused["facts"]["commands"] == [f"Replace {timer} 425"]
    assert "REFUSED  ims/Timer_T1  425 permission denied" in gateway.run("device", "show", "alice.1")
    assert gateway.json("simulate", "omadm")["facts"]["commands"] == []
    asked = [
        queue(gateway, {"verb": "Delete", "uri": timer}),
        queue(gateway, {"verb": "Exec", "uri": "./LAWMO/Operations/FullyLock"}),
        queue(gateway, {"verb": "Get", "uri": f"{timer}?prop=ACL"}),
    ]
    gateway.json("simulate", "omadm")
    assert [outcome(gateway, one)["status"] for one in asked] == [425, 425, 200]
    assert list(outcome(gateway, asked[2])["results"].values()) == ["Get=*"]
    gateway.run("device", "send", "alice.1", "Replace", f"{timer}?prop=ACL", "Get=*&Replace=mogate")
    permitted = gateway.json("simulate", "omadm")
    if f"Replace {timer} 200" not in permitted["facts"]["commands"]:
        permitted = gateway.json("simulate", "omadm")
    assert permitted["values"][timer] == "3000"
    assert "REFUSED" not in gateway.run("device", "show", "alice.1")


def test_a_phone_refuses_what_its_ddf_does_not_allow(gateway: Gateway) -> None:
    """Unknown nodes, values that nobody may change and foreign formats end with the code that says so.

    So it is with the phone that the console plays. A phone without a description takes anything.

    Spec: OMA-TS-DM_TND-V1_2 8 (AccessType, DFFormat); OMA-TS-DM_RepPro-V1_2 10 (404, 405, 415)
    """
    assert " 405" not in "".join(gateway.json("simulate", "omadm")["facts"]["commands"])
    added = {"verb": "Add", "uri": "./3GPP_IMS/Colour", "value": "red"}
    asked = [
        queue(gateway, added),
        queue(gateway, {"verb": "Add", "uri": "./3GPP_IMS/Colours/1", "value": "red"}),
        queue(gateway, {"verb": "Replace", "uri": "./3GPP_IMS/Timer_T1", "format": "bool", "value": "true"}),
        queue(gateway, {"verb": "Replace", "uri": "./DevDetail/FwV", "value": "9.9"}),
        queue(gateway, {"verb": "Get", "uri": "./DevDetail/FwV"}),
        queue(gateway, {"verb": "Delete", "uri": "./FUMO"}),
    ]
    met = gateway.json("simulate", "omadm")
    assert (met["result"], met["values"]["./DevDetail/FwV"]) == ("ok", "1.0")
    assert [outcome(gateway, one)["status"] for one in asked] == [405, 404, 415, 405, 200, 405]
    assert met["values"]["./3GPP_IMS/Timer_T1"] == "2000"

    played = queue(gateway, {"verb": "Replace", "uri": "./DevDetail/FwV", "value": "9.9"})
    gateway.api("POST", "/simulator/runs", {"device": "omadm"})
    gateway.until(lambda: outcome(gateway, played).get("status"))
    assert outcome(gateway, played)["status"] == 405

    again = queue(gateway, added)
    assert gateway.json("simulate", "omadm", "--no-ddf")["values"]["./3GPP_IMS/Colour"] == "red"
    assert outcome(gateway, again)["status"] == 200


def test_a_phone_without_an_object_does_not_take_it(gateway: Gateway) -> None:
    """Its refusal of the root is the end of that object; all others are as they should be.

    Spec: OMA-TS-DM_TND-V1_2 8 (DFType)
    """
    without = gateway.json("simulate", "omadm", "--carries", "rcs")
    assert without["result"] == "ok"
    assert "Add ./3GPP_IMS 405" in without["facts"]["commands"]
    assert not any(uri.startswith(("./3GPP_IMS", "./FUMO")) for uri in without["values"])
    assert any(uri.startswith("./RCS/") for uri in without["values"])


def test_a_phone_of_the_version_before(gateway: Gateway) -> None:
    """It is managed in its own version: settings, a changed one, and new credentials, in the account as it was then.

    Spec: OMA-TS-DM_Protocol-V1_2 (VerDTD, VerProto); SyncML Device Management 1.1.2 (DMAcc)
    """
    first = gateway.json("simulate", "omadm", "--version", "1.1")
    assert first["result"] == "ok"
    assert (first["values"]["./3GPP_IMS/Timer_T1"], first["values"]["./DevInfo/DmV"]) == ("2000", "1.1")
    assert not any(uri.startswith(("./DMAcc", "./FUMO")) for uri in first["values"])

    gateway.run("set", "alice", "ims/Timer_T1=3000")
    missing = queue(gateway, {"verb": "Replace", "uri": "./3GPP_IMS/Ext/GSMA/New", "value": "1"})
    gateway.run("device", "rotate", "alice.1")
    met = gateway.json("simulate", "omadm", "--version", "1.1", "--wbxml")
    assert (met["result"], met["values"]["./3GPP_IMS/Timer_T1"]) == ("ok", "3000")
    assert "Get ./SyncML/DMAcc?list=StructData 200" in met["facts"]["commands"]
    assert outcome(gateway, missing)["status"] == 200
    flash = json.loads((gateway.folder / "data" / "simulator" / "omadm-1.1.json").read_text())
    assert flash["tree"]["./SyncML/DMAcc/mogate/ClientPW"][1] not in ("", gateway_password(gateway))

    assert gateway.json("simulate", "omadm", "--version", "1.1")["result"] == "ok"
    (job,) = gateway.json("device", "jobs", "alice.1")
    assert (job["state"], job["meaning"]) == ("done", "the device has used its new credentials")


def gateway_password(gateway: Gateway) -> str:
    """The password that the demo phone came with."""
    return str(json.loads((gateway.folder / "data" / "demo.json").read_text())["omadm"]["client_password"])


def test_a_phone_that_copies_and_renames(gateway: Gateway) -> None:
    """A value is copied and a node renamed, and both are known of the device without another reading.

    Spec: OMA-TS-DM_RepPro-V1_2 6.6 (Copy); OMA-TS-DM_TND-V1_2 7.7 (Name)
    """
    asked = [
        queue(gateway, {"verb": "Add", "uri": "./Vendor", "format": "node"}),
        queue(gateway, {"verb": "Add", "uri": "./Vendor/Spare", "format": "node"}),
        queue(gateway, {"verb": "Add", "uri": "./Vendor/Spare/Is", "value": "en"}),
        queue(gateway, {"verb": "Copy", "uri": "./Vendor/Spare/Was", "source": "./Vendor/Spare/Is"}),
        queue(gateway, {"verb": "Replace", "uri": "./Vendor/Spare?prop=Name", "value": "Kept"}),
    ]
    phone = gateway.json("simulate", "omadm")
    assert [outcome(gateway, one)["status"] for one in asked] == [200, 200, 200, 200, 200]
    assert phone["values"]["./Vendor/Kept/Was"] == "en"
    others = gateway.json("device", "show", "alice.1")["others"]
    known = [one["uri"] for one in others if one["uri"].startswith("./Vendor")]
    assert known == ["./Vendor/Kept/Is", "./Vendor/Kept/Was"]


def test_a_phone_that_somebody_reset_is_noticed_and_set_again(gateway: Gateway) -> None:
    """At the first change that it answers with 404 nothing is believed of it: it is read and gets all its settings.

    Spec: OMA-TS-DM_RepPro-V1_2 6.6 (404)
    """
    wanted = gateway.json("simulate", "omadm")["values"]
    flash = gateway.folder / "data" / "simulator" / "omadm.json"
    memory = json.loads(flash.read_text())
    kept = ("./DevInfo", "./DevDetail", "./DMAcc")
    memory["tree"] = {uri: node for uri, node in memory["tree"].items() if uri.startswith(kept)}
    flash.write_text(json.dumps(memory))
    gateway.run("set", "alice", "ims/Timer_T1=3000")
    again = gateway.json("simulate", "omadm")
    assert (again["result"], again["facts"]["commands"][0]) == ("ok", "Replace ./3GPP_IMS/Timer_T1 404")
    assert again["values"] == wanted | {"./3GPP_IMS/Timer_T1": "3000"}
    signs = [one for one in gateway.json("events", "--device", "alice.1") if one["kind"] == "device.reset_suspected"]
    assert [one["detail"]["sign"] for one in signs] == ["./3GPP_IMS/Timer_T1 is gone"]
    assert gateway.json("simulate", "omadm")["facts"]["commands"] == []
