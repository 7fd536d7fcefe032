"""Whatever octets arrive on whatever listener: an answer, never a fault of the gateway, and nothing lost."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from live_gateway import Gateway, free_ports, serving
from lxml import etree
from raw_requests import assert_no_configuration, assert_no_fault, content_of, cookie_in, exchange, request, status_of

from adapters.simulator.omadm_device import run_session
from adapters.wbxml.codec import encode as encode_wbxml

XML = "application/vnd.syncml.dm+xml"
WBXML = "application/vnd.syncml.dm+wbxml"
DEVICE = "IMEI:001015000000999"

modest = settings(max_examples=80, deadline=None, derandomize=True, database=None)

Markup = tuple[str, Any]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway for all of these, with codes, the SIM and GBA as proofs; the operator's BSF cannot be reached."""
    gba = {"MOGATE_GBA__BSF": f"https://localhost:{free_ports(1)[0]}/", "MOGATE_GBA__NAF": "localhost"}
    with serving(tmp_path_factory.mktemp("gateway"), **gba) as one:
        yield one


@pytest.fixture(autouse=True)
def unharmed(gateway: Gateway) -> Iterator[None]:
    """After each test: ready, no fault in the log, and the demo phone still holds what it held and is told nothing."""
    account = SimpleNamespace(**json.loads((gateway.folder / "data/demo.json").read_text())["omadm"])
    phone = gateway.folder / "phone.json"
    said = len(gateway.log())
    before = asyncio.run(run_session(account, gateway.url("plain", "/omadm"), phone))
    yield
    assert status_of(exchange(gateway, "admin", request("GET", "/readyz"))) == 200
    after = asyncio.run(run_session(account, gateway.url("plain", "/omadm"), phone))
    assert (after.result, after.facts["commands"], after.values) == ("ok", [], before.values)
    log = gateway.log()[said:]
    assert "request_failed" not in log, log[-4000:]
    assert "Traceback" not in log, log[-4000:]


def post(gateway: Gateway, octets: bytes, media_type: str) -> bytes:
    return exchange(gateway, "plain", request("POST", "/omadm", {"Content-Type": media_type}, octets))


class Phone:
    """A device that proves itself as it should, in sessions of its own."""

    def __init__(self, gateway: Gateway) -> None:
        bearer = {"Authorization": f"Bearer {gateway.token}"}
        body = json.dumps({"loc_uri": DEVICE, "client_name": "fuzz"}).encode()
        answer = exchange(gateway, "admin", request("POST", "/api/v1/subscribers/bob/devices", bearer, body))
        self.gateway = gateway
        self.password = json.loads(content_of(answer))["client_password"]
        self.nonce = b"none yet"
        self.sessions = itertools.count(1)
        self.session = "never used"

    def message(self, msg_id: int, *commands: Markup, cred: bool = False) -> Markup:
        digest = _md5(_md5(f"fuzz:{self.password}".encode()) + b":" + self.nonce).decode()
        proof = ("Cred", [("Meta", [("Format", "b64"), ("Type", "syncml:auth-md5")]), ("Data", digest)])
        header = [
            ("VerDTD", "1.2"), ("VerProto", "DM/1.2"), ("SessionID", self.session), ("MsgID", str(msg_id)),
            ("Target", [("LocURI", "mogate")]), ("Source", [("LocURI", DEVICE)]), *([proof] if cred else []),
            ("Meta", [("MaxMsgSize", "6000")]),
        ]  # fmt: skip
        return ("SyncML", [("SyncHdr", header), ("SyncBody", [*commands, ("Final", "")])])

    def log_in(self) -> bytes:
        """The gateway's first commands in a fresh session."""
        self.session = f"{next(self.sessions):08}"
        for msg_id in (1, 2, 3):
            answer = post(self.gateway, xml(self.message(msg_id, START, DEV_INFO, cred=True)), XML)
            if nonce := re.search(rb"<NextNonce[^>]*>([^<]+)<", answer):
                self.nonce = base64.b64decode(nonce[1])
            if b"<Data>212</Data>" in answer:
                self.msg_id = msg_id + 1
                return answer
        raise AssertionError(answer)


def _md5(octets: bytes) -> bytes:
    return base64.b64encode(hashlib.md5(octets, usedforsecurity=False).digest())


@pytest.fixture(scope="module")
def phone(gateway: Gateway) -> Phone:
    """A phone of bob's with an OMA DM account."""
    return Phone(gateway)


def xml(markup: Markup) -> bytes:
    """The message as XML, whatever is in it."""
    tag, content = markup
    inner = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else b"".join(map(xml, content))
    return b"<%s>%s</%s>" % (tag.encode(), inner, tag.encode())


def item(uri: str, data: str, fmt: str = "chr") -> Markup:
    return ("Item", [("Source", [("LocURI", uri)]), ("Meta", [("Format", fmt)]), ("Data", data)])


def status(msg_ref: int, cmd_ref: int, code: int, cmd: str = "Replace", *more: Markup) -> Markup:
    fields = {"CmdID": cmd_ref + 1, "MsgRef": msg_ref, "CmdRef": cmd_ref, "Cmd": cmd, "Data": code}
    return ("Status", [*((name, str(value)) for name, value in fields.items()), *more])


START = ("Alert", [("CmdID", "1"), ("Data", "1201")])
DEV_INFO = ("Replace", [("CmdID", "2"), item("./DevInfo/Man", "Acme"), item("./DevInfo/Lang", "en")])
NEXT_NONCE = ("Chal", [("Meta", [("Format", "b64"), ("Type", "syncml:auth-md5"), ("NextNonce", "MTIzNDU2")])])
RESULTS = (
    "Results",
    [
        ("CmdID", "9"),
        ("MsgRef", "2"),
        ("CmdRef", "3"),
        item("./3GPP_IMS", "", "node"),
        item("./3GPP_IMS/Timer_T1", "7"),
    ],
)
BODIES: tuple[tuple[Markup, ...], ...] = (
    (START, DEV_INFO),
    (status(2, 0, 212, "SyncHdr"), *(status(2, number, 200, "Get") for number in range(3, 9)), RESULTS),
    (status(2, 0, 401, "SyncHdr", NEXT_NONCE), status(2, 3, 401)),
    (status(2, 0, 200, "SyncHdr"), *(status(2, number, 404, "Get") for number in range(3, 20))),
    (status(2, 0, 200, "SyncHdr"), ("Atomic", [("CmdID", "5"), DEV_INFO, ("Sequence", [("CmdID", "6"), START])])),
    (("Alert", [("CmdID", "1"), ("Data", "1226"), item("./A", "x"), ("Correlator", "c")]), START),
    (("Alert", [("CmdID", "1"), ("Data", "1223")]),),
    (("Replace", [("CmdID", "2"), item("./DevInfo/Man", "QUJD", "bin"), ("Item", [("MoreData", "")])]),),
)
TEXTS = st.sampled_from(
    ["", "0", "-1", "1", "2", "3", "999", "1e9", "٣", "9" * 400, "4294967296", "./", "..", "./A?list=StructData",
     "?prop=", "./" * 300, "é" * 999, "\x01", "\ufffe", "{imsi}", "%s", "b64", "bin", "node", "syncml:auth-basic",
     "1200", "DM/1.3"]
) | st.text(max_size=20)  # fmt: skip
TAGS = st.sampled_from(
    ["SyncHdr", "SyncBody", "Status", "Results", "Alert", "Add", "Get", "Exec", "Copy", "Atomic", "Put", "Map", "Item",
     "Data", "Meta", "Cred", "Chal", "Source", "Target", "LocURI", "CmdID", "MsgRef", "CmdRef", "Final", "MoreData",
     "NoResp", "MgmtTree", "MetInf", "Type", "Size", "MaxMsgSize", "RespURI"]
)  # fmt: skip


@st.composite
def mangled(draw: st.DrawFn, message: Markup) -> Markup:
    """The message with a few elements renamed, emptied, doubled, dropped, swapped or filled with something odd."""
    for _ in range(draw(st.integers(0, 3))):
        paths = list(_paths(message))
        if not 0 < len(paths) < 2000:
            break
        message = _changed(message, draw(st.sampled_from(paths)), draw, paths)
    return message


def _paths(markup: Markup, here: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    if here:
        yield here
    if not isinstance(markup[1], str):
        for number, child in enumerate(markup[1]):
            yield from _paths(child, (*here, number))


def _at(markup: Markup, path: tuple[int, ...]) -> Markup:
    for number in path:
        markup = markup[1][number]
    return markup


def _changed(root: Markup, path: tuple[int, ...], draw: st.DrawFn, paths: list[tuple[int, ...]]) -> Markup:
    tag, content = _at(root, path)
    new: list[Markup] = draw(
        st.one_of(
            st.just([]),
            st.integers(2, 600).map(lambda count: [(tag, content)] * count),
            TAGS.map(lambda other: [(other, content)]),
            TEXTS.map(lambda text: [(tag, text)]),
            st.sampled_from(paths).map(lambda other: [_at(root, other)]),
            st.integers(1, 80).map(lambda depth: [_nested(tag, content, depth)]),
        )
    )
    return _replaced(root, path, new)


def _nested(tag: str, content: Any, depth: int) -> Markup:
    for _ in range(depth):
        content = [(tag, content)]
    return (tag, content)


def _replaced(markup: Markup, path: tuple[int, ...], new: list[Markup]) -> Markup:
    tag, content = markup
    first, *rest = path
    inner = [_replaced(content[first], tuple(rest), new)] if rest else new
    return (tag, [*content[:first], *inner, *content[first + 1 :]])


def octets_of(message: Markup, data: st.DataObject) -> tuple[bytes, str]:
    """The message in XML or WBXML, some octets of it flipped, cut or put in."""
    in_wbxml = data.draw(st.booleans(), "WBXML")
    try:
        octets = encode_wbxml(message) if in_wbxml else xml(message)
    except ValueError:
        assume(False)
    for _ in range(data.draw(st.sampled_from([0, 0, 1, 2]), "changes of octets")):
        start = data.draw(st.integers(0, len(octets)), "from")
        length = data.draw(st.sampled_from([0, 1, 2, 40, 10_000]), "length")
        octets = octets[:start] + data.draw(st.binary(max_size=6), "octets") + octets[start + length :]
    return octets[:400_000], WBXML if in_wbxml else XML


@modest
@given(data=st.data())
def test_mangled_first_messages_are_answered(gateway: Gateway, phone: Phone, data: st.DataObject) -> None:
    """A mangled message of nobody's session gets an answer of SyncML, or is refused as none."""
    message = phone.message(1, *data.draw(st.sampled_from(BODIES), "body"), cred=data.draw(st.booleans(), "cred"))
    octets, media_type = octets_of(data.draw(mangled(message)), data)
    assert status_of(post(gateway, octets, media_type)) in (200, 400, 413)


@modest
@given(data=st.data())
def test_mangled_messages_of_a_proven_device_are_answered(gateway: Gateway, phone: Phone, data: st.DataObject) -> None:
    """A device that has proved itself and then talks nonsense gets an answer each time, and can log in again."""
    phone.log_in()
    for number in range(data.draw(st.integers(1, 3), "messages")):
        body = data.draw(st.sampled_from(BODIES), "body")
        octets, media_type = octets_of(data.draw(mangled(phone.message(phone.msg_id + number, *body))), data)
        assert status_of(post(gateway, octets, media_type)) in (200, 400, 413)


ODD = st.binary(max_size=40).map(lambda octets: re.sub(rb"[\r\n\0]", b"", octets)) | st.sampled_from(
    [b"\xff\xfe", b"\xc3\xa9", b"%", b"%zz", b"%00", b"%ff", b"%ed%a0%80", b"\xed\xa0\x80", b"9" * 5000, b"A" * 20_000,
     b";" * 300, b"=", b'"', b"-1", b"*", b"..", "٣".encode(), b"alice.1.1.x", b"alice.\xff"]
)  # fmt: skip
PARAMETERS = st.sampled_from(
    [b"vers", b"IMSI", b"imsi", b"IMEI", b"msisdn", b"token", b"OTP", b"app", b"SMS_port", b"rcs_profile", b"limit",
     b"terminal_vendor", b"terminal_model", b"provisioning_version", b"after", b"node", b"layout", b"device", b"x"]
)  # fmt: skip
HEADERS = st.sampled_from(
    [b"Cookie", b"X-IMSI", b"X-MSISDN", b"Authorization", b"Content-Type", b"Content-Encoding", b"Accept", b"Range",
     b"Host", b"If-None-Match", b"X-Forwarded-For", b"Upgrade", b"Accept-Encoding", b"Cookie2"]
)  # fmt: skip
COOKIES = ODD.map(lambda octets: b"acs=" + octets) | ODD
QUERIES = st.lists(st.tuples(PARAMETERS, ODD), max_size=4).map(
    lambda pairs: b"&".join([name + b"=" + value for name, value in pairs])
)
PATHS = st.sampled_from(
    [b"/", b"/config", b"/omadm", b"/metrics", b"/readyz", b"/api/v1/subscribers", b"*", b"/%00", b"//"]
)


@modest
@given(
    listener=st.sampled_from(["plain", "internet", "tls", "admin"]),
    method=st.sampled_from(
        [b"GET", b"HEAD", b"POST", b"PUT", b"OPTIONS", b"TRACE", b"CONNECT", b"BREW", b"get", b"\xff"]
    ),
    path=PATHS,
    query=QUERIES | ODD,
    headers=st.lists(st.tuples(HEADERS, COOKIES), max_size=5),
)
def test_odd_requests_are_answered(
    gateway: Gateway,
    listener: str,
    method: bytes,
    path: bytes,
    query: bytes,
    headers: list[tuple[bytes, bytes]],
) -> None:
    """Any method, path, query and headers get an answer that says whose fault it is: the client's.

    Spec: RFC 9110 15
    """
    lines = b"".join(b"%s: %s\r\n" % pair for pair in headers)
    octets = b"%s %s?%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n" % (method, path, query, lines)
    assert_no_fault(exchange(gateway, listener, octets))


@modest
@given(
    query=st.lists(st.tuples(PARAMETERS, ODD), max_size=3),
    cookies=st.lists(COOKIES, max_size=3),
    about=st.lists(st.tuples(st.sampled_from(["terminal_vendor", "friendly_device_name", "app"]), TEXTS), max_size=3),
)
def test_odd_queries_of_proven_clients_are_answered(
    gateway: Gateway, query: list[tuple[bytes, bytes]], cookies: list[bytes], about: list[tuple[str, str]]
) -> None:
    """A client whose cookie is good may say of itself what it likes: it gets a document, or is refused.

    Spec: RCC.14 2.2
    """
    pairs = [*query, *((name.encode(), quote(text.encode("utf-8", "replace")).encode()) for name, text in about)]
    target = b"/?IMEI=001015000000031&" + b"&".join([name + b"=" + value for name, value in pairs])
    octets = request("GET", target, {"Cookie": b"; ".join([*cookies, cookie_of_bob(gateway)])})
    assert_no_fault(exchange(gateway, "tls", octets))


EAP = "application/vnd.gsma.eap-relay.v1.0+json"
FORM = "application/x-www-form-urlencoded"
PACKETS = st.binary(max_size=60) | st.builds(
    lambda code, kind, rest: bytes([code, 7]) + (5 + len(rest)).to_bytes(2) + bytes([kind]) + rest,
    st.integers(0, 5),
    st.sampled_from([0, 1, 3, 23, 50, 255]),
    st.binary(max_size=40),
)
RELAYED = (
    PACKETS.map(lambda octets: json.dumps({"eap-relay-packet": base64.b64encode(octets).decode()}).encode())
    | st.sampled_from([b"", b"{}", b"[]", b'{"eap-relay-packet":1}', b'{"eap-relay-packet":"%"}', b"[" * 5000, b"\xff"])
    | st.binary(max_size=40)
)


@modest
@given(
    media_type=st.sampled_from([EAP, FORM, f"{FORM}; charset=utf-7", "text/plain", "\xe9", ""]),
    body=RELAYED | QUERIES,
    cookies=st.lists(COOKIES, max_size=2),
    waits=st.booleans(),
)
def test_odd_bodies_for_the_secure_leg_are_answered(
    gateway: Gateway, media_type: str, body: bytes, cookies: list[bytes], waits: bool
) -> None:
    """Forms and relayed EAP packets of any octets are refused, also with the cookie of an exchange that waits.

    Spec: RCC.14 2.3, 2.8
    """
    offered = f"/?vers=0&EAP_ID={quote('0001010000000001@nai.epc.mnc001.mcc001.3gppnetwork.org')}"
    if waits:
        cookies = [*cookies, cookie_in(exchange(gateway, "tls", request("GET", offered)))]
    headers: dict[str, str | bytes] = {"Content-Type": media_type.encode("latin-1"), "Cookie": b"; ".join(cookies)}
    assert_no_configuration(exchange(gateway, "tls", request("POST", "/", headers, body)))


@modest
@given(
    fields=st.lists(
        st.tuples(st.sampled_from(["username", "realm", "nonce", "uri", "response", "qop", "nc", "cnonce", "x"]), ODD),
        max_size=9,
    ),
    agent=st.sampled_from([b"3gpp-gba", b"3gpp-gba-uicc/1", b"\xff", b""]),
    is_challenged=st.booleans(),
)
def test_odd_credentials_are_answered(
    gateway: Gateway, fields: list[tuple[str, bytes]], agent: bytes, is_challenged: bool
) -> None:
    """Whatever is in a Digest header, nobody is let in by it, also where it answers a challenge that was given.

    Spec: 3GPP TS 33.222 5
    """
    if is_challenged:
        challenge = exchange(gateway, "tls", request("GET", "/?vers=0", {"User-Agent": "3gpp-gba"}))
        assert status_of(challenge) == 401
        found = re.findall(rb'(realm|nonce)="([^"]*)"', challenge)
        fields = [("uri", b"/?vers=0"), *fields, *((name.decode(), value) for name, value in found)]
    header = b"Digest " + b", ".join([name.encode() + b'="' + value + b'"' for name, value in fields])
    octets = request("GET", "/?vers=0", {"Authorization": header, "User-Agent": agent})
    assert_no_configuration(exchange(gateway, "tls", octets))


@modest
@given(
    form=ODD, shown=ODD, number=ODD, code=ODD, media_type=st.sampled_from([FORM, "multipart/form-data", "text/plain"])
)
def test_odd_forms_for_the_code_page_are_answered(
    gateway: Gateway, form: bytes, shown: bytes, number: bytes, code: bytes, media_type: str
) -> None:
    """The page refuses what it did not show, and says nothing else about it."""
    body = b"form=" + form + b"&number=" + number + b"&code=" + code
    headers: dict[str, str | bytes] = {"Content-Type": media_type, "Cookie": b"__Host-form=" + shown}
    assert status_of(exchange(gateway, "tls", request("POST", "/verify", headers, body))) in (400, 403, 413, 429)


def cookie_of_bob(gateway: Gateway) -> bytes:
    """A cookie that proves that bob asks."""
    introduced = exchange(gateway, "plain", request("GET", "/", {"X-IMSI": "001010000000002"}))
    found = re.search(rb"Set-Cookie: ([^;]+);", introduced)
    assert found
    return found[1]


def test_odd_words_of_a_device_spoil_no_document(tmp_path: Path) -> None:
    """A profile may quote what a device says of itself; characters no document can carry do not get into one.

    Spec: W3C XML 1.0 2.2 (Char)
    """
    gateway = Gateway(tmp_path)
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    quoting = 'name = "quoting"\nlayer = "operator"\n[mo.ims]\nName = "{manufacturer} {model}"\nTimer_T1 = 1000\n'
    (profiles / "quoting.toml").write_text(quoting)
    gateway.environment["MOGATE_PROFILES"] = str(profiles)
    gateway.run("init", "--demo")
    gateway.start()
    try:
        asked = "/?vers=0&terminal_vendor=%01%00&terminal_model=B7&IMEI=001015000000031"
        answer = exchange(gateway, "tls", request("GET", asked, {"Cookie": cookie_of_bob(gateway)}))
        assert status_of(answer) == 200
        etree.fromstring(content_of(answer))
        body = json.dumps({"loc_uri": DEVICE, "imei": "001015000000031"}).encode()
        account = json.loads(content_of(admin(gateway, "POST /subscribers/bob/devices", body)))
        phone = SimpleNamespace(**account, loc_uri=DEVICE, manufacturer="", model="", server_id="mogate")
        transcript = asyncio.run(run_session(phone, gateway.url("plain", "/omadm"), tmp_path / "phone.json"))
        assert (transcript.result, transcript.values["./3GPP_IMS/Timer_T1"]) == ("ok", "1000")
    finally:
        gateway.stop()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    ["id", "imsis", "msisdn", "groups", "attributes", "set", "unset", "loc_uri", "imei", "auth", "client_name", "verb",
     "uri", "value", "format"]
)  # fmt: skip
NODES = st.sampled_from(
    ["ims/Timer_T1", "ims", "ims/", "//", "rcs/x/../y", "ims/LBO_P-CSCF_Address/1/Address", "é", ""]
)
FITTING = (
    st.dictionaries(FIELDS, JSON, max_size=4)
    | st.fixed_dictionaries({"set": st.dictionaries(NODES, TEXTS, max_size=3)}, optional={"unset": st.lists(NODES)})
    | st.fixed_dictionaries({"verb": st.sampled_from(["Get", "Exec", "Add", "Copy"]), "uri": TEXTS, "value": TEXTS})
)
BODY = st.one_of(
    FITTING.map(lambda body: json.dumps(body).encode()),
    JSON.map(lambda body: json.dumps(body).encode()),
    st.binary(max_size=40),
    st.integers(1, 100_000).map(lambda depth: b'{"set":' * depth),
    st.just(b"[" * 1_100_000),
)


@modest
@given(
    call=st.sampled_from(
        ["POST /subscribers", "PATCH /subscribers/bob/values", "POST /subscribers/carol/devices",
         "POST /devices/bob.1/operations", "GET /subscribers/carol", "DELETE /subscribers/nobody"]
    ),
    body=BODY,
)  # fmt: skip
def test_odd_bodies_for_the_admin_api_are_answered(gateway: Gateway, phone: Phone, call: str, body: bytes) -> None:
    """Whatever a script of the operator's sends is done, or refused with the reason; what was done can be served."""
    assert status_of(admin(gateway, call, body)) in (200, 201, 400, 404, 409, 413, 422)
    phone.log_in()
    for layout in "AB":
        answer = admin(gateway, f"GET /subscribers/bob/document?device=bob.1&layout={layout}")
        etree.fromstring(json.loads(content_of(answer))["document"].encode())


def admin(gateway: Gateway, call: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> bytes:
    method, _, path = call.partition(" ")
    bearer = {"Authorization": f"Bearer {gateway.token}", **(headers or {})}
    return exchange(gateway, "admin", request(method, f"/api/v1{path}", bearer, body))


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_bodies_that_are_not_in_their_encoding_are_refused(gateway: Gateway, encoding: str) -> None:
    """A Content-Encoding that the body does not have, or that is not spoken here, is 400.

    Spec: RFC 9110 8.4
    """
    headers = {"Content-Type": XML, "Content-Encoding": encoding}
    assert status_of(exchange(gateway, "plain", request("POST", "/omadm", headers, b"not so"))) == 400
    call = "PATCH /subscribers/carol/values"
    assert status_of(admin(gateway, call, b"not so", {"Content-Encoding": encoding})) == 400


@pytest.mark.parametrize("cookie", [b"acs=\xff", b"acs=bob.\xed\xa0\x80", b"acs=.", b"acs=" + b"A" * 6000])
def test_cookies_of_odd_octets_prove_nothing(gateway: Gateway, cookie: bytes) -> None:
    """A cookie that was never given out is answered 511, whatever octets it is made of.

    Or 503: one that is no text names nobody, and so many of those called from here before that it looks like a circle.

    Spec: RCC.14 2.3
    """
    assert status_of(exchange(gateway, "tls", request("GET", "/?vers=0", {"Cookie": cookie}))) in (511, 503)


@pytest.mark.parametrize("number", ["9" * 5000, "9" * 20, "-1", "%D9%A3", "1e3"])
@pytest.mark.parametrize("name", ["after", "limit"])
def test_numbers_nobody_counts_to_are_refused(gateway: Gateway, name: str, number: str) -> None:
    """A query parameter that is no number of a sensible length is 422."""
    assert status_of(admin(gateway, f"GET /events?{name}={number}")) == 422


@pytest.mark.parametrize("call", ["GET /devices/alice.99", "DELETE /devices/alice.99", "DELETE /subscribers/alice.99"])
def test_a_device_id_that_is_nobodys_names_nobody(gateway: Gateway, call: str) -> None:
    """An id that no device has does not stand for the device next to it, nor for the subscriber."""
    assert status_of(admin(gateway, call)) == 404
    values = b'{"set": {"ims/Timer_T1": "1"}}'
    assert status_of(admin(gateway, "PATCH /subscribers/alice.99/values", values)) == 404


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("POST /devices/alice.1/operations", {"verb": "Exec", "uri": "./A\x01"}),
        ("POST /devices/alice.1/operations", {"verb": "Exec", "uri": "./A", "value": "\x00"}),
        ("POST /subscribers/carol/devices", {"loc_uri": "\x1f"}),
        ("POST /subscribers", {"attributes": {"colour": "\ufffe"}}),
        *(
            ("PATCH /subscribers/alice/values", {"set": {f"ims/LBO_P-CSCF_Address/{name}/Address": "x"}})
            for name in ("\x01", "..", "a?b", "x" * 3000)
        ),
    ],
)
def test_what_no_device_could_be_told_is_refused_at_once(gateway: Gateway, call: str, body: object) -> None:
    """Names and values that no message can carry never reach a session, where they would be in the way for ever.

    Spec: W3C XML 1.0 2.2 (Char); OMA-TS-DM_TND-V1_2 4.2 (node names)
    """
    assert status_of(admin(gateway, call, json.dumps(body).encode())) == 422
