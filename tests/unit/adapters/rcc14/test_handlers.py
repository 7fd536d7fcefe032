"""Both legs over HTTP and a real store: who is let in by what, and what the others are told."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp import DummyCookieJar, web
from aiohttp.test_utils import TestClient, TestServer
from lxml import etree

from adapters.rcc14.documents import Documents
from adapters.rcc14.handlers import Rcc14Front
from adapters.rcc14.identity.token import token_of
from adapters.rcc14.messages import MAX_PARAMETERS
from adapters.rcc14.session import Terms
from gateway.fleet.device import Device
from gateway.fleet.subscriber import Subscriber
from gateway.settings import Rcc14
from gateway.store.protocol import DeleteSubscriber, PutSubscriber
from gateway.store.sqlite import SqliteStore

KEY = b"k" * 32
ANN = Subscriber(id="ann", imsis=("001010000000001",), msisdn="+15550100001")
BEA = Subscriber(id="bea", imsis=("001010000000002",), msisdn="+15550100002")
DATA_ONLY = Subscriber(id="data", imsis=("001010000000003",))
NO_SIM = Subscriber(id="line", msisdn="+15550100004")
IMEI, OTHER_IMEI = "004401020000017", "004401020000025"
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


@pytest.fixture
async def phone(documents: Documents, terms: Terms, tmp_path: Path) -> AsyncIterator[Phone]:
    store = SqliteStore.open(tmp_path / "store.sqlite")
    await store.commit(*(PutSubscriber(one) for one in (ANN, BEA, DATA_ONLY, NO_SIM)))
    front = Rcc14Front(store, documents, Rcc14(), terms=terms, token_key=KEY, clock=lambda: phone.now)
    app = web.Application()
    app.router.add_get("/plain", front.plain_leg(LOOPBACK))
    app.router.add_get("/internet", front.plain_leg(()))
    app.router.add_get("/", front.handle_secure)
    async with TestClient(TestServer(app), cookie_jar=DummyCookieJar()) as http:
        phone = Phone(http, store)
        yield phone
    await store.close()


@pytest.mark.parametrize(
    ("leg", "headers", "status"),
    [
        ("/plain", {"IMSI": ANN.imsi, "MSISDN": ANN.msisdn}, 200),
        ("/plain", {"MSISDN": "15550100001"}, 200),
        ("/plain", {"IMSI": ANN.imsi}, 200),
        ("/plain", {"IMSI": DATA_ONLY.imsi, "MSISDN": "15550100099"}, 200),
        ("/plain", {"IMSI": ANN.imsi, "MSISDN": BEA.msisdn}, 403),
        ("/plain", {"IMSI": "001010000000099"}, 403),
        ("/plain", {"IMSI": "nobody"}, 511),
        ("/plain", {}, 511),
        ("/internet", {"IMSI": ANN.imsi}, 511),
    ],
)
async def test_the_plain_leg_introduces_whom_the_network_names(
    phone: Phone, leg: str, headers: dict[str, str], status: int
) -> None:
    """A cookie for a subscriber that the operator's own gateway names, never a document (RCC.14 2.2)."""
    answered, cookie = await phone.introduce(leg=leg, **headers)
    assert answered == status
    assert bool(cookie) == (status == 200)


async def test_a_cookie_tells_nothing_and_is_good_once(phone: Phone) -> None:
    """It is random, does not name the subscriber, and ends with the document it fetched or with its time."""
    cookies = [(await phone.introduce(MSISDN=ANN.msisdn))[1] for _ in range(3)]
    assert len(set(cookies)) == 3
    assert all(re.fullmatch("acs=[A-Za-z0-9_-]{24}", cookie) for cookie in cookies)
    assert (await phone.ask("", cookies[0]))[0] == 200
    assert (await phone.ask("", cookies[0]))[0] == 511
    assert (await phone.ask("", f"other=1;{cookies[1]};x=y", "acs=made-up"))[0] == 200
    phone.now += timedelta(seconds=Rcc14().cookie_seconds)
    assert (await phone.ask("", cookies[2]))[0] == 511


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("vers=0&IMSI=001010000000001&msisdn=%2B15550100001", 511),
        ("vers=0&IMSI=001010000000001&SMS_port=37273", 403),
        ("token=ann.1.1.AAAA", 511),
        ("token=..", 511),
        ("vers=zero", 400),
        ("IMSI=1&imsi=1", 400),
        ("&".join(["a=1"] * (MAX_PARAMETERS + 1)), 414),
        ("token=" + "x" * 2000, 414),
    ],
)
async def test_claims_and_nonsense_get_no_document(phone: Phone, query: str, status: int) -> None:
    """Without proof 511 (403 when an OTP was hoped for); malformed 400; too much 414; always without a body."""
    assert await phone.ask(query) == (status, {})


@pytest.mark.parametrize(
    ("subscriber", "claims", "status"),
    [
        (ANN, f"IMSI={ANN.imsi}&msisdn={quote(ANN.msisdn)}", 200),
        (ANN, "msisdn=15550100001", 200),
        (ANN, f"IMSI={BEA.imsi}", 403),
        (ANN, f"msisdn={quote(BEA.msisdn)}", 403),
        (ANN, "msisdn=nobody", 403),
        (DATA_ONLY, "msisdn=15550100099", 200),
        (NO_SIM, "IMSI=001010000000099", 200),
    ],
)
async def test_claims_must_agree_with_the_cookie(
    phone: Phone, subscriber: Subscriber, claims: str, status: int
) -> None:
    """Another identity than the proven one is refused; one that is not on record contradicts nothing."""
    headers = {"IMSI": subscriber.imsi} if subscriber.imsi else {"MSISDN": subscriber.msisdn}
    _, cookie = await phone.introduce(**headers)
    assert (await phone.ask(claims, cookie))[0] == status


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ("", 200),
        (f"IMSI={ANN.imsi}&IMEI={IMEI}&msisdn={quote(ANN.msisdn)}", 200),
        (f"IMEI={IMEI[:14]}05", 200),
        ("IMEI=hidden", 200),
        (f"IMSI={BEA.imsi}", 511),
        (f"IMEI={OTHER_IMEI}", 511),
        (f"msisdn={quote(BEA.msisdn)}", 511),
    ],
)
async def test_a_token_is_good_for_its_sim_and_phone(phone: Phone, claims: str, status: int) -> None:
    """Elsewhere it gets 511, on which the client drops it and starts again (RCC.14 TOKEN)."""
    token = await phone.start(ANN)
    assert (await phone.ask(f"{claims}&token={token}"))[0] == status


async def test_a_live_cookie_comes_before_the_token(phone: Phone) -> None:
    """Who has just been introduced is let in whatever token it shows, and gets one that is good; a dead cookie does
    not spoil a good token; both bad is 511."""
    token = await phone.start(ANN)
    _, cookie = await phone.introduce(MSISDN=BEA.msisdn)
    status, document = await phone.ask(f"vers=0&IMSI={BEA.imsi}&token={token}", cookie)
    assert (status, document["User/msisdn"]) == (200, BEA.msisdn)
    assert document["TOKEN/token"].startswith("bea.1.1.")
    assert (await phone.ask(f"vers=1&token={token}", cookie))[1]["VERS/version"] == "1"
    assert (await phone.ask(f"vers=1&token={token}x", cookie))[0] == 511


async def test_an_unchanged_client_costs_no_write(phone: Phone) -> None:
    """VERS alone goes back, and the device on record is the very same."""
    token = await phone.start(ANN)
    query = f"vers=1&IMEI={IMEI}&token={token}"
    await phone.ask(query)
    before = await phone.devices(ANN)
    assert await phone.ask(query) == (200, {"VERS/version": "1", "VERS/validity": "86400"})
    assert await phone.devices(ANN) == before


async def test_tokens_are_renewed_and_the_old_one_still_opens(phone: Phone) -> None:
    """From half its life on a token is replaced; until the client shows the new one, each answer brings it again."""
    token = await phone.start(ANN)
    phone.now += timedelta(seconds=600)
    _, renewed = await phone.ask(f"vers=1&token={token}")
    assert (renewed["TOKEN/token"], renewed["TOKEN/validity"]) == (token_of("ann.1", 2, KEY), "1000")
    phone.now += timedelta(seconds=100)
    _, again = await phone.ask(f"vers=1&token={token}")
    assert (again["TOKEN/token"], again["TOKEN/validity"]) == (renewed["TOKEN/token"], "900")
    _, shown = await phone.ask(f"vers=1&token={renewed['TOKEN/token']}")
    assert "TOKEN/token" not in shown
    phone.now += timedelta(seconds=900)
    assert (await phone.ask(f"vers=1&token={renewed['TOKEN/token']}"))[0] == 511


async def test_devices_are_told_apart(phone: Phone) -> None:
    """By IMEI whatever its last digits are, and without one by make and model; each has its own token."""
    tokens = [
        await phone.start(ANN, query)
        for query in (
            f"IMEI={IMEI}",
            f"IMEI={IMEI[:14]}05",
            f"IMEI={OTHER_IMEI}",
            "terminal_vendor=EXMP&terminal_model=A1",
            "terminal_vendor=EXMP&terminal_model=A1",
            "terminal_vendor=EXMP&terminal_model=A2",
        )
    ]
    assert [token.rpartition(".")[0].rpartition(".")[0] for token in tokens] == [
        "ann.1",
        "ann.1",
        "ann.2",
        "ann.3",
        "ann.3",
        "ann.4",
    ]
    assert [device.imei for device in await phone.devices(ANN)] == [IMEI, OTHER_IMEI, "", ""]


async def test_proof_of_somebody_who_is_gone_is_none(phone: Phone) -> None:
    """Cookies and tokens end with their subscriber."""
    token = await phone.start(ANN)
    _, cookie = await phone.introduce(MSISDN=ANN.msisdn)
    await phone.store.commit(DeleteSubscriber("ann"))
    assert (await phone.ask("", cookie))[0] == 511
    assert (await phone.ask(f"token={token}"))[0] == 511
