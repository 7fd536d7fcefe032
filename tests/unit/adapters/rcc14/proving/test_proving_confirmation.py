"""Codes that the phone's RCS client shows: handed to the operator's messaging server, with SMS to fall back on."""

from __future__ import annotations

import dataclasses
import re
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.rcc14.messages import Request
from adapters.rcc14.proving.confirmation import Confirmations
from adapters.rcc14.proving.otp import OneTimePasswords
from adapters.rcc14.proving.proof import Call
from adapters.sms.bearer.file import FileBearer
from gateway.errors import AuthError, ConfigError
from gateway.fleet.device import Device, Rcc14State
from gateway.fleet.subscriber import Subscriber
from gateway.serving.demo_tls import ensure_demo_certificates
from gateway.settings import Confirmation, Otp
from gateway.store.protocol import PutDevice, PutSubscriber
from gateway.store.sqlite import SqliteStore

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ANN = Subscriber(id="ann", imsis=("001010000000001",), msisdn="+15550100001")
PHONE = Device(id="ann.1", rcc14=Rcc14State(imsi=ANN.imsi, sent_version=1, reported_version=1))
TABLET = Request(msisdn=ANN.msisdn, sms_port="0", about={"friendly_device_name": "Tab"})
SENDER = "sip:confirm@rcs.example.net"


@dataclasses.dataclass
class Lab:
    """The method with a messaging server that answers ``status``, and what that server and the SMSC got."""

    store: SqliteStore
    codes: OneTimePasswords
    sms: Path
    status: int = 202
    heard: list[tuple[dict[str, str], str]] = dataclasses.field(default_factory=list)

    async def ask(self, asked: Request = TABLET) -> str:
        """The cookie of a client that asks."""
        cookie = (await self.codes.challenge(Call(asked, {}, (), "192.0.2.1", NOW))).cookie
        await self.codes.close()
        return cookie

    async def bring(self, code: str, cookie: str) -> str:
        """Whose code it is that the client brings."""
        proof = await self.codes.check(Call(Request(otp=code), {}, (cookie,), "192.0.2.1", NOW))
        return proof.household.subscriber.id

    @property
    def messages(self) -> int:
        return len(self.sms.read_text().splitlines()) if self.sms.exists() else 0


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    ensure_demo_certificates(tmp_path, ("localhost",), datetime.now(UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")

    async def take(request: web.Request) -> web.Response:
        headers = {name: request.headers[name] for name in ("Content-Type", "To", "From")}
        lab.heard.append((headers, await request.text()))
        return web.Response(status=lab.status)

    app = web.Application()
    app.router.add_post("/eucr", take)
    server = TestServer(app, host="localhost")
    await server.start_server(ssl=context)
    url = f"https://localhost:{server.port}/eucr"
    store = SqliteStore.open(tmp_path / "store.sqlite")
    await store.commit(PutSubscriber(ANN), PutDevice(PHONE))
    confirmations = Confirmations(Confirmation(url=url, sender=SENDER, authority=tmp_path / "ca.pem"))
    sms = tmp_path / "sms.jsonl"
    codes = OneTimePasswords(
        store, FileBearer(sms, lambda: NOW), Otp(), key=b"k" * 32, clock=lambda: NOW, confirmations=confirmations
    )
    lab = Lab(store, codes, sms)
    yield lab
    await confirmations.close()
    await server.close()
    await store.close()


def code_in(text: str) -> str:
    found = re.search("[0-9]{6}", text)
    assert found is not None
    return found[0]


async def test_the_phone_shows_the_code_for_the_other_device(lab: Lab) -> None:
    """The request goes to the phone's number from the identity that it knows, and no SMS goes; the code that it shows
    proves the other device (RCC.15 2.1.2).
    """
    cookie = await lab.ask()
    ((headers, body),) = lab.heard
    assert headers == {
        "Content-Type": "application/end-user-confirmation-request+xml",
        "To": f"tel:{ANN.msisdn}",
        "From": SENDER,
    }
    assert "Tab wants to use your number" in body
    assert lab.messages == 0
    assert await lab.bring(code_in(body.partition("<Text")[2]), cookie) == "ann"


@pytest.mark.parametrize(
    ("asked", "phone"),
    [
        (Request(imsi=ANN.imsi, msisdn=ANN.msisdn, sms_port="0"), PHONE),
        (Request(msisdn=ANN.msisdn, sms_port="37273"), PHONE),
        (TABLET, Device(id="ann.1", rcc14=Rcc14State(additional=True, sent_version=1, reported_version=1))),
        (TABLET, Device(id="ann.1", rcc14=Rcc14State(imsi=ANN.imsi, sent_version=1, reported_version=0))),
    ],
)
async def test_without_an_active_phone_or_another_device_it_is_a_message(
    lab: Lab, asked: Request, phone: Device
) -> None:
    """The phone itself, a client that takes its code on a port, and a phone without RCS get an SMS as ever."""
    household = await lab.store.load_household("id", "ann")
    assert household is not None
    await lab.store.commit(PutDevice(Device(id="ann.1", rcc14=phone.rcc14, revision=household.devices[0].revision)))
    await lab.ask(asked)
    assert (lab.heard, lab.messages) == ([], 1)


async def test_a_server_that_does_not_take_it_is_no_end(lab: Lab) -> None:
    """The code goes by SMS then."""
    lab.status = 503
    cookie = await lab.ask()
    assert (len(lab.heard), lab.messages) == (1, 1)
    assert await lab.bring(code_in(lab.sms.read_text().partition('"text"')[2]), cookie) == "ann"


async def test_a_user_who_declines_ends_it(lab: Lab) -> None:
    """The code is good for nothing any more, and an event tells; to accept is no proof by itself."""
    cookie = await lab.ask()
    question = lab.heard[0][1].partition('id="')[2].partition('"')[0]
    assert not await lab.codes.answered("another", accepted=False)
    assert await lab.codes.answered(question, accepted=True)
    with pytest.raises(AuthError):
        await lab.bring("000000", cookie)
    assert await lab.codes.answered(question, accepted=False)
    assert not await lab.codes.answered(question, accepted=False)
    with pytest.raises(AuthError):
        await lab.bring(code_in(lab.heard[0][1].partition("<Text")[2]), cookie)
    kinds = [event.kind for event in await lab.store.load_events(subscriber_id="ann")]
    assert kinds[-3:] == ["otp.sent", "otp.accepted", "otp.denied"]


def test_certificates_that_are_none_are_found_at_start(tmp_path: Path) -> None:
    """A file that cannot be used is named before anybody is served."""
    with pytest.raises(ConfigError) as raised:
        Confirmations(Confirmation(url="https://x", sender=SENDER, authority=tmp_path / "none.pem"))
    assert raised.value.key == "confirmation"
