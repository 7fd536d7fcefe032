"""Exports of other servers as the shipped mappings take them over, with the rows that stand in those files."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import urllib.request
from pathlib import Path

from live_gateway import CONFIG, Gateway
from rcc14_caller import Caller

DM, RCS = CONFIG / "import" / "oma-dm-server.toml", CONFIG / "import" / "rcs-server.toml"


def _md5(octets: bytes) -> bytes:
    return hashlib.md5(octets, usedforsecurity=False).digest()


def _shown(mapping: Path) -> list[str]:
    """The lines of the export that a mapping's comment shows."""
    return re.findall("^#   +(.*)$", mapping.read_text(), re.MULTILINE)


def test_a_phone_of_an_oma_dm_server_goes_on_with_the_digest_it_has(gateway: Gateway, tmp_path: Path) -> None:
    """A device whose password nobody knows proves itself in its first message, with the nonce it last agreed on there;
    broken rows are told, and the import can be run again.

    Spec: OMA-TS-DM_Security-V1_2 5.3 (md5: B64(H(B64(H(name:password)):nonce)))
    """
    header, row = _shown(DM)
    inner = _md5(b"user1:pa55word")
    row = row.replace("<32 hexadecimal digits>", inner.hex()).replace("001010000000001", "001010000000901")
    broken = (
        row.replace("001010000000901", "001010000000902").replace("50100001", "50100902").replace(inner.hex(), "zz")
    )
    gone = row.replace("ACTIVE", "RETIRED")
    file = tmp_path / "devices.csv"
    file.write_text("\n".join([header, row.replace("50100001", "50100901"), broken, gone, "short;row"]) + "\n")
    for outcome in ("created", "present"):
        told = gateway.json("import", "rows", str(DM), str(file), status=1)
        assert told["subscribers"]["outcomes"] == {"failed": 1, outcome: 2}
        assert told["devices"]["outcomes"] == {"failed": 2, outcome: 1}
        assert [(one["line"], one["why"][:13]) for one in told["devices"]["failed"]] == [
            (3, "client_digest"), (5, "has not the 1"),
        ]  # fmt: skip
    found = gateway.api("GET", "/subscribers/001010000000901")
    assert (found["msisdn"], found["plan"]) == ("+4915550100901", "premium")

    cred = base64.b64encode(_md5(base64.b64encode(inner) + b":nonce")).decode()
    message = (
        "<SyncML><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1</SessionID><MsgID>1</MsgID>"
        f"<Target><LocURI>{gateway.url('plain', '/omadm')}</LocURI></Target>"
        "<Source><LocURI>IMEI:490154203237518</LocURI><LocName>user1</LocName></Source>"
        f"<Cred><Meta><Type>syncml:auth-md5</Type></Meta><Data>{cred}</Data></Cred></SyncHdr>"
        "<SyncBody><Alert><CmdID>1</CmdID><Data>1201</Data></Alert><Final/></SyncBody></SyncML>"
    )
    request = urllib.request.Request(gateway.url("plain", "/omadm"), message.encode())
    request.add_header("Content-Type", "application/vnd.syncml.dm+xml")
    with urllib.request.urlopen(request, timeout=60) as answer:
        said = answer.read().decode()
    assert re.search("<Cmd>SyncHdr</Cmd>.*?<Data>212</Data>", said, re.DOTALL), said


def test_clients_of_an_rcs_server_keep_their_tokens(gateway: Gateway, tmp_path: Path) -> None:
    """Users come with plan and token; a line that is no JSON is told, and the others count."""
    user = json.loads("".join(_shown(RCS)))
    user["user"] |= {"msisdn": "+15550100911", "imsi": "001010000000911"}
    user["token"]["expires"] = 4102444800
    other = {"user": user["user"] | {"msisdn": "+15550100912", "imsi": "001010000000912"}, "state": "DORMANT"}
    file = tmp_path / "users.jsonl"
    file.write_text("\n".join([json.dumps(user), "{", json.dumps(other), json.dumps({"state": "DELETED"})]) + "\n")
    told = gateway.json("import", "rows", str(RCS), str(file), status=1)
    assert told["subscribers"]["outcomes"] == {"created": 2, "failed": 1}
    assert told["tokens"]["outcomes"] == {"created": 1, "failed": 1}
    assert [one["line"] for one in told["tokens"]["failed"]] == [2]
    found = gateway.api("GET", "/subscribers/001010000000911")
    assert (found["plan"], found["attributes"]) == ("premium", {"area": "north"})
    file.write_text("state;user\n")
    assert "has no column" in gateway.run("import", "rows", str(DM), str(file.rename(tmp_path / "x.csv")), fails=True)


def test_a_table_of_tokens_lets_its_clients_in(gateway: Gateway, tmp_path: Path) -> None:
    """Each once, from its own phone, until it ends; a row that names nobody is told, and again is harmless."""
    gateway.run("subscriber", "add", "--imsi", "001010000000921", "--msisdn", "+15550100921")
    file, imei, old = tmp_path / "tokens.csv", "004401020000921", "old-server-token-921"
    file.write_text(
        "subscriber,imei,token,expires_at\n"
        f"+15550100921,{imei},{old},2099-12-31T00:00:00Z\n"
        f"nobody,,{old}-2,\n"
        f"001010000000921,,{old}-3,2020-01-01T00:00:00Z\n"
    )
    for outcome in ("created", "present"):
        told = gateway.json("import", "tokens", str(file), status=1)
        assert told["outcomes"] == {outcome: 1, "failed": 2}
        assert [one["line"] for one in told["failed"]] == [3, 4]
    phone = Caller(gateway)
    asked = f"vers=0&IMSI=001010000000921&IMEI={imei}&rcs_profile=UP_2.4&token="
    assert phone.secure(asked + old + "-3").status == 511
    found = phone.secure(asked + old)
    assert (found.status, found.version) == (200, 1)
    assert phone.secure(asked + found.parms["TOKEN/token"]).status == 200
    assert phone.secure(asked + old).status == 511
