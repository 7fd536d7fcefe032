"""Bootstrap by the DM profile: the message, its objects in every form, and its proof."""

import libwbxml
import pytest
from tshark import dissect

from adapters.omadm.bootstrap import (
    DMACC,
    Method,
    Proof,
    TndsForm,
    account_subtree,
    bootstrap_message,
    prove,
    push,
)
from adapters.omadm.codec import decode, encoding_of
from adapters.omadm.messages import Command, SyncML
from adapters.omadm.tnds import Leaf, Subtree
from adapters.omadm.xml import decode_xml
from adapters.sms.pdu import encode_parts
from adapters.sms.wsp import encode_push
from adapters.wbxml.codec import decode as decode_wbxml
from adapters.wbxml.element import AnyElement
from gateway.errors import ConfigError
from gateway.fleet.account import Account, Login
from gateway.tree.format import Format

ACCOUNT = Account(
    "srv", "Server", "https://dm.example/dm", "md5", Login("phone", "pw-c", b"\x00\x01"), Login("srv", "pw-s", b"\xfe")
)
NAP = Subtree("NAP1", "urn:oma:mo:oma-connmo-nap:1.0", [Leaf(("NAPID",), Format.CHR, "NAP1")], acl="Get=srv")
SUBTREES = [account_subtree(ACCOUNT, connection="./Inbox/NAP1"), NAP]
IMSI = "001011234567895"


def item(form: TndsForm) -> tuple[SyncML, AnyElement]:
    """The message, and the tree in its one item."""
    message, _ = decode(
        bootstrap_message(ACCOUNT, "IMEI:1", SUBTREES, form), encoding_of("application/vnd.syncml.dm+wbxml")
    )
    (command,) = message.commands
    assert isinstance(command, Command)
    data = command.items[0].data
    if isinstance(data, tuple):
        return message, data[0]
    return message, decode_xml(data.encode()) if isinstance(data, str) else decode_wbxml(data or b"")[1]


def flat(element: AnyElement, path: str = "") -> dict[str, object]:
    """Value, ACL, type and format by the path of their node."""
    found: dict[str, object] = {}
    _, content = element
    assert isinstance(content, list)
    fields = dict(content)
    here = f"{path}/{fields['NodeName']}" if "NodeName" in fields else path
    if "Value" in fields:
        found[here] = fields["Value"]
    for tag, child in content:
        if tag == "Node":
            found |= flat((tag, child), here)
        elif tag == "RTProperties" and isinstance(child, list):
            found |= {f"{here}#{name}": value for name, value in child}
    return found


@pytest.mark.parametrize("form", ["wbxml", "inline", "xml"])
def test_the_message(form: TndsForm) -> None:
    """One Add to the Inbox, final, without a session; the type says how the objects stand in it. Spec: DM_Bootstrap"""
    message, _ = item(form)
    (command,) = message.commands
    assert isinstance(command, Command)
    assert (command.verb, len(command.items), message.final) == ("Add", 1, True)
    assert (message.header.target, message.header.source, message.header.msg_id) == ("IMEI:1", "srv", 1)
    meta = command.items[0].meta
    assert meta is not None
    subtype = "xml" if form == "xml" else "wbxml"
    assert (command.items[0].target, meta.format) == ("./Inbox", "xml")
    assert meta.type == f"application/vnd.syncml.dmtnds+{subtype}"


@pytest.mark.parametrize("form", ["wbxml", "inline", "xml"])
def test_the_objects(form: TndsForm) -> None:
    """Account and access point, with their rights, in every form alike; octets are base64 in XML alone.

    Spec: OMA-TS-DM_StdObj-V1_2 5.3, OMA-TS-DM_TNDS-V1_2
    """
    _, tree = item(form)
    found = flat(tree)
    values = {path: value for path, value in found.items() if "#" not in path}
    nonces = {"wbxml": (b"\0\x01", b"\xfe"), "inline": (b"\0\x01", b"\xfe"), "xml": ("AAE=", "/g==")}[form]
    assert values == {
        "/MOGate/AppID": "w7",
        "/MOGate/ServerID": "srv",
        "/MOGate/Name": "Server",
        "/MOGate/PrefConRef": "./Inbox/NAP1",
        "/MOGate/AppAddr/1/Addr": "https://dm.example/dm",
        "/MOGate/AppAddr/1/AddrType": "URI",
        "/MOGate/AppAddr/1/Port/1/PortNbr": "443",
        "/MOGate/AAuthPref": "DIGEST",
        "/MOGate/AppAuth/1/AAuthLevel": "CLCRED",
        "/MOGate/AppAuth/1/AAuthType": "DIGEST",
        "/MOGate/AppAuth/1/AAuthName": "phone",
        "/MOGate/AppAuth/1/AAuthSecret": "pw-c",
        "/MOGate/AppAuth/1/AAuthData": nonces[0],
        "/MOGate/AppAuth/2/AAuthLevel": "SRVCRED",
        "/MOGate/AppAuth/2/AAuthType": "DIGEST",
        "/MOGate/AppAuth/2/AAuthName": "srv",
        "/MOGate/AppAuth/2/AAuthSecret": "pw-s",
        "/MOGate/AppAuth/2/AAuthData": nonces[1],
        "/NAP1/NAPID": "NAP1",
    }
    assert found["/MOGate#ACL"] == "Delete=srv&Get=srv&Replace=srv"
    assert found["/MOGate#Type"] == [("DDFName", DMACC)]
    assert found["/MOGate/AppAddr/1#Format"] == [("node", "")]
    assert found["/MOGate/AppAuth/1/AAuthData#Format"] == [("b64" if form == "xml" else "bin", "")]


def test_libwbxml_reads_the_objects() -> None:
    """An independent decoder finds the same tree in the WBXML of its own that the message carries."""
    account = account_subtree(ACCOUNT._replace(client=Login("phone", "pw"), server=Login("srv", "pw")))
    message, _ = decode(
        bootstrap_message(ACCOUNT, "IMEI:1", [account], "wbxml"), encoding_of("application/vnd.syncml.dm+wbxml")
    )
    (command,) = message.commands
    assert isinstance(command, Command)
    data = command.items[0].data
    assert isinstance(data, bytes)
    assert libwbxml.element_of(libwbxml.to_xml(data)) == decode_wbxml(data)[1]


@pytest.mark.parametrize(
    ("method", "mac"),
    [
        (Method.NETWORKID, "8B79E4E49A63AE8F9D6C881995AA6D46560200FA"),
        (Method.USERPIN, "F23E3CDA40446F63241C0CDE91CB76A83A1A35B2"),
        (Method.USERPIN_NETWORKID, "BC9C7FF00BBEB3D0E8543B2A5B1D06CA0D0F9A5A"),
    ],
)
def test_proofs(method: Method, mac: str) -> None:
    """HMAC-SHA1 of the message, computed by OpenSSL; PIN and IMSI are joined by a colon. Spec: DM_Security-V1_2 5.7"""
    assert prove(method, b"message", imsi=IMSI, pin="1234") == Proof(method, mac)


def test_the_digits_of_the_imsi() -> None:
    """For phones that take the IMSI as it is written."""
    given = prove(Method.NETWORKID, b"message", imsi="00101123456789", imsi_form="digits")
    assert given.mac == prove(Method.USERPIN, b"message", pin="00101123456789").mac


@pytest.mark.parametrize(
    ("method", "imsi", "pin", "says"),
    [
        (Method.NETWORKID, "", "1234", "NETWORKID needs the subscriber's IMSI"),
        (Method.USERPIN, IMSI, "", "USERPIN needs a PIN"),
        (Method.USERPIN_NETWORKID, IMSI, "x", "USERPIN_NETWORKID needs a PIN"),
        (Method.USERPIN_NETWORKID, "", "1234", "USERPIN_NETWORKID needs the subscriber's IMSI"),
    ],
)
def test_what_a_method_needs(method: Method, imsi: str, pin: str, says: str) -> None:
    """Without its key nothing is signed."""
    with pytest.raises(ConfigError, match=says):
        prove(method, b"message", imsi=imsi, pin=pin)


def test_tshark_reads_the_push() -> None:
    """An independent dissector finds type, SEC, MAC and application in the short messages, and the message in them."""
    message = bootstrap_message(ACCOUNT, "IMEI:1", SUBTREES, "wbxml")
    proof = prove(Method.USERPIN, message, pin="1234")
    found = dissect(encode_parts(encode_push(push(message, proof)), reference=3))
    assert f"application/vnd.syncml.dm+wbxml; SEC=USERPIN; MAC={proof.mac}" in found
    assert "X-Wap-Application-Id: x-wap-application:syncml.dm" in found
    assert "'./Inbox'" in found
    assert f"[Reassembled Short Message length: {len(encode_push(push(message, proof)))}]" in found
