"""The page for entering a code: plain, in the user's language, and of no use to another site."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import ClientResponse, DummyCookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from adapters.rcc14.messages import Request
from adapters.rcc14.proving.otp import OneTimePasswords
from adapters.rcc14.proving.page import CodePage
from adapters.rcc14.proving.proof import Call
from adapters.sms.bearer.file import FileBearer
from gateway.fleet.subscriber import Subscriber
from gateway.settings import Otp, Page
from gateway.store.protocol import PutSubscriber
from gateway.store.sqlite import SqliteStore

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ANN = Subscriber(id="ann", imsis=("001010000000001",), msisdn="+15550100001")


class Browser:
    """A browser at the page; ``code`` is the one that ann's client waits with."""

    def __init__(self, http: TestClient[web.Request, web.Application], code: str) -> None:
        self.code = code
        self._http = http

    async def open(self, language: str = "en") -> tuple[ClientResponse, str]:
        async with self._http.get("/verify", headers={"Accept-Language": language}) as response:
            return response, await response.text()

    async def enter(self, number: str, code: str, answer: str = "", *, form: str | None = None) -> tuple[int, str]:
        """Fill in the form; ``form`` is the hidden field where it is not the one that was shown."""
        shown, text = await self.open()
        hidden = re.search('name="form" value="([^"]+)"', text)
        assert hidden is not None
        fields = {"number": number, "code": code, "form": hidden[1] if form is None else form}
        fields |= {"answer": answer} if answer else {}
        cookie = shown.headers["Set-Cookie"].partition(";")[0]
        async with self._http.post("/verify", data=fields, headers={"Cookie": cookie}) as response:
            return response.status, await response.text()


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    store = SqliteStore.open(tmp_path / "store.sqlite")
    await store.commit(PutSubscriber(ANN))
    file = tmp_path / "sms.jsonl"
    codes = OneTimePasswords(
        store, FileBearer(file, lambda: NOW), Otp(texts={"en": "{code}"}), key=b"k" * 32, clock=lambda: NOW
    )
    asked = Request(msisdn=ANN.msisdn, sms_port="0", about={"friendly_device_name": "<b>Tab</b> {number}"})
    await codes.challenge(Call(asked, {}, (), "192.0.2.1", NOW))
    await codes.close()
    code = re.search('"text": "([0-9]{6})"', file.read_text())
    assert code is not None
    texts = Page().texts | {"x-html": dict.fromkeys(Page().texts["en"], "<&>")}
    page = CodePage(codes, texts, lambda: NOW)
    app = web.Application()
    app.router.add_get("/verify", page.handle_get)
    app.router.add_post("/verify", page.handle_post(()))
    async with TestClient(TestServer(app), cookie_jar=DummyCookieJar()) as http:
        yield Browser(http, code[1])
    await store.close()


async def test_the_form_has_no_script_and_allows_none(browser: Browser) -> None:
    """No script, nothing from elsewhere, no frame around it, nothing kept; the cookie is the browser's alone."""
    response, text = await browser.open()
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert policy.endswith("form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
    assert "<script" not in text
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Set-Cookie"].endswith("; Path=/; Secure; HttpOnly; SameSite=Strict")


@pytest.mark.parametrize(
    ("language", "says"), [("de-AT", "Mobilnummer"), ("fr", "Mobile number"), ("x-html", "&lt;&amp;&gt;")]
)
async def test_the_page_speaks_the_users_language(browser: Browser, language: str, says: str) -> None:
    """The operator's texts in the language the browser likes best, and never as markup."""
    _, text = await browser.open(language)
    assert says in text


async def test_number_and_code_are_taken_once(browser: Browser) -> None:
    """Spaces in the number do not matter; a second time the code is used up."""
    assert (await browser.enter("+1 555 0100001", browser.code))[0] == 200
    status, text = await browser.enter("+1 555 0100001", browser.code, "yes")
    assert (status, "<form" in text) == (200, False)
    assert (await browser.enter(ANN.msisdn, browser.code, "yes"))[0] == 403


async def test_the_user_is_shown_what_is_about_to_be_confirmed(browser: Browser) -> None:
    """With the right code, and not before: which number, when it was asked, and what the device calls itself, which is
    never markup. Nothing is confirmed by it yet.
    """
    _, before = await browser.enter(ANN.msisdn, "000000")
    status, text = await browser.enter(ANN.msisdn, browser.code)
    assert status == 200
    assert "&lt;b&gt;Tab&lt;/b&gt; {number} asked on 2026-01-02 00:00 UTC to be set up for +15550100001." in text
    assert "00:00 UTC" not in before
    assert re.findall('<button name="answer" value="([a-z]+)">', text) == ["yes", "no"]
    assert f'name="code" value="{browser.code}"' in text


async def test_the_user_may_deny_it(browser: Browser) -> None:
    """A client that is not the user's gets nothing, also when somebody says yes later."""
    status, text = await browser.enter(ANN.msisdn, browser.code, "no")
    assert (status, "will not be set up" in text) == (200, True)
    assert (await browser.enter(ANN.msisdn, browser.code, "yes"))[0] == 403


@pytest.mark.parametrize("number", ["+15550100001", "+15550100099", "15550100001"])
async def test_what_does_not_fit_is_told_the_same(browser: Browser, number: str) -> None:
    """Whether the number is anybody's does not show."""
    status, text = await browser.enter(number, "x")
    assert (status, "do not fit together" in text) == (403, True)


@pytest.mark.parametrize(("number", "form"), [(ANN.msisdn, ""), (ANN.msisdn, "made-up"), ("nonsense", None)])
async def test_another_sites_form_is_refused(browser: Browser, number: str, form: str | None) -> None:
    """A form that this browser was not shown counts as nothing, and so does one without a number."""
    assert (await browser.enter(number, browser.code, form=form))[0] == 400
    assert (await browser.enter(ANN.msisdn, browser.code))[0] == 200
