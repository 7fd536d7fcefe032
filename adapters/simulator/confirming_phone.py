"""The phone that has the SIM, when another device of its user asks for a code: its RCS client shows the question.

Requests come by the operator's messaging server, which speaks SIP with phones; it is played here too, as far as the
gateway knows it.

Spec: RCC.07 (End User Confirmation Request), RCC.15 2.1.2
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple
from urllib.parse import urlsplit

from aiohttp import web
from lxml import etree

REQUEST_TYPE = "application/end-user-confirmation-request+xml"
LANGUAGE = "en"

Tell = Callable[[str, str], Awaitable[None]]
"""Tells the gateway what was answered to the request of that id: ``accept`` or ``decline``."""


class Question(NamedTuple):
    """What the phone shows: a subject, a text and two buttons."""

    id: str
    subject: str
    text: str
    accept: str
    reject: str

    @property
    def code(self) -> str:
        """What the user is to type on the other device."""
        found = re.search("[0-9]{4,}", self.text)
        return found[0] if found else ""


class Phone:
    """The phone of one number: questions that came, and the way for the answers."""

    def __init__(self, number: str, tell: Tell) -> None:
        self._address = f"tel:{number}"
        self._tell = tell
        self.questions: asyncio.Queue[Question] = asyncio.Queue()

    async def take(self, request: web.Request) -> web.Response:
        """Be the messaging server: take what is for this phone and can be shown."""
        if request.content_type != REQUEST_TYPE or request.headers.get("To") != self._address:
            return web.Response(status=404)
        question = read_request(await request.read())
        if question is None:
            return web.Response(status=400)
        self.questions.put_nowait(question)
        return web.Response(status=202)

    async def answer(self, question: Question, *, accepts: bool) -> None:
        """Press one of the buttons."""
        await self._tell(question.id, "accept" if accepts else "decline")


def read_request(body: bytes) -> Question | None:
    """The question in the body, in the phone's language or else the first there is; None when it is none to be shown.

    A request for a PIN is none either: this phone has no PIN.
    """
    try:
        root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError:
        return None
    if root.tag != "EndUserConfirmationRequest" or root.get("pin") != "false":
        return None
    shown = [_text(root, name) for name in ("Subject", "Text", "ButtonAccept", "ButtonReject")]
    return Question(root.get("id", ""), *shown) if root.get("id") and all(shown) else None


@contextlib.asynccontextmanager
async def switched_on(phone: Phone, url: str, tls: ssl.SSLContext) -> AsyncIterator[Phone]:
    """The phone and its messaging server, which listens where the gateway posts requests.

    Raises: OSError when it cannot listen there.
    """
    address = urlsplit(url)
    app = web.Application()
    app.router.add_post(address.path or "/", phone.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, address.hostname, address.port or 443, ssl_context=tls).start()
        yield phone
    finally:
        await runner.cleanup()


def _text(root: etree._Element, name: str) -> str:
    texts = {one.get("lang", ""): one.text or "" for one in root.findall(name)}
    return texts.get(LANGUAGE) or next(iter(texts.values()), "")
