"""The page on which a user enters number and code, for clients that have no box of their own for it.

It confirms a client that is waiting: the code's SMS was sent for that client's request, and it is that client's cookie
which is good from then on. Whoever enters a right code is shown what that client says of itself and when it asked, to
accept or deny it, and gets nothing else from the page but a word of thanks.

Spec: RCC.14 2.3 (SMS_port 0); the page itself is outside of it
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from html import escape
from typing import NamedTuple
from urllib.parse import parse_qs

from aiohttp import web

from adapters.rcc14.identity.otp import Waiting, name_of
from adapters.rcc14.language import choose_language
from adapters.rcc14.messages import parse_msisdn
from adapters.rcc14.proving.otp import OneTimePasswords
from gateway.errors import DecodeError, MogateError, Unavailable
from gateway.observe.logs import logger
from gateway.observe.requests import OTHER, http_route
from gateway.peers import Network, client_address

MAX_FORM_BYTES = 2048
MAX_FIELDS = 5
MAX_NAME_CHARACTERS = 60
FORM_COOKIE = "__Host-form"
FORM_BYTES = 18

_STYLE = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:26rem;margin:3rem auto;padding:0 1rem}"
    "label,input,button{display:block;width:100%;box-sizing:border-box;font:inherit}"
    "input,button{margin:.3rem 0 1rem;padding:.6rem}"
)
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_PAGE = """<!DOCTYPE html>
<html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>{style}</style></head><body><h1>{title}</h1><p>{says}</p>{form}</body></html>
"""
_FORM = """<form method="post"><input type="hidden" name="form" value="{form}">
<label for="number">{number}</label><input id="number" name="number" type="tel" autocomplete="tel" required>
<label for="code">{code}</label><input id="code" name="code" inputmode="numeric" autocomplete="one-time-code" required>
<button>{button}</button></form>"""
_QUESTION = """<form method="post"><input type="hidden" name="form" value="{form}">
<input type="hidden" name="number" value="{entered}"><input type="hidden" name="code" value="{given}">
<button name="answer" value="yes">{yes}</button><button name="answer" value="no">{no}</button></form>"""


class Entry(NamedTuple):
    """Number and code as they were entered, and the answer to the question that follows, empty before it."""

    number: str
    code: str
    answer: str


Handler = Callable[[web.BaseRequest], Awaitable[web.Response]]


class CodePage:
    """The page with its two methods; ``texts`` are the operator's, by language and name, ``path`` is where it is."""

    def __init__(
        self,
        codes: OneTimePasswords,
        texts: Mapping[str, Mapping[str, str]],
        clock: Callable[[], datetime],
        path: str = OTHER,
    ) -> None:
        self._codes = codes
        self._texts = texts
        self._clock = clock
        self._route = http_route("acs", path)

    async def handle_get(self, request: web.BaseRequest) -> web.Response:
        """Show the form."""
        return self._show(request, 200, "intro", time.perf_counter())

    def handle_post(self, proxies: tuple[Network, ...]) -> Handler:
        """The handler that takes number and code, on a listener with these proxies in front of it."""

        async def handle(request: web.BaseRequest) -> web.Response:
            peer = client_address(request.remote or "", request.headers.getall("X-Forwarded-For", ()), proxies)
            return await self._take(request, peer)

        return handle

    async def _take(self, request: web.BaseRequest, peer: str) -> web.Response:
        started = time.perf_counter()
        try:
            entry = await _read_form(request)
            now = self._clock()
            claim = await self._codes.find_claim(entry.number, entry.code, peer=peer, now=now)
            if claim is None:
                return self._show(request, 403, "wrong", started)
            if not entry.answer:
                return self._show(request, 200, "sure", started, asks=(entry, claim.waiting))
            denied = entry.answer == "no"
            taken = await (self._codes.deny(claim, now) if denied else self._codes.confirm(claim, now))
        except DecodeError:
            return self._show(request, 400, "wrong", started)
        except Unavailable:
            return self._show(request, 429, "wait", started)
        except MogateError as error:
            logger().error("request_failed", frontend="acs", why=str(error))
            return self._show(request, 503, "wait", started)
        says = "denied" if denied else "done"
        return self._show(request, 200 if taken else 403, says if taken else "wrong", started)

    def _show(
        self,
        request: web.BaseRequest,
        status: int,
        says: str,
        started: float,
        asks: tuple[Entry, Waiting] | None = None,
    ) -> web.Response:
        language = choose_language(request.headers.get("Accept-Language", ""), tuple(self._texts))
        texts = {name: escape(text) for name, text in self._texts[language].items()}
        headers = dict(_HEADERS)
        form = ""
        shown = texts[says]
        if says not in ("done", "denied"):
            value = secrets.token_urlsafe(FORM_BYTES)
            headers["Set-Cookie"] = f"{FORM_COOKIE}={value}; Path=/; Secure; HttpOnly; SameSite=Strict"
            form = _FORM.format(form=value, **texts)
            if asks is not None:
                entry, waiting = asks
                form = _QUESTION.format(form=value, entered=escape(entry.number), given=escape(entry.code), **texts)
                shown = _filled(shown, waiting, entry.number, texts["unnamed"])
        page = _PAGE.format(language=escape(language), title=texts["title"], style=_STYLE, says=shown, form=form)
        elapsed = time.perf_counter() - started
        size = len(request.raw_path) + (request.content_length or 0)
        self._route.observe(request.method, status, size, elapsed)
        logger().info("request_answered", frontend="acs", leg="page", status=status, what=says)
        return web.Response(
            status=status, body=page.encode(), content_type="text/html", charset="utf-8", headers=headers
        )


def _filled(text: str, waiting: Waiting, number: str, unnamed: str) -> str:
    """The question with what the client says of itself, which is a claim, and when it asked."""
    name = name_of(waiting.asked)
    texts = {
        "{device}": escape(name[:MAX_NAME_CHARACTERS]) if name else unnamed,
        "{number}": escape(number),
        "{time}": f"{waiting.asked_at:%Y-%m-%d %H:%M} UTC",
    }
    return re.sub("|".join(texts), lambda found: texts[found[0]], text)


async def _read_form(request: web.BaseRequest) -> Entry:
    """What was entered.

    Raises: DecodeError when the form is not one that this browser was shown here: another site may have sent it.
    """
    body = await request.read()
    if request.content_type != "application/x-www-form-urlencoded" or len(body) > MAX_FORM_BYTES:
        raise DecodeError("not the form of this page")
    try:
        fields = {name: values[-1] for name, values in parse_qs(body.decode(), max_num_fields=MAX_FIELDS).items()}
    except ValueError as error:
        raise DecodeError(str(error)) from None
    shown, given = request.cookies.get(FORM_COOKIE, ""), fields.get("form", "")
    if not shown or not hmac.compare_digest(shown.encode("utf-8", "surrogateescape"), given.encode()):
        raise DecodeError("the form was not shown to this browser")
    answer = fields.get("answer", "")
    if answer not in ("", "yes", "no"):
        raise DecodeError("not an answer of this page")
    return Entry(parse_msisdn(fields.get("number", "").replace(" ", "")), fields.get("code", ""), answer)
