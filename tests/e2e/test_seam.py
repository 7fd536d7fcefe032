"""The seam that matters: one change reaches both protocols, and what devices answer comes back."""

from __future__ import annotations

import json
import urllib.request

from live_gateway import Gateway

IMS = "APPLICATION[urn:oma:mo:ext-3gpp-ims:1.0]/3GPP_IMS/"
SAME_LEAF = {
    "./3GPP_IMS/Timer_T1": IMS + "Timer_T1",
    "./3GPP_IMS/Timer_T2": IMS + "Timer_T2",
    "./3GPP_IMS/Private_user_identity": IMS + "Private_User_Identity",
    "./3GPP_IMS/Home_network_domain_name": IMS + "Home_network_domain_name",
    "./3GPP_IMS/Public_user_identity_List/1/Public_user_identity": (
        IMS + "Public_User_Identity_List/NODE/Public_User_Identity"
    ),
    "./3GPP_IMS/LBO_P-CSCF_Address/2/Address": IMS + "LBO_P-CSCF_Address/NODE#2/Address",
    "./3GPP_IMS/Voice_Domain_Preference_E_UTRAN": IMS + "Voice_Domain_Preference_E_UTRAN",
    "./3GPP_IMS/Ext/GSMA/transportProto/wifiMedia": IMS + "Ext/GSMA/transportProto/wifiMedia",
    "./RCS/MESSAGING/Chat/conf-fcty-uri": "APPLICATION[ap2002]/MESSAGING/Chat/conf-fcty-uri",
    "./RCS/MESSAGING/FileTransfer/ftHTTPCSURI": "APPLICATION[ap2002]/MESSAGING/FileTransfer/ftHTTPCSURI",
}


def test_one_change_reaches_both_protocols_exactly_once(gateway: Gateway) -> None:
    """A changed leaf is one Replace over OMA DM and one version over RCC.14; who is up to date gets neither."""
    phone, client = gateway.json("simulate", "omadm"), gateway.json("simulate", "rcc14")
    assert phone["result"] == client["result"] == "ok"
    assert phone["facts"]["server_authenticated"]
    assert client["facts"]["version"] == 1
    for uri, parm in SAME_LEAF.items():
        assert phone["values"][uri] == client["values"][parm], uri

    again, client = gateway.json("simulate", "omadm"), gateway.json("simulate", "rcc14")
    assert again["facts"]["commands"] == []
    assert (client["facts"]["version"], client["facts"]["parameters"]) == (1, 0)

    gateway.run("set", "alice", "ims/Timer_T1=3000")
    phone, client = gateway.json("simulate", "omadm"), gateway.json("simulate", "rcc14")
    assert phone["facts"]["commands"] == ["Replace ./3GPP_IMS/Timer_T1 200"]
    assert client["facts"]["version"] == 2
    assert client["facts"]["changed"] == {IMS + "Timer_T1": "3000"}
    assert phone["values"]["./3GPP_IMS/Timer_T1"] == client["values"][IMS + "Timer_T1"] == "3000"

    phone, client = gateway.json("simulate", "omadm"), gateway.json("simulate", "rcc14")
    assert phone["facts"]["commands"] == []
    assert (client["facts"]["version"], client["facts"]["parameters"]) == (2, 0)


def test_the_admin_api_makes_the_same_change(gateway: Gateway) -> None:
    """What ``mogate set`` does is one call of the API, which anybody with the token can make."""
    gateway.json("simulate", "omadm")
    request = urllib.request.Request(
        gateway.url("admin", "/api/v1/subscribers/+15550100001/values"),
        json.dumps({"set": {"ims/RegRetryMaxTime": "900"}}).encode(),
        {"Authorization": f"Bearer {gateway.token}", "Content-Type": "application/json"},
        method="PATCH",
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    commands = gateway.json("simulate", "omadm")["facts"]["commands"]
    assert commands == ["Replace ./3GPP_IMS/RegRetryMaxTime 200"]


def test_a_phone_may_speak_wbxml(gateway: Gateway) -> None:
    """The same session in WBXML leaves the same tree on the phone."""
    binary = gateway.json("simulate", "omadm", "--wbxml", "--state", str(gateway.folder / "binary.json"))
    assert binary["result"] == "ok"
    xml = gateway.json("simulate", "omadm", "--state", str(gateway.folder / "binary.json"))
    assert xml["facts"]["commands"] == []
    assert xml["values"] == binary["values"]
    assert len(binary["values"]) > 100


def test_a_refusal_is_shown_as_refused(gateway: Gateway) -> None:
    """What the phone refuses is refused, with its code and what that means, and is not tried again unasked."""
    gateway.json("simulate", "omadm")
    gateway.run("set", "alice", "ims/Timer_T2=20000")
    refused = gateway.json("simulate", "omadm", "--refuse", "./3GPP_IMS/Timer_T2=405")
    assert refused["facts"]["commands"] == ["Replace ./3GPP_IMS/Timer_T2 405"]

    leaves = {leaf["node"]: leaf for leaf in gateway.json("device", "show", "alice.1")["leaves"]}
    leaf = leaves["ims/Timer_T2"]
    assert (leaf["standing"], leaf["status"], leaf["meaning"]) == ("refused", 405, "command not allowed")
    assert (leaf["wanted"], leaf["held"]) == ("20000", "16000")
    assert leaves["ims/Timer_T1"]["standing"] in ("acknowledged", "read back")
    text = gateway.run("device", "show", "alice.1")
    assert "REFUSED  ims/Timer_T2  405 command not allowed" in text
    services = gateway.json("subscriber", "show", "alice")["services"]
    (why,) = [one["why"] for one in services if (one["device_id"], one["service"]) == ("alice.1", "ims")]
    assert why == "the device refused ims/Timer_T2: 405 command not allowed"

    assert gateway.json("simulate", "omadm")["facts"]["commands"] == []
    gateway.run("set", "alice", "ims/Timer_T2=24000")
    assert gateway.json("simulate", "omadm")["facts"]["commands"] == ["Replace ./3GPP_IMS/Timer_T2 200"]


def test_an_operators_command_waits_for_the_next_session(gateway: Gateway) -> None:
    """A queued Get is sent once, and its outcome is kept."""
    gateway.run("device", "send", "alice.1", "Get", "./DevInfo/Lang")
    assert "Get ./DevInfo/Lang 200" in gateway.json("simulate", "omadm")["facts"]["commands"]
    (operation,) = gateway.json("device", "show", "alice.1")["operations"]
    assert (operation["status"], operation["results"]) == (200, {"./DevInfo/Lang": "en"})
    assert gateway.json("simulate", "omadm")["facts"]["commands"] == []


def test_stopping_is_clean_and_keeps_everything(gateway: Gateway) -> None:
    """Ctrl-C ends with status 0; the next start goes on where the last one stopped."""
    gateway.json("simulate", "omadm")
    gateway.json("simulate", "rcc14")
    assert gateway.stop() == 0
    assert "no gateway answers" in gateway.run("simulate", "omadm", fails=True)
    printed = gateway.start()
    assert "mogate simulate omadm" in printed
    assert gateway.json("simulate", "omadm")["facts"]["commands"] == []
    assert gateway.json("simulate", "rcc14")["facts"]["version"] == 1


def test_a_killed_gateway_has_lost_nothing_it_answered(gateway: Gateway) -> None:
    """After kill -9 the device that was brought up to date still is."""
    gateway.json("simulate", "omadm")
    gateway.run("set", "alice", "ims/Timer_T1=3000")
    gateway.json("simulate", "omadm")
    gateway.json("simulate", "rcc14")
    gateway.stop(9)
    gateway.start()
    assert gateway.json("simulate", "omadm")["facts"]["commands"] == []
    assert gateway.json("simulate", "rcc14")["facts"]["parameters"] == 0
    assert gateway.json("subscriber", "show", "alice")["values"] == {"ims/Timer_T1": "3000"}


def test_older_clients_get_the_older_layout(gateway: Gateway) -> None:
    """One tree, two layouts: a UP 1.0 client reads the same values in layout A."""
    new = gateway.json("simulate", "rcc14")["values"]
    old = gateway.json("simulate", "rcc14", "--profile", "UP_1.0", "--state", str(gateway.folder / "old.json"))[
        "values"
    ]
    assert old["APPLICATION[ap2001]/Timer_T1"] == new[IMS + "Timer_T1"]
    assert old["APPLICATION[ap2002]/IM/conf-fcty-uri"] == new["APPLICATION[ap2002]/MESSAGING/Chat/conf-fcty-uri"]
