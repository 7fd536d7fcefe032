"""Bad input from the network gets a clear answer, never a 5xx, and loses nothing."""

from __future__ import annotations

import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import pytest
from live_gateway import Gateway, serving

XML = "application/vnd.syncml.dm+xml"
WBXML = "application/vnd.syncml.dm+wbxml"

HEADER = (
    "<SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>{session}</SessionID><MsgID>{msg_id}</MsgID>"
    "<Target><LocURI>mogate</LocURI></Target><Source><LocURI>{device}</LocURI></Source>{cred}</SyncHdr>"
)
START = "<Alert><CmdID>1</CmdID><Data>1201</Data></Alert>"
CRED = (
    '<Cred><Meta><Format xmlns="syncml:metinf">b64</Format><Type xmlns="syncml:metinf">syncml:auth-md5</Type></Meta>'
    "<Data>MTIzNDU2Nzg5MDEyMzQ1Ng==</Data></Cred>"
)
BOMB = "<!DOCTYPE s [" + "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9)) + "]><SyncML>&a9;</SyncML>"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway for all of these: what one test does must not harm the next."""
    with serving(tmp_path_factory.mktemp("gateway")) as one:
        yield one


def message(
    device: str = "IMEI:001015000000015", session: str = "1", msg_id: int = 1, body: str = START, cred: str = ""
) -> bytes:
    header = HEADER.format(session=session, msg_id=msg_id, device=device, cred=cred)
    return f'<SyncML xmlns="SYNCML:SYNCML1.2">{header}<SyncBody>{body}<Final/></SyncBody></SyncML>'.encode()


def ask(
    url: str, *, body: bytes | None = None, headers: dict[str, str] | None = None, authority: Path | None = None
) -> tuple[int, bytes, Message]:
    request = urllib.request.Request(url, body, headers or {})
    context = ssl.create_default_context(cafile=str(authority)) if authority else None
    try:
        with urllib.request.urlopen(request, timeout=30, context=context) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        (XML, b"", 400),
        (XML, b"<SyncML", 400),
        (XML, b"<SyncML/>", 400),
        (XML, BOMB.encode(), 400),
        (XML, b'<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]><SyncML>&x;</SyncML>', 400),
        (XML, b"<a>" * 5000 + b"</a>" * 5000, 413),
        (XML, b"<SyncML>" + b"x" * 300_000 + b"</SyncML>", 413),
        (WBXML, b"", 400),
        (WBXML, b"\x02\xa4\x01\x6a\x00", 400),
        (WBXML, b"\x02\xa4\x01\x6a\x8f\xff\xff\xff\x7f", 413),
        (WBXML, b"\x02\xa4\x01\x6a\x00" + b"\x6d" * 5000, 413),
        (WBXML, b"\x02\xa4\x01\x6a\x00\x6d\xc3\x8f\xff\xff\xff\x7f", 400),
        (WBXML, message(), 400),
        ("text/plain", message(), 415),
        ("", message(), 415),
    ],
)
def test_octets_that_are_no_message_are_refused(gateway: Gateway, content_type: str, body: bytes, status: int) -> None:
    """What is no message is answered 400, 413 or 415, at once and with a word why.

    Spec: OMA-TS-SyncML_HTTPBinding-V1_2
    """
    answered, reason, _ = ask(gateway.url("plain", "/omadm"), body=body, headers={"Content-Type": content_type})
    assert answered in ({status} if status != 413 else {400, 413})
    assert reason


def test_wrong_methods_and_paths_are_refused(gateway: Gateway) -> None:
    """What is not served is 404 or 405."""
    assert ask(gateway.url("plain", "/omadm"))[0] == 405
    assert ask(gateway.url("plain", "/elsewhere"))[0] == 404
    assert ask(gateway.url("plain", "/"), body=b"x")[0] == 405


@pytest.mark.parametrize("listener", ["plain", "tls", "admin", "internet"])
@pytest.mark.parametrize(
    "request_line",
    [
        "GET / HTTP/1.1",
        "GET /elsewhere HTTP/1.1",
        "GET /readyz HTTP/1.1",
        "GET /api/v1/subscribers HTTP/1.1",
        "GET /console/ HTTP/1.1",
        "BREW / HTTP/1.1",
        "POST /omadm HTTP/1.1",
        "POST /omadm HTTP/1.1\r\nExpect: the-worst",
        "POST /omadm HTTP/1.1\r\nContent-Length: much",
        "no HTTP",
    ],
)
def test_no_answer_tells_what_the_gateway_is_made_of(gateway: Gateway, listener: str, request_line: str) -> None:
    """Neither Python nor aiohttp is named, nor their versions, whatever is asked and whoever answers."""
    with socket.create_connection(("127.0.0.1", gateway.ports[listener]), timeout=30) as connection:
        if listener == "tls":
            context = ssl.create_default_context(cafile=str(gateway.folder / "data" / "tls" / "ca.pem"))
            connection = context.wrap_socket(connection, server_hostname="127.0.0.1")
        connection.sendall(f"{request_line}\r\nHost: mogate\r\nConnection: close\r\n\r\n".encode())
        answer = connection.makefile("rb").read()
        connection.close()
    head, _, _ = answer.partition(b"\r\n\r\n")
    assert b"\r\nServer: MOGate" in head
    assert b"python" not in answer.lower()
    assert b"aiohttp" not in answer.lower()


@pytest.mark.parametrize(
    ("device", "cred", "code"),
    [
        ("IMEI:001015000000015", "", "407"),
        ("IMEI:001015000000015", CRED, "401"),
        ("IMEI:999999999999999", "", "407"),
        ("IMEI:999999999999999", CRED, "401"),
    ],
)
def test_strangers_and_wrong_credentials_are_challenged_alike(
    gateway: Gateway, device: str, cred: str, code: str
) -> None:
    """Whoever does not prove itself gets a challenge and nothing else; whether it is known cannot be told.

    Spec: OMA-TS-DM_Security-V1_2 5.3
    """
    status, answer, _ = ask(
        gateway.url("plain", "/omadm"), body=message(device, cred=cred), headers={"Content-Type": XML}
    )
    assert status == 200
    assert f"<Data>{code}</Data>".encode() in answer
    assert b"NextNonce" in answer
    assert b"<Data>200</Data>" not in answer


def test_a_message_out_of_nowhere_is_broken_off(gateway: Gateway) -> None:
    """A message of an unknown session gets 408 and an abort, and changes nothing."""
    body = message(session="nowhere", msg_id=7, body="")
    status, answer, _ = ask(gateway.url("plain", "/omadm"), body=body, headers={"Content-Type": XML})
    assert status == 200
    assert b"<Data>408</Data>" in answer
    assert b"<Data>1223</Data>" in answer


@pytest.mark.parametrize(
    ("misbehaviour", "result"),
    [
        ("repeat", "ok"),
        ("reorder", "the gateway answered SyncHdr with 400"),
        ("truncate", "gateway answered HTTP 400"),
        ("wrong-nonce", "the gateway refused the phone: 401"),
    ],
)
def test_a_phone_that_misbehaves_loses_nothing(gateway: Gateway, misbehaviour: str, result: str) -> None:
    """A repeated message gets the identical octets; any other fault ends in a clear answer; then all still works."""
    gateway.json("simulate", "omadm")
    value = str(3000 + len(misbehaviour))
    gateway.run("set", "alice", f"ims/Timer_T1={value}")
    bad = gateway.json("simulate", "omadm", "--misbehave", misbehaviour)
    assert bad["result"] == result
    assert set(bad["facts"].get("repeats", ["identical"])) == {"identical"}
    good = gateway.json("simulate", "omadm")
    assert good["result"] == "ok"
    assert good["values"]["./3GPP_IMS/Timer_T1"] == value
    commands = bad["facts"]["commands"] + good["facts"]["commands"]
    # What a phone did without its answer coming through is told it again.
    again = 2 if misbehaviour in ("reorder", "truncate") else 1
    assert commands.count("Replace ./3GPP_IMS/Timer_T1 200") == again


def test_identity_headers_count_only_from_the_operators_gateway(gateway: Gateway) -> None:
    """A header that names a subscriber is worth nothing on a listener or from a peer it is not trusted from."""
    identity = {"X-IMSI": "001010000000001", "X-MSISDN": "15550100001"}
    status, body, headers = ask(gateway.url("plain", "/"), headers=identity)
    assert (status, body) == (200, b"")
    assert "Secure" not in headers["Set-Cookie"]
    status, body, headers = ask(gateway.url("internet", "/"), headers=identity)
    assert (status, body, headers["Set-Cookie"]) == (511, b"", None)
    assert ask(gateway.url("plain", "/"))[0] == 511
    assert ask(gateway.url("plain", "/"), headers={"X-IMSI": "001019999999999"})[0] == 403


def test_claims_prove_nothing(gateway: Gateway) -> None:
    """IMSI, MSISDN and identity headers on the TLS leg get no document, at most a code to the number on record."""
    authority = gateway.folder / "data/tls/ca.pem"
    claims = "vers=0&IMSI=001010000000001&msisdn=%2B15550100001"
    for query, expected in (
        (claims, 511),
        (claims + "&SMS_port=37273", 200),
        (claims + "&token=alice.1.1.AAAA", 511),
        ("vers=0&token=..", 511),
        ("vers=zero", 511),
        ("IMSI=1&IMSI=2", 400),
        ("x=" + "y" * 7000, 511),
    ):
        status, body, _ = ask(
            gateway.url("tls", f"/?{query}"), headers={"X-IMSI": "001010000000001"}, authority=authority
        )
        assert (status, body) == (expected, b""), query


def test_a_cookie_is_good_for_one_document(gateway: Gateway) -> None:
    """The cookie of the plain leg is used up by the document it fetched; a made-up one is worth nothing."""
    assert gateway.json("simulate", "rcc14", "--misbehave", "repeat")["result"] == "TLS leg answered 511"
    assert gateway.json("simulate", "rcc14", "--misbehave", "wrong-cookie")["result"] == "TLS leg answered 511"
    assert gateway.json("simulate", "rcc14")["result"] == "ok"


def test_the_admin_api_asks_for_the_token(gateway: Gateway) -> None:
    """Everything under /api needs the token; probes and metrics do not."""
    assert ask(gateway.url("admin", "/api/v1/subscribers"))[0] == 401
    assert ask(gateway.url("admin", "/api/v1/subscribers"), headers={"Authorization": "Bearer x"})[0] == 401
    bearer = {"Authorization": f"Bearer {gateway.token}"}
    assert ask(gateway.url("admin", "/api/v1/subscribers"), headers=bearer)[0] == 200
    for path in ("/livez", "/readyz", "/metrics", "/openapi.json"):
        assert ask(gateway.url("admin", path))[0] == 200


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("set", "nobody", "ims/Timer_T1=1"), "nobody"),
        (("set", "alice", "ims/Timer_T9=1"), "Timer_T9"),
        (("set", "alice", "imz/Timer_T1=1"), "imz"),
        (("set", "alice", "ims/Timer_T1=soon"), "soon"),
        (("set", "alice", "rcs/SERVICES/ChatAuth=0"), "rcs/MESSAGING/Chatbot"),
        (("set", "alice", "ims/Timer_T1"), "NODE=VALUE"),
        (("device", "show", "bob"), "bob"),
        (("mo", "show", "imz"), "ims"),
    ],
)
def test_people_are_told_the_thing_and_the_mend(gateway: Gateway, arguments: tuple[str, ...], says: str) -> None:
    """A mistaken command fails with a message that names what was wrong, without a traceback."""
    message = gateway.run(*arguments, fails=True)
    assert says in message
    assert "Traceback" not in message
