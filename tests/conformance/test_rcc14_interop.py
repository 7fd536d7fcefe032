"""Interoperability: what clients in the field do, over the wire, and what they have to get.

Proofs of identity with a whole client are in tests/e2e/test_identity.py, those that need another server's part in
test_rcc14_peers.py.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import ssl
from typing import Any
from urllib.parse import quote
from xml.parsers import expat

import pytest
from rcc14_caller import FORM, HOST, HUB, Caller, Heard, Subscriber

from adapters.aka.packet import Type
from adapters.simulator.soft_sim import SoftSim

UP_2 = "rcs_version=11.0&rcs_profile=UP_2.4&provisioning_version=5.0"
EAP = "application/vnd.gsma.eap-relay.v1.0+json"
IMS_B = "urn:oma:mo:ext-3gpp-ims:1.0"
CLIENTS = {"ims": [IMS_B], "rcs": ["ap2002"], "both": [IMS_B, "ap2002"]}


def test_the_plain_leg_with_and_without_enrichment(rcc14: Caller) -> None:
    """200, empty, with a cookie for who is named; 511 without enrichment (RCC.14 2.2.1)."""
    who = rcc14.subscriber()
    heard = rcc14.plain(("X-IMSI", who.imsi))
    assert (heard.status, heard.body) == (200, b"")
    assert "Secure" not in heard.headers["Set-Cookie"]
    assert heard.headers["Cache-Control"] == "no-cache, no-store"
    heard = rcc14.plain()
    assert (heard.status, heard.body, heard.cookie) == (511, b"", "")


def test_a_cookie_is_used_up_by_delivery(rcc14: Caller) -> None:
    """The same cookie a second time proves nothing (RCC.14 2.2.1)."""
    who = rcc14.subscriber()
    cookie = rcc14.introduce(who)
    assert rcc14.secure(f"vers=0&IMSI={who.imsi}", cookie=cookie).status == 200
    assert rcc14.secure(f"vers=0&IMSI={who.imsi}", cookie=cookie).status == 511


def test_every_vers(rcc14: Caller) -> None:
    """What a client says it holds decides between a document, VERS alone and a higher version (RCC.14 VERS)."""
    who = rcc14.subscriber()
    first = rcc14.configure(who)
    assert (first.version, int(first.parms["VERS/validity"]) > 0) == (1, True)

    def asked(vers: str) -> tuple[int, bool]:
        heard = rcc14.configure(who, f"vers={vers}" if vers else "x=1")
        return heard.version, "APPLICATION/AppID" in heard.parms

    assert asked("1") == (1, False)
    assert asked("0") == (1, True)
    assert asked("-1") == (1, True)
    assert asked("-2") == (1, True)
    assert asked("") == (1, True)
    assert asked("garbage") == (1, True)
    assert asked("7") == (8, True)
    assert asked("8") == (8, False)
    assert asked("3") == (8, True)


@pytest.mark.parametrize("value", ["0", "1", "2"])
def test_default_sms_app(rcc14: Caller, value: str) -> None:
    """Each of its values is accepted and recorded as it is (RCC.07)."""
    who = rcc14.subscriber()
    rcc14.configure(who, f"vers=0&default_sms_app={value}")
    device = rcc14.admin("GET", f"/devices/{who.id}.1")
    assert device["rcc14"]["parameters"]["default_sms_app"] == value


def test_repeated_and_unknown_apps(rcc14: Caller) -> None:
    """What is asked for and served, each once; for an AppID of nobody a document without applications (RCC.14 2.3)."""
    who = rcc14.subscriber()
    both = rcc14.configure(who, f"vers=0&{UP_2}&app=ap2002&app={quote(IMS_B)}&app=ap2002&app=ap9999")
    apps = re.findall(rb'<characteristic type="APPLICATION"><parm name="AppID" value="([^"]+)"', both.body)
    assert sorted(apps) == [b"ap2002", b"urn:oma:mo:ext-3gpp-ims:1.0"]
    none = rcc14.configure(who, f"vers=0&{UP_2}&app=ap9999")
    assert none.version > 0
    assert b'value="ap2' not in none.body


def test_an_empty_token_is_none(rcc14: Caller) -> None:
    """A first request on Wi-Fi with ``token=`` starts the OTP leg: 200, empty, with a cookie (RCC.14 2.3)."""
    who = rcc14.subscriber()
    heard = rcc14.secure(f"vers=0&IMSI={who.imsi}&msisdn={quote(who.msisdn)}&SMS_port=37273&token=")
    assert (heard.status, heard.body, bool(heard.cookie)) == (200, b"", True)
    assert "Secure" in heard.headers["Set-Cookie"]


def test_a_raw_plus(rcc14: Caller) -> None:
    """A ``+`` that was not encoded is taken for what it was (RCC.14 2.3; field)."""
    who = rcc14.subscriber()
    assert rcc14.secure(f"vers=0&msisdn={who.msisdn}&SMS_port=0").status == 200
    assert who.msisdn == rcc14.sms(who.msisdn)["to"]


@pytest.mark.parametrize(("port", "header"), [("37273", "06050491990000"), ("0", ""), ("50000", "060504c3500000")])
def test_the_short_message_of_a_code(rcc14: Caller, port: str, header: str) -> None:
    """For a port the code alone in UTF-16 behind an 8-bit header; for port 0 words for the user (RCC.14 2.3)."""
    who = rcc14.subscriber()
    heard = rcc14.secure(f"vers=0&IMSI={who.imsi}&IMEI={who.imei}&msisdn={quote(who.msisdn)}&SMS_port={port}")
    message = rcc14.sms(who.msisdn)
    code = re.search("[0-9]{6}", message["text"])
    assert code is not None
    assert message["user_data_header"] == header
    if header:
        assert message["data_coding"] == 8
        assert bytes.fromhex(message["user_data"]).decode("utf-16-be") == code[0] == message["text"]
    else:
        assert len(message["text"]) > len(code[0])
    document = rcc14.secure(f"OTP={code[0]}", cookie=heard.cookie)
    assert (document.status, document.version) == (200, 1)
    assert document.parms["TOKEN/token"]


@pytest.mark.parametrize("name", ["OTP", "otp"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_code_comes_back_in_either_way(rcc14: Caller, name: str, method: str) -> None:
    """In the query or in a posted form, in capitals or not (field)."""
    who = rcc14.subscriber()
    heard = rcc14.secure(f"vers=0&msisdn={quote(who.msisdn)}&SMS_port=37273")
    reply = f"{name}={rcc14.sms(who.msisdn)['text']}"
    if method == "GET":
        document = rcc14.secure(reply, cookie=heard.cookie)
    else:
        document = rcc14.secure("", ("Content-Type", FORM), method="POST", body=reply.encode(), cookie=heard.cookie)
    assert document.status == 200
    assert document.version == 1


def test_wrong_codes(rcc14: Caller) -> None:
    """511 each time, after the last try for the right one too; with another cookie it is worth nothing (RCC.14 2.3)."""
    who, other = rcc14.subscriber(), rcc14.subscriber()
    mine = rcc14.secure(f"vers=0&msisdn={quote(who.msisdn)}&SMS_port=37273").cookie
    theirs = rcc14.secure(f"vers=0&msisdn={quote(other.msisdn)}&SMS_port=37273").cookie
    right = rcc14.sms(who.msisdn)["text"]
    wrong = str((int(right) + 1) % 10**6).zfill(6)
    assert rcc14.secure(f"OTP={right}&IMSI={other.imsi}", cookie=theirs).status == 511
    assert rcc14.secure(f"OTP={right}&IMSI={who.imsi}").status == 511
    assert [rcc14.secure(f"OTP={wrong}&IMSI={who.imsi}", cookie=mine).status for _ in range(3)] == [511] * 3
    assert rcc14.secure(f"OTP={right}&IMSI={who.imsi}", cookie=mine).status == 511


def test_a_loop_of_511_ends(rcc14: Caller) -> None:
    """After five of them a client is told to wait, in whole seconds and not the same for all (RCC.14 2.3)."""
    who = rcc14.subscriber()
    answers = [rcc14.secure(f"vers=0&IMSI={who.imsi}&token=x.1.1.y") for _ in range(9)]
    assert [heard.status for heard in answers] == [511] * 5 + [503] * 4
    waits = {heard.headers["Retry-After"] for heard in answers[5:]}
    assert all(re.fullmatch("[0-9]{1,4}", wait) for wait in waits)
    assert len(waits) > 1
    assert rcc14.configure(who).version == 1


def test_a_release_that_is_not_spoken(rcc14: Caller) -> None:
    """406 with the releases that are (RCC.14 2.3.1)."""
    heard = rcc14.secure("vers=0&provisioning_version=9.0")
    assert (heard.status, heard.headers["Supported-Versions"], heard.body) == (406, "2.0, 4.0, 5.0", b"")


def test_an_imsi_that_is_not_the_cookies(rcc14: Caller) -> None:
    """403, and the operator hears of it (RCC.14 2.2.1)."""
    who, other = rcc14.subscriber(), rcc14.subscriber()
    assert rcc14.secure(f"vers=0&IMSI={other.imsi}", cookie=rcc14.introduce(who)).status == 403
    kinds = [event["kind"] for event in rcc14.admin("GET", "/events?limit=1000")]
    assert "identity.mismatch" in kinds


def eap_of(heard: Heard) -> bytes:
    assert (heard.status, heard.headers["Content-Type"]) == (200, EAP)
    return base64.b64decode(json.loads(heard.body)["eap-relay-packet"])


def test_a_sim_that_rejects_the_network(rcc14: Caller) -> None:
    """Authentication-Reject gets no document but 511, to come back by another method; the exchange is over.

    Spec: RFC 4187 9.4 and 9.5, RCC.14 2.8
    """
    who = rcc14.subscriber()
    rcc14.admin("PUT", f"/subscribers/{who.id}/sims/{who.imsi}", {"k": "00" * 16, "opc": "11" * 16})
    offered = quote(f"0{who.imsi}@nai.epc.mnc001.mcc001.3gppnetwork.org")
    heard = rcc14.secure(f"vers=0&IMSI={who.imsi}&EAP_ID={offered}")
    challenge = eap_of(heard)
    code, identifier, kind, subtype = challenge[0], challenge[1], challenge[4], challenge[5]
    assert (code, kind, subtype) == (1, 23, 1)
    packet = bytes([2, identifier, 0, 8, 23, 2, 0, 0])
    body = json.dumps({"eap-relay-packet": base64.b64encode(packet).decode()}).encode()
    for _ in range(2):
        refused = rcc14.secure("", ("Content-Type", EAP), method="POST", body=body, cookie=heard.cookie)
        assert (refused.status, refused.body) == (511, b"")
    again = rcc14.secure(f"vers=0&IMSI={who.imsi}&msisdn={quote(who.msisdn)}&SMS_port=0")
    assert (again.status, bool(again.cookie)) == (200, True)


def authenticate(rcc14: Caller, who: Subscriber, memory: dict[str, Any], kind: int) -> tuple[Heard, list[str]]:
    """What a client ends with that lets its SIM answer, and what the SIM had to say each time."""
    sim = SoftSim(who.imsi, bytes(16), bytes([17]) * 16, memory)
    heard = rcc14.secure(f"vers=0&IMSI={who.imsi}&EAP_ID={quote(sim.permanent_identity(kind))}")
    cookie, said = heard.cookie, []
    while heard.headers["Content-Type"] == EAP:
        packet, what = sim.answer(eap_of(heard))
        said.append(what)
        body = json.dumps({"eap-relay-packet": base64.b64encode(packet).decode()}).encode()
        heard = rcc14.secure("", ("Content-Type", EAP), method="POST", body=body, cookie=heard.cookie or cookie)
    return heard, said


@pytest.mark.parametrize("kind", [Type.AKA, Type.AKA_PRIME])
def test_a_sim_proves_itself(rcc14: Caller, kind: int) -> None:
    """Packets go to and fro in JSON under one cookie; the document comes in place of EAP-Success (RCC.14 2.8)."""
    who = rcc14.subscriber()
    rcc14.admin("PUT", f"/subscribers/{who.id}/sims/{who.imsi}", {"k": "00" * 16, "opc": "11" * 16})
    heard, said = authenticate(rcc14, who, {}, kind)
    assert (said, heard.status, heard.parms["User/msisdn"]) == (["the SIM's answer"], 200, who.msisdn)
    assert heard.parms["TOKEN/token"]


def test_a_sim_that_is_ahead(rcc14: Caller) -> None:
    """One that has seen a higher sequence number says so, and the next challenge is good (RFC 4187 6.3.4)."""
    who = rcc14.subscriber()
    rcc14.admin("PUT", f"/subscribers/{who.id}/sims/{who.imsi}", {"k": "00" * 16, "opc": "11" * 16})
    heard, said = authenticate(rcc14, who, {"sqn": 5_000_000}, Type.AKA)
    assert (said, heard.status, heard.version) == (["out of step", "the SIM's answer"], 200, 1)


def test_the_layouts(rcc14: Caller) -> None:
    """Each client gets the layout that it reads, with the same values (RCC.15, RCC.07 Annex A)."""
    who = rcc14.subscriber()
    new = rcc14.configure(who, f"vers=0&{UP_2}").parms
    old = rcc14.configure(who, "vers=0&rcs_version=5.1B&rcs_profile=joyn_blackbird").parms
    assert new["APPLICATION/3GPP_IMS/Timer_T1"] == old["APPLICATION/Timer_T1"] == "2000"


@pytest.mark.parametrize(
    ("state", "version", "validity"),
    [("disabled", 0, 0), ("disabled_permanently", -1, -1), ("disabled_until_user", -2, -2), ("dormant", -3, None)],
)
def test_services_that_are_off(rcc14: Caller, state: str, version: int, validity: int | None) -> None:
    """VERS says so and no application goes with it; when the service returns the configuration does (RCC.14 VERS)."""
    who = rcc14.subscriber()
    rcc14.configure(who)
    rcc14.admin("PUT", f"/subscribers/{who.id}/state", {"state": state})
    off = rcc14.configure(who, "vers=1")
    assert off.version == version
    assert int(off.parms["VERS/validity"]) == validity if validity is not None else int(off.parms["VERS/validity"]) > 0
    assert "APPLICATION/AppID" not in off.parms
    assert ("MSG/title" in off.parms) is (state == "disabled_permanently")
    if state == "disabled_until_user":
        assert rcc14.configure(who, "vers=-2").version == 1
    rcc14.admin("PUT", f"/subscribers/{who.id}/state", {"state": "active"})
    held = 1 if version == -3 else version
    back = rcc14.configure(who, f"vers={held}")
    assert (back.version, "APPLICATION/AppID" in back.parms) == (1, version != -3)


def test_a_service_waits_for_its_user(rcc14: Caller) -> None:
    """After -2 a client that asks for all anew has its user's word for it, whatever ``vers`` it says; so has one that
    was told of RCS alone and says that it is active (RCC.14 VERS, RCC.07 rcsDisabledState)."""
    who = rcc14.subscriber()
    asked = f"{UP_2}&rcs_state"
    held = rcc14.configure(who, f"vers=0&{asked}=0").version
    rcc14.admin("PUT", f"/subscribers/{who.id}/state", {"state": "disabled_until_user"})
    assert rcc14.configure(who, f"vers={held}&{asked}={held}").version == -2
    assert rcc14.configure(who, f"vers=0&{asked}=-2").version == -2
    assert rcc14.configure(who, f"vers=0&{asked}=0").version == held
    rcc14.admin("PUT", f"/subscribers/{who.id}/state", {"state": "active"})

    rcc14.admin("PUT", f"/subscribers/{who.id}/state", {"state": "disabled_until_user", "application": "rcs"})
    disabled = "APPLICATION/SERVICES/rcsDisabledState"
    told = rcc14.configure(who, f"vers={held}&{asked}={held}")
    assert (told.version, told.parms[disabled]) == (held + 1, "-2")
    waits = rcc14.configure(who, f"vers={held + 1}&{asked}=-2")
    assert (waits.version, b"APPLICATION" in waits.body) == (held + 1, False)
    back = rcc14.configure(who, f"vers={held + 1}&{asked}=0")
    assert (back.version, disabled in back.parms, back.parms["APPLICATION/SERVICES/ChatAuth"]) == (held + 2, False, "1")
    kinds = [event["kind"] for event in rcc14.admin("GET", f"/events?subscriber={who.id}")]
    assert kinds.count("device.woken") == 2


@pytest.mark.parametrize(("accepts", "title"), [("fr, de;q=0.4", "Chat-Funktionen"), ("", "Chat features")])
def test_the_language_of_a_message(rcc14: Caller, accepts: str, title: str) -> None:
    """The terms come with the first configuration, in a language of the client, until it goes on (RCC.14 MSG)."""
    who = rcc14.subscriber()
    headers = [("Accept-Language", accepts)] if accepts else []
    first = rcc14.configure(who, "vers=0", *headers)
    assert (first.parms["MSG/title"], first.parms["MSG/Accept_btn"], first.parms["MSG/Reject_btn"]) == (title, "1", "1")
    device = rcc14.admin("GET", f"/devices/{who.id}.1")["rcc14"]
    assert (device["activation"], device["terms_sent"], device["terms_accepted"]) == ("offered", "1", "")
    rcc14.configure(who, "vers=1&rcs_state=1", *headers)
    device = rcc14.admin("GET", f"/devices/{who.id}.1")["rcc14"]
    assert (device["activation"], device["terms_accepted"]) == ("active", "1")
    assert "MSG/title" not in rcc14.configure(who, "vers=0", *headers).parms
    rcc14.configure(who, "vers=1&rcs_state=-4", *headers)
    assert rcc14.admin("GET", f"/devices/{who.id}.1")["rcc14"]["activation"] == "disabled by user"
    kinds = [event["kind"] for event in rcc14.admin("GET", f"/events?subscriber={who.id}")]
    assert kinds.count("device.activation") == 4
    assert {"terms.offered", "terms.accepted"} <= set(kinds)


def test_the_reconfiguration_message(rcc14: Caller) -> None:
    """The octets of the message by IMSI (RCC.14 3)."""
    who = rcc14.subscriber()
    push = rcc14.admin("POST", f"/subscribers/{who.id}/reconfiguration?dry_run=true")
    expected = "06050491990000" + f"{who.imsi}-rcscfg".encode("utf-16-be").hex()
    assert [segment.lower() for segment in push["segments"]] == [expected]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_of_tls(rcc14: Caller, version: ssl.TLSVersion) -> None:
    """TLS 1.2 and 1.3 are spoken, under the name of the default server (RCC.14 2.2.1)."""
    context = ssl.create_default_context(cafile=str(rcc14.gateway.folder / "data/tls/ca.pem"))
    context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", rcc14.gateway.ports["tls"]), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as connection,
    ):
        connection.sendall(f"GET /?IMSI=1&token=x HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 511 Network Authentication Required\r\n")


def test_many_cookies(rcc14: Caller) -> None:
    """Several Cookie headers, several cookies in one, with and without a space (field)."""
    who = rcc14.subscriber()
    cookie = rcc14.introduce(who)
    heard = rcc14.secure("vers=0", ("Cookie", f"a=1;acs=old;{cookie};b=2"), ("Cookie", "acs=newer; c=3"))
    assert (heard.status, heard.version) == (200, 1)


def test_two_kinds_of_readers(rcc14: Caller) -> None:
    """One that takes the first ``version`` it sees, compares exactly and wants lower-case attributes reads the same as
    one that takes any case (field)."""
    who = rcc14.subscriber()
    heard = rcc14.configure(who, f"vers=0&{UP_2}&rcs_state=0")
    assert (read_sloppily(heard)["version"], read_sloppily(heard)["validity"]) == (
        heard.parms["VERS/version"],
        heard.parms["VERS/validity"],
    )
    strict = read_strictly(heard)
    assert strict[0] == ("VERS", "version", "1")
    assert [name for _, name, _ in strict].count("version") == 1
    assert heard.body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>')
    assert heard.headers["Content-Type"].startswith("text/vnd.wap.connectivity-xml")
    assert int(heard.headers["Content-Length"]) == len(heard.body)


def read_strictly(heard: Heard) -> list[tuple[str, str, str]]:
    """Every parm with the characteristic it is in, of a reader that knows nothing but exact names."""
    found: list[tuple[str, str, str]] = []
    within: list[str] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag == "characteristic":
            within.append(attributes["type"])
        elif tag == "parm":
            found.append((within[-1], attributes["name"], attributes["value"]))
        else:
            assert (tag, attributes) == ("wap-provisioningdoc", {"version": "1.1"})

    def end(tag: str) -> None:
        if tag == "characteristic":
            within.pop()

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.Parse(heard.body, True)
    return found


def read_sloppily(heard: Heard) -> dict[str, str]:
    """The first value of each name, wherever it stands and in whatever case."""
    found: dict[str, str] = {}
    for name, value in re.findall(rb'name="([^"]*)"\s+value="([^"]*)"', heard.body, re.I):
        found.setdefault(name.decode().lower(), value.decode())
    return found


def test_the_version_stays_and_grows(rcc14: Caller) -> None:
    """The same content is the same version however often it is rendered; a change is the next (RCC.14 VERS)."""
    who = rcc14.subscriber()
    bodies = {re.sub(rb'value="[^"]*"/><parm name="validity"', b"", rcc14.configure(who).body) for _ in range(3)}
    assert len(bodies) <= 2  # the first has the terms' MSG, and so may the next
    assert rcc14.configure(who).version == 1
    rcc14.admin("PATCH", f"/subscribers/{who.id}/values", {"set": {"ims/Timer_T1": "3000"}})
    assert rcc14.configure(who, "vers=1").version == 2
    rcc14.admin("PATCH", f"/subscribers/{who.id}/values", {"set": {"ims/Timer_T1": "3000"}})
    assert rcc14.configure(who, "vers=2").version == 2
    upgraded = rcc14.configure(who, "vers=2&client_version=RCSAndrd-2.0")
    assert (upgraded.version, "APPLICATION/AppID" in upgraded.parms) == (3, True)


def test_clients_of_one_phone_keep_out_of_each_others_way(rcc14: Caller) -> None:
    """An IMS and an RCS client of one phone, and one that asks for both: a change of RCS is new for those that have
    it, the other is up to date, and nobody's version is another's (RCC.14 VERS, app).
    """
    who = rcc14.subscriber()
    wishes = {name: "".join(f"&app={quote(app)}" for app in apps) for name, apps in CLIENTS.items()}

    def ask() -> dict[str, Heard]:
        """What each client hears that holds what it was given last."""
        heard = {name: rcc14.configure(who, f"vers={holds[name]}&{UP_2}{app}") for name, app in wishes.items()}
        holds.update({name: one.version for name, one in heard.items()})
        return heard

    holds = dict.fromkeys(CLIENTS, 0)
    assert {name: one.version for name, one in ask().items()} == {"ims": 1, "rcs": 2, "both": 3}
    assert not any(b"APPLICATION" in one.body for one in ask().values())
    rcc14.admin("PATCH", f"/subscribers/{who.id}/values", {"set": {"rcs/MESSAGING/Chat/TimerIdle": "301"}})
    changed = ask()
    assert {name: one.version for name, one in changed.items()} == {"ims": 1, "rcs": 4, "both": 5}
    assert {name for name, one in changed.items() if b'"TimerIdle" value="301"' in one.body} == {"rcs", "both"}
    assert b"3GPP_IMS" in changed["both"].body


def test_the_part_of_an_additional_server(rcc14: Caller) -> None:
    """By the name of an additional server the gateway asks for the same proofs and gives its own applications, under a
    version of that server; MSG and ACCESS-CONTROL are the default server's to send (RCC.14 2.2.2).
    """
    who = rcc14.subscriber()
    hub = ("Host", HUB)
    assert rcc14.plain(hub).status == 511
    assert rcc14.secure(f"vers=0&{UP_2}&IMSI={who.imsi}", hub).status == 511
    here = rcc14.configure(who, f"vers=0&{UP_2}")
    assert {path.partition("/")[0] for path in here.parms} == {"VERS", "TOKEN", "MSG", "User", "APPLICATION"}
    cookie = rcc14.plain(hub, ("X-IMSI", who.imsi)).cookie
    asked = f"vers=0&{UP_2}&IMSI={who.imsi}&IMEI={who.imei}"
    there = rcc14.secure(f"{asked}&app=ap2002&app={quote(IMS_B)}", hub, cookie=cookie)
    assert {path.partition("/")[0] for path in there.parms} == {"VERS", "TOKEN", "User", "APPLICATION"}
    assert re.findall(rb'"AppID" value="([^"]+)"', there.body) == [b"ap2002"]
    token = quote(there.parms["TOKEN/token"])
    again = rcc14.secure(f"{asked.replace('vers=0', f'vers={there.version}')}&app=ap2002&token={token}", hub)
    assert (again.version, b"APPLICATION" in again.body) == (there.version, False)
    assert rcc14.configure(who, f"vers={here.version}&{UP_2}").version == here.version
    rcc14.admin("PUT", f"/subscribers/{who.id}/state", {"state": "disabled_permanently"})
    gone = rcc14.secure(f"{asked}&token={token}", hub)
    assert gone.parms == {"VERS/version": "-1", "VERS/validity": "-1"}


def test_an_additional_server_asks_for_a_code_by_the_id_providers_number(rcc14: Caller) -> None:
    """The number that an id-provider gave is a claim like any other: a code goes to it (RCC.14 2.2.2, id-provider)."""
    who = rcc14.subscriber()
    number = rcc14.configure(who, f"vers=0&{UP_2}").parms["User/msisdn"]
    waiting = rcc14.secure(f"vers=0&{UP_2}&msisdn={quote(number)}&SMS_port=0&app=ap2002", ("Host", HUB))
    assert (waiting.status, waiting.body) == (200, b"")
    code = re.search("[0-9]{6}", rcc14.sms(number)["text"])
    assert code is not None
    assert "APPLICATION/AppID" in rcc14.secure(f"OTP={code[0]}", ("Host", HUB), cookie=waiting.cookie).parms


def test_each_phone_has_the_identity_of_its_sim(rcc14: Caller) -> None:
    """Of a subscriber with two SIMs each phone registers as the SIM that is in it, and as another after it was moved
    (TS 23.003 13.3)."""
    sims = ["001017770000001", "001017770000002"]
    who = rcc14.subscriber(imsis=sims)
    first, second = who._replace(imsi=sims[0]), who._replace(imsi=sims[1], imei="004401020000017")
    at = "APPLICATION/3GPP_IMS/Private_User_Identity"

    def identity(who: Subscriber, vers: int) -> tuple[int, str]:
        heard = rcc14.secure(
            f"vers={vers}&{UP_2}&IMSI={who.imsi}&IMEI={who.imei}", cookie=rcc14.plain(("X-IMSI", who.imsi)).cookie
        )
        return heard.version, heard.parms.get(at, "").partition("@")[0]

    assert [identity(who, 0) for who in (first, second)] == [(1, first.imsi), (1, second.imsi)]
    assert [identity(who, 1) for who in (first, second)] == [(1, ""), (1, "")]
    swapped = first._replace(imei=second.imei), second._replace(imei=first.imei)
    assert [identity(who, 1) for who in swapped] == [(2, first.imsi), (2, second.imsi)]


def add_tablet(rcc14: Caller, who: Subscriber) -> Heard:
    """The first document of a device without a SIM of the subscriber's, who reads the code on the phone."""
    waiting = rcc14.secure(f"vers=0&{UP_2}&msisdn={quote(who.msisdn)}&SMS_port=0&friendly_device_name=Tablet")
    code = re.search("[0-9]{6}", rcc14.sms(who.msisdn)["text"])
    assert code is not None
    return rcc14.secure(f"OTP={code[0]}", cookie=waiting.cookie)


def test_digest_credentials_of_an_additional_device(rcc14: Caller) -> None:
    """The device gets a private identity, realm and password of its own. The operator gives their H(A1) to the HSS by
    an act that leaves an event and no secret; rotation and revocation make others (RCC.15 2.1.2; TS 33.203 Annex N).
    """
    who = rcc14.subscriber()
    first = add_tablet(rcc14, who)
    at = "APPLICATION/3GPP_IMS"
    name, realm, password = (first.parms[f"{at}/Ext/GSMA/{leaf}"] for leaf in ("UserName", "Realm", "UserPwd"))
    assert first.parms[f"{at}/Private_User_Identity"] == name
    assert name.endswith(f"@{realm}")
    assert who.imsi not in name
    told = rcc14.admin("POST", f"/devices/{who.id}.1/ims-credential", {})
    assert told["ha1"] == hashlib.md5(f"{name}:{realm}:{password}".encode(), usedforsecurity=False).hexdigest()
    assert (told["username"], told["realm"], told["password"]) == (name, realm, "")
    token = quote(first.parms["TOKEN/token"])
    assert rcc14.secure(f"vers=1&{UP_2}&token={token}").version == 1

    rotated = rcc14.admin("POST", f"/devices/{who.id}.1/ims-credential", {"rotate": True, "with_password": True})
    second = rcc14.secure(f"vers=1&{UP_2}&token={token}")
    assert second.version == 2
    assert second.parms[f"{at}/Ext/GSMA/UserPwd"] == rotated["password"] != password
    rcc14.admin("POST", f"/devices/{who.id}.1/revocation", {"token_only": True})
    assert rcc14.admin("POST", f"/devices/{who.id}.1/ims-credential", {})["ha1"] not in (told["ha1"], rotated["ha1"])
    events = rcc14.admin("GET", f"/events?subscriber={who.id}")
    kinds = [event["kind"].removeprefix("ims_credential.") for event in events if "ims_credential" in event["kind"]]
    assert kinds == ["made", "read", "made", "read", "made", "read"]
    log = rcc14.gateway.log()
    assert not [secret for secret in (password, rotated["password"], told["ha1"], rotated["ha1"]) if secret in log]


def test_an_additional_device(rcc14: Caller) -> None:
    """Without a SIM of the subscriber's it proves itself by a code read on the phone; it has a document, a version and
    a token of its own, and can be shut out alone (RCC.15 2.1.2)."""
    who = rcc14.subscriber()
    rcc14.configure(who)
    waiting = rcc14.secure(
        f"vers=0&msisdn={quote(who.msisdn)}&IMSI=999990000000001&SMS_port=0&friendly_device_name=Tablet&device_type=tablet"
    )
    code = re.search("[0-9]{6}", rcc14.sms(who.msisdn)["text"])
    assert code is not None
    first = rcc14.secure(f"OTP={code[0]}", cookie=waiting.cookie)
    assert (first.status, first.version, first.parms["User/msisdn"]) == (200, 1, who.msisdn)
    assert first.parms["APPLICATION/Ext/Q-Value"] == "0.5"
    assert first.parms["APPLICATION/APPAUTH/AuthType"] == "Digest"
    token = quote(first.parms["TOKEN/token"])
    devices = rcc14.admin("GET", f"/subscribers/{who.id}")["devices"]
    assert [(one["role"], one["friendly_name"]) for one in devices] == [("primary", ""), ("additional", "Tablet")]
    assert rcc14.secure(f"vers=1&IMSI=999990000000001&token={token}").status == 200
    rcc14.admin("POST", f"/devices/{who.id}.2/revocation", {})
    assert rcc14.secure(f"vers=1&IMSI=999990000000001&token={token}").status == 511
    assert rcc14.configure(who, "vers=1").version == 1
