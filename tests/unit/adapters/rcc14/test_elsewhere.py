"""Which requests the front end gets while a fleet moves by ranges of numbers, and what the others get."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer, unused_port
from multidict import CIMultiDictProxy

from adapters.rcc14.cutover import parse_cutover
from adapters.rcc14.elsewhere import Rcc14Elsewhere
from adapters.rcc14.handlers import Leg, read_body
from adapters.rcc14.proving.cookie import Introductions
from gateway.fleet import old_token
from gateway.fleet.old_token import OldToken
from gateway.fleet.subscriber import Subscriber
from gateway.serving.front import Handler, Response
from gateway.serving.upstream import Upstream
from gateway.settings import OldServer, Rcc14
from gateway.store.protocol import PutEphemeral, PutSubscriber
from gateway.store.sqlite import SqliteStore

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ANN = Subscriber(id="ann", imsis=("001010000000001",), msisdn="+15550100001")
BEA = Subscriber(id="bea", imsis=("001010000000002",), msisdn="+15550100002")
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
ANNS_MOVED = f'here = ["{ANN.msisdn}"]\ndefault = "elsewhere"\n'
BEAS_STAY = f'elsewhere = ["{BEA.msisdn}"]\n'


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes


class Site(NamedTuple):
    """The way in, what the other server heard, and cookies of the plain leg."""

    ways: Rcc14Elsewhere
    url: str
    there: str
    heard: list[tuple[web.BaseRequest, bytes]]
    store: SqliteStore

    async def ask(
        self, target: str, *, method: str = "GET", data: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Ask; redirects are not followed."""
        async with (
            ClientSession() as http,
            http.request(method, self.url + target, data=data, headers=headers, allow_redirects=False) as answer,
        ):
            return Answer(answer.status, answer.headers, await answer.read())

    async def introduce(self, subscriber: Subscriber) -> str:
        """A cookie that this gateway gave on the plain leg, as a header."""
        introductions = Introductions(self.store, seconds=300)
        return f"acs={await introductions.introduce(subscriber, subscriber.imsi, NOW)}"


Opening = Callable[..., Awaitable[Site]]


@pytest.fixture
async def open_site(tmp_path: Path) -> AsyncIterator[Opening]:
    """Opens a gateway with such ranges in front of another server, which answers all alike."""
    async with contextlib.AsyncExitStack() as stack:
        store = SqliteStore.open(tmp_path / "store.sqlite")
        stack.push_async_callback(store.close)
        await store.commit(*map(PutSubscriber, (ANN, BEA)))
        heard: list[tuple[web.BaseRequest, bytes]] = []

        async def other(request: web.Request) -> web.Response:
            heard.append((request, await request.read()))
            return web.Response(body=b"theirs", headers={"Set-Cookie": "JSESSIONID=1"})

        theirs = web.Application()
        theirs.router.add_route("*", "/{any:.*}", other)
        there = str((await stack.enter_async_context(TestServer(theirs))).make_url("")).rstrip("/")

        async def opened(ranges: str, *, down: bool = False) -> Site:
            def here(leg: Leg, path: str) -> Handler:
                async def answer(request: web.BaseRequest) -> web.StreamResponse:
                    return Response(200, b"ours " + (await read_body(request) if request.method == "POST" else b""))

                return answer

            to = f"http://127.0.0.1:{unused_port()}" if down else there
            upstreams = {secure: Upstream(to, OldServer(http=to, https=to)) for secure in (False, True)}
            for one in upstreams.values():
                stack.push_async_callback(one.close)
            cutover = parse_cutover(ranges, "ranges.toml")
            ways = Rcc14Elsewhere(here, store, Rcc14(), cutover, upstreams=upstreams, clock=lambda: NOW)
            app = web.Application()
            app.router.add_get("/plain", ways.handler(Leg(secure=False, gateways=LOOPBACK)))
            app.router.add_get("/internet", ways.handler(Leg(secure=False)))
            app.router.add_get("/unproxied", ways.handler(Leg(secure=True, ends_tls=False)))
            secure = ways.handler(Leg(secure=True, proxies=LOOPBACK))
            app.router.add_get("/", secure)
            app.router.add_post("/", secure)
            server = await stack.enter_async_context(TestServer(app))
            return Site(ways, str(server.make_url("")).rstrip("/"), to, heard, store)

        yield opened


@pytest.mark.parametrize(
    ("target", "headers", "here"),
    [
        ("/plain", {"X-MSISDN": ANN.msisdn}, True),
        ("/plain", {"X-MSISDN": BEA.msisdn}, False),
        ("/plain", {"X-IMSI": ANN.imsi}, True),
        ("/plain", {"X-IMSI": BEA.imsi}, False),
        ("/plain", {}, False),
        ("/internet", {"X-MSISDN": ANN.msisdn}, False),
        ("/?msisdn=%2B15550100001", {}, True),
        ("/?msisdn=%2B15550100002", {}, False),
        (f"/?IMSI={ANN.imsi}", {}, True),
        (f"/?IMSI={BEA.imsi}", {}, False),
        (f"/?EAP_ID=0{ANN.imsi}@nai.epc.mnc001.mcc001.3gppnetwork.org", {}, True),
        (f"/?EAP_ID=0{BEA.imsi}@nai.epc.mnc001.mcc001.3gppnetwork.org", {}, False),
        ("/?token=ann.1.1.mac", {}, True),
        ("/?token=bea.1.1.mac", {}, False),
        ("/?token=0ld", {}, True),
        ("/?token=unknown", {}, False),
        ("/", {"Cookie": "acs=123456781234567812345678"}, True),
        ("/", {"Cookie": "acs=ABCD; JSESSIONID=123456781234567812345678"}, False),
        ("/", {}, False),
        ("/?IMSI=1&IMSI=2", {}, True),
        ("/unproxied", {}, True),
    ],
)
async def test_only_the_numbers_that_moved_get_here(
    open_site: Opening, target: str, headers: dict[str, str], here: bool
) -> None:
    """By the number that a request has, or that of the subscriber whom its IMSI, token or cookie is of; one that names
    nobody goes on where it began. What is no request is refused here."""
    site = await open_site(ANNS_MOVED)
    await site.store.commit(
        PutEphemeral(old_token.key_of("0ld"), old_token.encode(OldToken("ann")), NOW + timedelta(days=1))
    )
    answer = await site.ask(target, headers=headers)
    assert (answer.status, answer.body) == ((200, b"ours ") if here else (307, b""))
    if not here:
        assert answer.headers["Location"] == site.there + target


async def test_a_cookie_goes_where_its_subscriber_is_served(open_site: Opening) -> None:
    """The ranges of the moment count, also in the middle of the way back."""
    site = await open_site(BEAS_STAY)
    cookies = [{"Cookie": await site.introduce(one)} for one in (ANN, BEA)]
    assert [(await site.ask("/?vers=0", headers=one)).status for one in cookies] == [200, 307]
    site.ways.adopt(parse_cutover("", "ranges.toml"))
    assert [(await site.ask("/?vers=0", headers=one)).status for one in cookies] == [200, 200]
    assert (await site.ask("/plain", headers={"X-MSISDN": BEA.msisdn})).body == b"ours "


async def test_the_numbers_that_did_not_move_may_be_passed_on(open_site: Opening) -> None:
    """The other server's answer comes back as it is; identities that nobody vouches for here do not go along."""
    site = await open_site(ANNS_MOVED + 'by = "proxy"\n')
    answer = await site.ask(f"/?IMSI={BEA.imsi}", headers={"X-IMSI": ANN.imsi, "X_MSISDN": ANN.msisdn})
    assert (answer.status, answer.headers["Set-Cookie"], answer.body) == (200, "JSESSIONID=1", b"theirs")
    assert (await site.ask("/plain", headers={"X-IMSI": BEA.imsi})).body == b"theirs"
    assert (await site.ask("/internet", headers={"X-IMSI": ANN.imsi})).body == b"theirs"
    first, second, third = (request for request, _ in site.heard)
    assert first.query["IMSI"] == BEA.imsi
    assert not {"X-IMSI", "X_MSISDN"} & set(first.headers)
    assert second.headers["X-IMSI"] == BEA.imsi
    assert "X-IMSI" not in third.headers


async def test_a_posted_form_names_whose_it_is_and_arrives_whole(open_site: Opening) -> None:
    """On either side; one that is too long is refused here."""
    site = await open_site(ANNS_MOVED + 'by = "proxy"\n')
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    ours, theirs = (f"IMSI={one.imsi}&vers=0".encode() for one in (ANN, BEA))
    assert (await site.ask("/", method="POST", data=ours, headers=form)).body == b"ours " + ours
    assert (await site.ask("/", method="POST", data=theirs, headers=form)).body == b"theirs"
    assert site.heard[0][1] == theirs


async def test_a_server_that_is_down_is_told_as_such(open_site: Opening) -> None:
    """503, and a time after which to come again; those who are served here do not notice."""
    site = await open_site(ANNS_MOVED + 'by = "proxy"\n', down=True)
    answer = await site.ask(f"/?IMSI={BEA.imsi}")
    assert (answer.status, answer.body) == (503, b"")
    assert int(answer.headers["Retry-After"]) > 0
    assert (await site.ask(f"/?IMSI={ANN.imsi}")).body == b"ours "
