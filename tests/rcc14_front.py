"""The RCC.14 front over a real store, both legs of it, and a client that asks it."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import DummyCookieJar, web
from aiohttp.test_utils import TestClient, TestServer
from lxml import etree
from multidict import CIMultiDictProxy

from adapters.rcc14.documents import Documents
from adapters.rcc14.handlers import Leg, Rcc14Front
from adapters.rcc14.provider import Provider
from adapters.rcc14.proving.proof import Method
from adapters.rcc14.proving.token import Tokens
from adapters.rcc14.session import Terms
from gateway.accounts import Accounts
from gateway.detections import Detections
from gateway.fleet.device import Device
from gateway.fleet.subscriber import Subscriber
from gateway.observe.load import Load
from gateway.settings import Detection, Rcc14, Trace
from gateway.store.protocol import (
    Event,
    PutSubscriber,
)
from gateway.store.sqlite import SqliteStore
from gateway.trace import Tracer

KEY = b"k" * 32


ANN = Subscriber(id="ann", imsis=("001010000000001",), msisdn="+15550100001")


BEA = Subscriber(id="bea", imsis=("001010000000002",), msisdn="+15550100002")


DATA_ONLY = Subscriber(id="data", imsis=("001010000000003",))


NO_SIM = Subscriber(id="line", msisdn="+15550100004")


IMEI, OTHER_IMEI = "004401020000017", "004401020000025"


HOST = "config.rcs.mnc001.mcc001.pub.3gppnetwork.org"


IDLE = Load(max_in_flight=1000, max_lag_seconds=10)


LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


class Phone:
    """A client of the front, its operator's gateway included; ``now`` is the front's clock."""

    def __init__(self, http: TestClient[web.Request, web.Application], store: SqliteStore) -> None:
        self.now = datetime(2026, 1, 2, tzinfo=UTC)
        self.store = store
        self._http = http

    async def introduce(self, *, leg: str = "/plain", **headers: str) -> tuple[int, str]:
        """The plain leg: the status, and the cookie as it goes back."""
        named = {f"X-{name}": value for name, value in headers.items()}
        async with self._http.get(leg, headers=named) as response:
            assert await response.read() == b""
            return response.status, response.headers.get("Set-Cookie", "").partition(";")[0]

    async def raw(self, method: str, target: str, **options: Any) -> tuple[int, CIMultiDictProxy[str], bytes]:
        """Any request: status, headers and body of the answer; redirects are not followed."""
        async with self._http.request(method, target, allow_redirects=False, **options) as response:
            return response.status, response.headers, await response.read()

    async def events(self, kind: str) -> list[Event]:
        return [event for event in await self.store.load_events() if event.kind == kind]

    async def ask(self, query: str = "", *cookies: str) -> tuple[int, dict[str, str]]:
        """The TLS leg: the status, and the parms of the document that are of one kind there."""
        headers = [("Cookie", cookie) for cookie in cookies]
        async with self._http.get(f"/?{query}", headers=headers) as response:
            body = await response.read()
            assert response.headers["Cache-Control"] == "no-cache, no-store"
            if response.status != 200:
                assert body == b""
                return response.status, {}
        root = etree.fromstring(body)
        found = {f"{parm.getparent().get('type')}/{parm.get('name')}": parm.get("value") for parm in root.iter("parm")}
        return 200, found

    async def start(self, subscriber: Subscriber, query: str = f"IMEI={IMEI}") -> str:
        """A first configuration by cookie; the token."""
        _, cookie = await self.introduce(MSISDN=subscriber.msisdn, IMSI=subscriber.imsi)
        status, document = await self.ask(query, cookie)
        assert status == 200
        return document["TOKEN/token"]

    async def devices(self, subscriber: Subscriber) -> list[Device]:
        household = await self.store.load_household("id", subscriber.id)
        assert household is not None
        return list(household.devices)


Opening = Callable[..., Awaitable[Phone]]


@contextlib.asynccontextmanager
async def fronts(documents: Documents, accounts: Accounts, terms: Terms, folder: Path) -> AsyncIterator[Opening]:
    """Opens a front with other settings or methods, and gives a client of it."""
    async with contextlib.AsyncExitStack() as stack:

        async def opened(methods: Sequence[Method] = (), load: Load = IDLE, **settings: object) -> Phone:
            store = SqliteStore.open(folder / "store.sqlite")
            stack.push_async_callback(store.close)
            if await store.load_household("id", ANN.id) is None:
                await store.commit(*(PutSubscriber(one) for one in (ANN, BEA, DATA_ONLY, NO_SIM)))
            chosen = Rcc14(**{"max_restarts": 100} | settings)  # type: ignore[arg-type]
            tokens = Tokens(store, key=KEY, life_seconds=terms.token_seconds)
            detections = Detections(store, Detection(), lambda: phone.now)
            provider = Provider(store, documents, accounts, tokens, chosen, terms=terms, detections=detections)
            front = Rcc14Front(
                store,
                provider,
                tokens,
                chosen,
                tracer=Tracer(store, Trace()),
                clock=lambda: phone.now,
                load=load,
                hosts={HOST},
                methods=methods,
            )
            app = web.Application()
            app.router.add_get("/plain", front.handler(Leg(secure=False, gateways=LOOPBACK)))
            app.router.add_get("/internet", front.handler(Leg(secure=False)))
            app.router.add_get("/proxied", front.handler(Leg(secure=True, ends_tls=False, proxies=LOOPBACK)))
            app.router.add_get("/unproxied", front.handler(Leg(secure=True, ends_tls=False)))
            secure = front.handler(Leg(secure=True, proxies=LOOPBACK))
            app.router.add_get("/", secure)
            app.router.add_post("/", secure)
            http = await stack.enter_async_context(TestClient(TestServer(app), cookie_jar=DummyCookieJar()))
            phone = Phone(http, store)
            return phone

        yield opened
