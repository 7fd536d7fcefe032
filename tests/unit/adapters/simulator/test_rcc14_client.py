"""The simulated RCC.14 client, against two legs that answer by a script."""

from __future__ import annotations

import dataclasses
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from adapters.simulator.confirming_phone import Phone, Question
from adapters.simulator.rcc14_client import MAX_RESTARTS, Wifi, run_query
from adapters.simulator.rcc14_wire import Servers
from gateway.errors import Unavailable
from gateway.serving.demo_tls import ensure_demo_certificates

HOST = "config.rcs.mnc001.mcc001.pub.3gppnetwork.org"
HUB = "rcs.hub.example"


@dataclasses.dataclass(frozen=True)
class Subscription:
    imsi: str = "001010000000001"
    msisdn: str = "+15550100001"
    imei: str = "001015000000023"
    terminal_vendor: str = "Acme"
    terminal_model: str = "B7"
    k: str = "00" * 16
    opc: str = "00" * 16


Answer = tuple[int, str] | tuple[int, str, dict[str, str]]


@dataclasses.dataclass
class Legs:
    """What both legs heard, and what they answer."""

    servers: Servers
    plain: list[web.Request] = dataclasses.field(default_factory=list)
    secure: list[web.Request] = dataclasses.field(default_factory=list)
    plain_status: int = 200
    answers: list[Answer] = dataclasses.field(default_factory=list)
    on_secure: Callable[[], None] = lambda: None


def parm(name: str, value: object) -> str:
    return f'<parm name="{name}" value="{value}"/>'


def characteristic(kind: str, *content: str) -> str:
    return f'<characteristic type="{kind}">{"".join(content)}</characteristic>'


def document(version: int, token: str = "", *more: str, **parms: str) -> tuple[int, str]:
    content = characteristic("VERS", parm("version", version), parm("validity", 3600))
    if token:
        content += characteristic("TOKEN", parm("token", token))
    content += "".join(more)
    if parms:
        content += characteristic(
            "APPLICATION", parm("AppID", "ap2002"), *(parm(name, value) for name, value in parms.items())
        )
    return 200, f'<?xml version="1.0"?><wap-provisioningdoc version="1.1">{content}</wap-provisioningdoc>'


@pytest.fixture
async def legs(tmp_path: Path) -> AsyncIterator[Legs]:
    ensure_demo_certificates(tmp_path / "tls", (HOST, HUB), datetime.now(UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls/server.pem", tmp_path / "tls/server.key")

    async def answer_plain(request: web.Request) -> web.Response:
        heard.plain.append(request)
        headers = {"Set-Cookie": "acs=ticket; Path=/; HttpOnly"} if heard.plain_status == 200 else {}
        return web.Response(status=heard.plain_status, headers=headers)

    async def answer_secure(request: web.Request) -> web.Response:
        heard.secure.append(request)
        heard.on_secure()
        status, body, headers = (*heard.answers.pop(0), {})[:3]
        return web.Response(status=status, text=body, content_type="text/xml", headers=headers)

    def leg(handler: Callable[[web.Request], Awaitable[web.Response]]) -> TestServer:
        app = web.Application()
        app.router.add_get("/{path:.*}", handler)
        return TestServer(app)

    plain, secure = leg(answer_plain), leg(answer_secure)
    await plain.start_server()
    await secure.start_server(ssl=context)
    heard = Legs(
        Servers(f"http://127.0.0.1:{plain.port}", f"https://127.0.0.1:{secure.port}", tmp_path / "tls/ca.pem", HOST)
    )
    yield heard
    await plain.close()
    await secure.close()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "client.json"


async def test_a_new_client_takes_both_legs(legs: Legs, state: Path) -> None:
    """The plain leg brings a cookie by the operator's headers, the TLS leg a document for the cookie.

    Spec: RCC.14 2.2
    """
    legs.answers = [document(1, token="t1", **{"conf-fcty-uri": "sip:x"})]
    transcript = await run_query(Subscription(), legs.servers, state)
    assert transcript.result == "ok"
    assert transcript.values == {"APPLICATION[ap2002]/AppID": "ap2002", "APPLICATION[ap2002]/conf-fcty-uri": "sip:x"}
    (plain,), (secure,) = legs.plain, legs.secure
    assert dict(plain.query) == {}
    assert (plain.headers["X-IMSI"], plain.headers["X-MSISDN"]) == ("001010000000001", "15550100001")
    assert (plain.host, secure.host) == (HOST, HOST)
    assert secure.headers["Cookie"] == "acs=ticket"
    assert "X-IMSI" not in secure.headers
    assert secure.query["vers"] == "0"
    assert "token" not in secure.query
    assert secure.query["terminal_model"] == "B7"


async def test_it_comes_back_with_version_and_token(legs: Legs, state: Path) -> None:
    """The second query needs no plain leg and says what it holds; a newer document replaces all."""
    legs.answers = [document(1, token="t1", a="1", b="2"), document(1), document(2, a="1", c="3")]
    await run_query(Subscription(), legs.servers, state)
    kept = await run_query(Subscription(), legs.servers, state)
    changed = await run_query(Subscription(), legs.servers, state)
    assert len(legs.plain) == 1
    assert [(asked.query["vers"], asked.query.get("token")) for asked in legs.secure] == [
        ("0", None),
        ("1", "t1"),
        ("1", "t1"),
    ]
    assert kept.facts["parameters"] == 0
    assert kept.values["APPLICATION[ap2002]/b"] == "2"
    assert changed.facts["changed"] == {"APPLICATION[ap2002]/c": "3"}
    assert "APPLICATION[ap2002]/b" not in changed.values


@pytest.mark.parametrize("version", [0, -1, -2])
async def test_a_withdrawn_configuration_is_given_up(legs: Legs, state: Path, version: int) -> None:
    """A version of zero or less takes everything away, the token too."""
    legs.answers = [document(1, token="t1", a="1"), document(version), document(version)]
    await run_query(Subscription(), legs.servers, state)
    transcript = await run_query(Subscription(), legs.servers, state)
    assert (transcript.values, transcript.facts["version"]) == ({}, version)
    await run_query(Subscription(), legs.servers, state)
    assert "token" not in legs.secure[-1].query


async def test_a_dormant_client_keeps_everything(legs: Legs, state: Path) -> None:
    """-3 puts the service to sleep; the next query says what is held, and that it sleeps (RCC.14 VERS)."""
    legs.answers = [document(4, token="t1", a="1"), document(-3), document(4)]
    await run_query(Subscription(), legs.servers, state)
    transcript = await run_query(Subscription(), legs.servers, state)
    assert transcript.values["APPLICATION[ap2002]/a"] == "1"
    await run_query(Subscription(), legs.servers, state)
    asked = legs.secure[-1].query
    assert (asked["vers"], asked["rcs_state"], asked["token"]) == ("4", "-3", "t1")


async def test_a_client_that_was_told_that_rcs_is_off_says_so(legs: Legs, state: Path) -> None:
    """It reports the state in its document, until its user switches RCS on (RCC.07 rcsDisabledState, rcs_state)."""
    off = characteristic(
        "APPLICATION", parm("AppID", "ap2002"), characteristic("SERVICES", parm("rcsDisabledState", -2))
    )
    legs.answers = [document(4, "", off), document(4), document(5, a="1"), document(5)]
    for accept in (None, None, True, True):
        await run_query(Subscription(), legs.servers, state, accept=accept)
    assert [asked.query["rcs_state"] for asked in legs.secure] == ["0", "-2", "0", "5"]
    assert [asked.query["vers"] for asked in legs.secure] == ["0", "4", "4", "5"]


async def test_refusals_are_told_apart(legs: Legs, state: Path) -> None:
    """The transcript names the leg and what the client does then (RCC.14 2.2; TS.43)."""
    legs.plain_status = 511
    assert (await run_query(Subscription(), legs.servers, state)).result == "plain leg answered 511"
    legs.plain_status = 200
    legs.answers = [document(3, a="1"), (503, "", {"Retry-After": "40"}), (500, ""), (403, ""), document(1)]
    heard = [await run_query(Subscription(), legs.servers, state) for _ in range(5)]
    assert [transcript.result for transcript in heard] == [
        "ok",
        "TLS leg answered 503",
        "TLS leg answered 500",
        "TLS leg answered 403",
        "ok",
    ]
    assert heard[1].facts["then"] == "would retry in 40 s"
    assert (heard[2].values, heard[3].values) == (
        {"APPLICATION[ap2002]/AppID": "ap2002", "APPLICATION[ap2002]/a": "1"},
        {},
    )
    assert [asked.query["vers"] for asked in legs.secure] == ["0", "3", "3", "3", "0"]


async def test_without_enrichment_it_proves_itself_by_a_code(legs: Legs, state: Path, tmp_path: Path) -> None:
    """511 on the plain leg: over TLS with number and port, though on the mobile network (RCC.14 2.2: 511)."""
    inbox = tmp_path / "sms.jsonl"
    legs.plain_status = 511
    legs.answers = [(200, "", {"Set-Cookie": "acs=waiting"}), document(1, "t1")]
    legs.on_secure = lambda: deliver(inbox, "481592", 37273)
    transcript = await run_query(Subscription(), legs.servers, state, inbox=inbox)
    assert transcript.result == "ok"
    asked, brought = (one.query for one in legs.secure)
    assert (asked["IMSI"], asked["msisdn"], asked["SMS_port"]) == ("001010000000001", "+15550100001", "37273")
    assert dict(brought) == {"OTP": "481592"}


def deliver(inbox: Path, text: str, port: int) -> None:
    inbox.write_text(json.dumps({"to": "+15550100001", "port": port, "text": text}) + "\n")


async def test_a_client_that_is_not_known_asks_its_user_for_the_number(legs: Legs, state: Path, tmp_path: Path) -> None:
    """403 where no number was sent: once more with it; 403 again is the end of it (RCC.14 2.3: 403)."""
    legs.answers = [(403, ""), document(1), (403, ""), (403, "")]
    wifi = Wifi("eap", tmp_path / "sms.jsonl")
    assert (await run_query(Subscription(), legs.servers, state, wifi=wifi)).result == "ok"
    assert [("EAP_ID" in one.query, one.query.get("msisdn")) for one in legs.secure] == [
        (True, None), (False, "+15550100001")
    ]  # fmt: skip
    again = await run_query(Subscription(), legs.servers, state, wifi=wifi)
    assert (again.result, again.facts["then"]) == (
        "TLS leg answered 403", "asks its user for the number again, five times at most"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("profile", "status", "then"),
    [
        ("UP_2.4", 500, "keeps its configuration; tries five times more, ever more rarely"),
        ("UP_2.4", 503, "keeps its configuration; tries five times more, ever more rarely"),
        ("joyn_blackbird", 500, "keeps its configuration; asks no more until its next start"),
        ("joyn_blackbird", 503, "keeps its configuration; asks no more until its next start"),
        *(
            ("UP_2.4", status, "keeps its configuration; asks no more until its next start")
            for status in (400, 401, 404, 405, 408, 414, 501)
        ),
        ("UP_2.4", 200, "takes it for an error; tries again later"),
    ],
)
async def test_what_a_client_does_after_each_status(
    legs: Legs, state: Path, profile: str, status: int, then: str
) -> None:
    """Old clients stop where newer ones try again, and none gives up what it has; 200 with nothing in it is an error.

    Spec: RCC.14 2.2 (responses), GSMA TS.43 2.8
    """
    legs.answers = [document(1, a="1"), (status, "")]
    for _ in range(2):
        transcript = await run_query(Subscription(), legs.servers, state, profile=profile)
    assert (transcript.result, transcript.facts["then"]) == (f"TLS leg answered {status}", then)
    assert transcript.values["APPLICATION[ap2002]/a"] == "1"


async def test_some_take_408_for_511(legs: Legs, state: Path) -> None:
    """A sloppy client begins again without its token."""
    legs.answers = [document(1, token="t1"), (408, ""), document(1)]
    for _ in range(2):
        assert (await run_query(Subscription(), legs.servers, state, reader="sloppy")).result == "ok"
    assert [asked.query.get("token") for asked in legs.secure] == [None, "t1", None]


async def test_a_client_is_redirected_over_tls_alone(legs: Legs, state: Path, tmp_path: Path) -> None:
    """302 leads to another server that proves the user, and never to plain HTTP (RCC.14 2.8)."""
    legs.answers = [(302, "", {"Location": "http://localhost/"})]
    wifi = Wifi("oidc", tmp_path / "sms.jsonl")
    assert (await run_query(Subscription(), legs.servers, state, wifi=wifi)).result == "sent to http"


@pytest.mark.parametrize(
    ("accept", "result", "told"), [(None, "ok", "accept"), (False, "declined on the phone", "decline")]
)
async def test_another_devices_code_is_shown_on_the_phone(
    legs: Legs, state: Path, tmp_path: Path, accept: bool | None, result: str, told: str
) -> None:
    """The user reads it in the question, answers there, and types it; who declines types nothing (RCC.15 2.1.2)."""
    heard: list[tuple[str, str]] = []

    async def tell(id_: str, value: str) -> None:
        heard.append((id_, value))

    phone = Phone("+15550100001", tell)
    phone.questions.put_nowait(Question("q1", "A device", "Enter 481592 on it.", "OK", "No"))
    legs.answers = [(200, "", {"Set-Cookie": "acs=waiting"}), document(1)]
    wifi = Wifi("otp", tmp_path / "sms.jsonl", phone)
    transcript = await run_query(
        Subscription(), legs.servers, state, wifi=wifi, additional=True, accept=accept
    )  # fmt: skip
    assert (transcript.result, heard) == (result, [("q1", told)])
    brought = [one.query["OTP"] for one in legs.secure if "OTP" in one.query]
    assert brought == (["481592"] if accept is None else [])
    assert any("[OK | No]" in line for step in transcript.steps for line in step.says)


async def test_after_511_it_begins_again_without_its_token(legs: Legs, state: Path) -> None:
    """Both legs anew, by cookie; but only so many times (RCC.14 2.2: 511)."""
    legs.answers = [document(1, token="t1"), (511, ""), document(1, token="t2"), *[(511, "")] * (1 + MAX_RESTARTS)]
    results = [(await run_query(Subscription(), legs.servers, state)).result for _ in range(3)]
    assert results == ["ok", "ok", "TLS leg answered 511"]
    assert legs.answers == []
    proofs = [(asked.query.get("token"), "Cookie" in asked.headers) for asked in legs.secure[:4]]
    assert proofs == [(None, True), ("t1", False), (None, True), ("t2", False)]


async def test_it_speaks_a_release_that_both_know(legs: Legs, state: Path) -> None:
    """406 names the releases; the newest of them that the client knows is tried, and without one it gives up."""
    legs.answers = [
        (406, "", {"Supported-Versions": "2.0, 4.0"}),
        document(1),
        (406, "", {"Supported-Versions": "9.0"}),
    ]
    assert (await run_query(Subscription(), legs.servers, state)).result == "ok"
    assert [asked.query["provisioning_version"] for asked in legs.secure] == ["5.0", "4.0"]
    assert (await run_query(Subscription(), legs.servers, state)).result == "TLS leg answered 406"


@pytest.mark.parametrize("status", [301, 307, 308])
async def test_it_follows_a_server_that_has_moved(legs: Legs, state: Path, status: int) -> None:
    """With the same parameters and the cookie, but never from TLS to plain HTTP (RCC.14 2.2.2)."""
    legs.answers = [
        (status, "", {"Location": "/elsewhere"}),
        document(1),
        (status, "", {"Location": "http://localhost/"}),
    ]
    assert (await run_query(Subscription(), legs.servers, state)).result == "ok"
    first, second = legs.secure
    assert (second.path, second.query, second.headers["Cookie"]) == ("/elsewhere", first.query, "acs=ticket")
    assert (await run_query(Subscription(), legs.servers, state)).result == "sent to http"


async def test_a_dialog_is_shown_and_answered(legs: Legs, state: Path) -> None:
    """Who rejects has the service off, and says so in each query, until he accepts (RCC.14 MSG)."""
    terms = characteristic(
        "MSG", parm("title", "Chat"), parm("message", "Use it?"), parm("Accept_btn", 1), parm("Reject_btn", 1)
    )
    legs.answers = [document(1, "", terms, a="1"), document(1), document(1)]
    rejected = await run_query(Subscription(), legs.servers, state, accept=False)
    assert rejected.facts["dialog"] == "rejected"
    assert "shown: 'Chat': 'Use it?' [accept | reject]" in rejected.steps[-1].says
    await run_query(Subscription(), legs.servers, state)
    await run_query(Subscription(), legs.servers, state, accept=True)
    assert [asked.query["rcs_state"] for asked in legs.secure] == ["0", "-4", "1"]


async def test_it_asks_for_the_applications_it_is_told_to(legs: Legs, state: Path) -> None:
    """Each AppID is a parameter of its own, and goes before what ACCESS-CONTROL says (RCC.14 2.3, app)."""
    legs.answers = [document(1)]
    await run_query(Subscription(), legs.servers, state, apps=("ap2002", "urn:x:1.0"))
    assert legs.secure[0].query.getall("app") == ["ap2002", "urn:x:1.0"]


async def test_additional_servers_are_asked_each_for_itself(legs: Legs, state: Path) -> None:
    """Under their own names, with their own version and token; of theirs only the applications named count.

    Spec: RCC.14 2.2.2 (additional servers)
    """
    access = characteristic(
        "ACCESS-CONTROL",
        characteristic("DEFAULT", parm("app-id", "ap2001")),
        characteristic("SERVER", parm("fqdn", "other.example"), parm("id-provider", 0), parm("app-id", "ap2003")),
        characteristic("SERVER", parm("fqdn", HUB), parm("id-provider", 1), parm("app-id", "ap2002")),
    )
    user = characteristic("User", parm("msisdn", "+15550999"))
    legs.answers = [document(5, "d", access), document(9, "h", user, a="1"), document(5), document(9)]
    elsewhere = {HUB: legs.servers._replace(host=HUB)}
    first = await run_query(Subscription(), legs.servers, state, elsewhere=elsewhere)
    await run_query(Subscription(), legs.servers, state, elsewhere=elsewhere)
    assert first.facts["elsewhere"] == {HUB: 9}
    assert first.values["APPLICATION[ap2002]/a"] == "1"
    assert "User/msisdn" not in first.values
    assert ("ACCESS-CONTROL names other.example", ("not asked: it is not said where that is",)) in [
        (step.line, step.says) for step in first.steps
    ]
    told = [(one.host, one.query["vers"], one.query.get("token"), one.query.getall("app", [])) for one in legs.secure]
    assert told == [
        (HOST, "0", None, []),
        (HUB, "0", None, ["ap2002"]),
        (HOST, "5", "d", ["ap2001"]),
        (HUB, "9", "h", ["ap2002"]),
    ]


async def test_an_additional_device_has_no_sim(legs: Legs, state: Path, tmp_path: Path) -> None:
    """It names the number and itself, waits for what the user reads on the phone, and stays the same device.

    Spec: RCC.15 2.1.2
    """
    inbox = tmp_path / "sms.jsonl"

    policy = f'<wap-provisioningdoc version="1.1">{characteristic("POLICY", parm("SMS_port", 0))}</wap-provisioningdoc>'
    legs.answers = [(200, policy, {"Set-Cookie": "acs=waiting"}), document(1, "t1"), document(1)]
    legs.on_secure = lambda: deliver(inbox, "481592 is your code.", 0)
    wifi = Wifi("otp", inbox)
    first = await run_query(Subscription(), legs.servers, state, wifi=wifi, additional=True)
    assert first.result == "ok"
    await run_query(Subscription(), legs.servers, state, wifi=wifi, additional=True)
    asked, brought, later = (one.query for one in legs.secure)
    assert ("IMSI" in asked, asked["msisdn"], asked["SMS_port"]) == (False, "+15550100001", "0")
    assert dict(brought) == {"OTP": "481592"}
    assert (later["token"], later["IMEI"]) == ("t1", asked["IMEI"])
    assert asked["IMEI"] != Subscription().imei
    assert legs.plain == []


async def test_a_document_that_a_reader_refuses(legs: Legs, state: Path) -> None:
    """A strict client makes nothing of names that are not exact; a sloppy one takes the first version it sees."""
    odd = characteristic("Vers", parm("version", 3))
    legs.answers = [(200, f'<wap-provisioningdoc version="1.1">{odd}</wap-provisioningdoc>')] * 2
    assert (await run_query(Subscription(), legs.servers, state)).result == "a document without VERS"
    assert (await run_query(Subscription(), legs.servers, state, reader="sloppy")).facts["version"] == 3


async def test_misbehaviours_do_what_they_say(legs: Legs, state: Path) -> None:
    """``repeat`` uses one cookie twice, ``wrong-cookie`` another value, ``truncate`` half a query."""
    legs.answers = [document(1), (511, ""), (511, ""), (400, "")]
    for misbehaviour in ("repeat", "wrong-cookie", "truncate"):
        transcript = await run_query(Subscription(), legs.servers, state, misbehave=misbehaviour)
        assert transcript.result.startswith("TLS leg answered")
    first, second, wrong, cut = legs.secure
    assert first.headers["Cookie"] == second.headers["Cookie"] == "acs=ticket"
    assert wrong.headers["Cookie"] == "acs=tekcit"
    whole = len(second.rel_url.raw_query_string)
    assert whole / 2 - 2 <= len(cut.rel_url.raw_query_string) <= whole / 2 + 4
    assert cut.path_qs != second.path_qs


async def test_only_the_named_authority_is_trusted(legs: Legs, state: Path, tmp_path: Path) -> None:
    """Another CA, or a certificate for another name, gets no query at all."""
    ensure_demo_certificates(tmp_path / "other", (HOST,), datetime.now(UTC))
    for servers in (
        legs.servers._replace(ca_file=tmp_path / "other/ca.pem"),
        legs.servers._replace(host="config.rcs.mnc002.mcc001.pub.3gppnetwork.org"),
    ):
        with pytest.raises(Unavailable):
            await run_query(Subscription(), servers, state)
    assert legs.secure == []


async def test_nobody_there_is_said(legs: Legs, state: Path) -> None:
    """The message has the mend."""
    with pytest.raises(Unavailable, match="mogate serve"):
        await run_query(Subscription(), legs.servers._replace(plain_url=f"http://127.0.0.1:{unused_port()}"), state)
