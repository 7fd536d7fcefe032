"""The simulated RCC.14 client, against two legs that answer by a script."""

from __future__ import annotations

import dataclasses
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from adapters.simulator.rcc14_client import Servers, run_query
from gateway.demo_tls import ensure_demo_certificates
from gateway.errors import Unavailable

HOST = "config.rcs.mnc001.mcc001.pub.3gppnetwork.org"


@dataclasses.dataclass(frozen=True)
class Subscription:
    imsi: str = "001010000000001"
    msisdn: str = "+15550100001"
    imei: str = "001015000000023"
    terminal_vendor: str = "Acme"
    terminal_model: str = "B7"
    k: str = "00" * 16
    opc: str = "00" * 16


@dataclasses.dataclass
class Legs:
    """What both legs heard, and what they answer."""

    servers: Servers
    plain: list[web.Request] = dataclasses.field(default_factory=list)
    secure: list[web.Request] = dataclasses.field(default_factory=list)
    plain_status: int = 200
    answers: list[tuple[int, str]] = dataclasses.field(default_factory=list)


def document(version: int, token: str = "", **parms: str) -> tuple[int, str]:
    def parm(name: str, value: object) -> str:
        return f'<parm name="{name}" value="{value}"/>'

    def characteristic(kind: str, *content: str) -> str:
        return f'<characteristic type="{kind}">{"".join(content)}</characteristic>'

    content = characteristic("VERS", parm("version", version), parm("validity", 3600))
    if token:
        content += characteristic("TOKEN", parm("token", token))
    if parms:
        content += characteristic(
            "APPLICATION", parm("AppID", "ap2002"), *(parm(name, value) for name, value in parms.items())
        )
    return 200, f'<?xml version="1.0"?><wap-provisioningdoc version="1.1">{content}</wap-provisioningdoc>'


@pytest.fixture
async def legs(tmp_path: Path) -> AsyncIterator[Legs]:
    ensure_demo_certificates(tmp_path / "tls", (HOST,), datetime.now(UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls/server.pem", tmp_path / "tls/server.key")

    async def answer_plain(request: web.Request) -> web.Response:
        heard.plain.append(request)
        headers = {"Set-Cookie": "acs=ticket; Path=/; HttpOnly"} if heard.plain_status == 200 else {}
        return web.Response(status=heard.plain_status, headers=headers)

    async def answer_secure(request: web.Request) -> web.Response:
        heard.secure.append(request)
        status, body = heard.answers.pop(0)
        return web.Response(status=status, text=body, content_type="text/xml")

    def leg(handler: Callable[[web.Request], Awaitable[web.Response]]) -> TestServer:
        app = web.Application()
        app.router.add_get("/", handler)
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


@pytest.mark.parametrize("version", [0, -1, -2, -3])
async def test_a_withdrawn_configuration_is_given_up(legs: Legs, state: Path, version: int) -> None:
    """A version of zero or less takes everything away."""
    legs.answers = [document(1, token="t1", a="1"), document(version)]
    await run_query(Subscription(), legs.servers, state)
    transcript = await run_query(Subscription(), legs.servers, state)
    assert (transcript.values, transcript.facts["version"]) == ({}, version)


async def test_refusals_are_told_apart(legs: Legs, state: Path) -> None:
    """The transcript names the leg; after 511 the token is forgotten and the next query begins anew.

    Spec: RCC.14 2.2 (511)
    """
    legs.plain_status = 511
    assert (await run_query(Subscription(), legs.servers, state)).result == "plain leg answered 511"
    legs.plain_status = 200
    legs.answers = [document(1, token="t1"), (511, ""), document(1, token="t2"), (503, "")]
    results = [(await run_query(Subscription(), legs.servers, state)).result for _ in range(4)]
    assert results == ["ok", "TLS leg answered 511", "ok", "TLS leg answered 503"]
    assert len(legs.plain) == 3


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
