"""Short messages over HTTP. The gateway here is a server of the test's that keeps what it is asked."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from aiohttp import web
from pydantic import SecretStr

from adapters.sms.bearer.http import HttpBearer
from adapters.sms.bearer.receipts import ReceiptAddress
from adapters.sms.message import ShortMessage, submission
from gateway.errors import ConfigError, Rejected, Throttled, Unavailable
from gateway.fleet.push import OCTETS, Fate, Receipt, Submission
from gateway.settings import SmsHttp

PUSH = Submission("+15550100123", OCTETS, bytes.fromhex("0605040B8423F0"), bytes.fromhex("0106FF"))
PASSWORD = "pw &31337"


@contextlib.asynccontextmanager
async def gateway(
    status: int = 202, text: str = "0: Accepted for delivery", **settings: Any
) -> AsyncIterator[tuple[HttpBearer, list[tuple[str, bytes, str]]]]:
    """A bearer to a gateway that answers so, and what the gateway was asked: target, body, content type."""
    asked: list[tuple[str, bytes, str]] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        asked.append((request.raw_path, await request.read(), request.headers.get("Content-Type", "")))
        return web.Response(status=status, text=text)

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}{settings.pop('path', '/cgi-bin/sendsms')}"
    given = SmsHttp(url=url, username="mogate", password=SecretStr(PASSWORD), **settings)
    bearer = HttpBearer(given, sender="12345")
    try:
        yield bearer, asked
    finally:
        await bearer.close()
        await runner.cleanup()


async def test_kannel_is_asked_for_octets() -> None:
    """Header and data percent-encoded, coding 1 for octets, validity in minutes. Kannel User's Guide, sendsms"""
    async with gateway() as (bearer, asked):
        await bearer.send(PUSH, 3600)
    assert asked[0][0] == (
        "/cgi-bin/sendsms?username=mogate&password=pw%20%2631337&to=%2B15550100123&validity=60&from=12345"
        "&udh=%06%05%04%0B%84%23%F0&coding=1&text=%01%06%FF"
    )


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (submission(ShortMessage("+1555", "1 €")), "coding=0&charset=UTF-8&text=1%20%E2%82%AC"),
        (
            submission(ShortMessage("+1555", "1")._replace(port=37273)),
            "udh=%06%05%04%91%99%00%00&coding=2&charset=UTF-16BE&text=%001",
        ),
        (Submission("+1555", 0xF5, b"", b"\1"), "coding=1&text=%01&mclass=1"),
    ],
)
async def test_kannel_is_asked_for_text(message: Submission, says: str) -> None:
    """For people in UTF-8, for an application in the octets of UTF-16; a TP-DCS with a class as mclass."""
    async with gateway() as (bearer, asked):
        await bearer.send(message, 60)
    assert asked[0][0].endswith(says)


@pytest.mark.parametrize(
    ("status", "text", "error"),
    [
        (202, "3: Queued for later delivery", None),
        (503, "Temporal failure, try again later.", Unavailable),
        (429, "slower", Throttled),
        (403, "Authorization failed for sendsms", Rejected),
        (202, "something else", Rejected),
        (301, "0: Accepted", Rejected),
    ],
)
async def test_answers_of_kannel(status: int, text: str, error: type[Exception] | None) -> None:
    """Taken, not now, or never; the password is in no word of it."""
    async with gateway(status, text) as (bearer, _):
        if error is None:
            await bearer.send(PUSH, 60)
            return
        with pytest.raises(error) as raised:
            await bearer.send(PUSH, 60)
    assert type(raised.value) is error
    assert "31337" not in str(raised.value)


async def test_a_template_is_filled_in() -> None:
    """Values are quoted as the place needs it, and what they say is not filled in again."""
    body = '{"to": "{to}", "from": "{sender}", "udh": "{udh}", "data": "{data}", "text": "{text}", "dcs": {coding}}'
    headers = {"Content-Type": "application/json"}
    async with gateway(
        200, '{"id": "77"}', kind="template", path="/send/{to}", headers=headers, body=body, accepted_pattern='"id"'
    ) as (bearer, asked):
        await bearer.send(PUSH, 60)
        await bearer.send(Submission("+1555", 0, b"", b"", 'say "{to}"'), 60)
    target, sent, media_type = asked[0]
    assert (target, media_type) == ("/send/%2B15550100123", "application/json")
    assert sent == (
        b'{"to": "+15550100123", "from": "12345", "udh": "0605040B8423F0", "data": "0106FF", "text": "", "dcs": 4}'
    )
    assert b'"text": "say \\"{to}\\""' in asked[1][1]


async def test_an_answer_without_the_pattern_is_a_refusal() -> None:
    """A gateway that says 200 to everything is understood by its words."""
    async with gateway(200, "error", kind="template", body="{to}", accepted_pattern="^ok") as (bearer, _):
        with pytest.raises(Rejected, match="taken"):
            await bearer.send(PUSH, 60)


async def test_a_gateway_out_of_reach_is_named() -> None:
    """With host and port, and nothing of the URL behind them."""
    bearer = HttpBearer(SmsHttp(url="http://127.0.0.1:1/x?k=31337", seconds=2), sender="")
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1: cannot connect") as raised:
        await bearer.send(PUSH, 60)
    assert "31337" not in str(raised.value)
    await bearer.close()


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        (SmsHttp(), r"sms\.http\.url"),
        (SmsHttp(url="http://sms.example.net", kind="template"), r"sms\.http\.body"),
        (SmsHttp(url="http://sms.example.net", accepted_pattern="("), r"sms\.http\.accepted_pattern"),
    ],
)
def test_settings_that_cannot_work_are_named(settings: SmsHttp, key: str) -> None:
    """By their key."""
    with pytest.raises(ConfigError, match=key):
        HttpBearer(settings, sender="")


async def test_kannel_brings_receipts_to_an_address_of_their_own() -> None:
    """The address names the message, and is believed back. Kannel User's Guide, "Delivery Reports"."""
    receipts = ReceiptAddress("http://mogate.example/sms/receipt", b"key")
    async with gateway() as (bearer, asked):
        bearer = HttpBearer(bearer._settings, sender="", receipts=receipts)
        name = await bearer.send(PUSH, 3600, receipt=True)
        silent = await bearer.send(PUSH, 3600)
        await bearer.close()
    query = parse_qs(asked[0][0].partition("?")[2], encoding="latin-1")
    assert (query["dlr-mask"], silent) == (["19"], "")
    assert "dlr" not in asked[1][0]
    brought = query["dlr-url"][0].replace("%d", "1")
    assert receipts.parse(brought.partition("?")[2]) == Receipt(name, Fate.DELIVERED, "")
