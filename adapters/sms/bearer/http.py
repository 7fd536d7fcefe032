"""The bearer over HTTP: Kannel's sendsms, and whatever else a template can ask for.

Spec: Kannel User's Guide, "SMS push" (sendsms)
"""

from __future__ import annotations

import json
import re
import secrets
import ssl
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import quote, quote_from_bytes, urlsplit
from xml.sax.saxutils import escape

import aiohttp
from yarl import URL

from adapters.sms.bearer.receipts import MASK, ReceiptAddress
from gateway.errors import ConfigError, Rejected, Throttled, Unavailable
from gateway.fleet.push import Submission
from gateway.settings import SmsHttp, read_password

MAX_ANSWER_BYTES = 65_536
CLASS_MASK, CLASS_GROUP = 0x03, 0xF0
DCS_GSM7, DCS_UCS2 = 0x00, 0x08
_KANNEL_OK = re.compile(r"\s*[03]:")
_PLACEHOLDER = re.compile(r"\{(to|sender|text|udh|data|coding|validity_seconds|username|password)\}")


class _Asked(NamedTuple):
    """One request as it is to be sent."""

    method: str
    url: str
    headers: Mapping[str, str] = {}
    body: bytes | None = None


class HttpBearer:
    """Hands each message to an HTTP gateway. With ``receipts`` it asks Kannel for a word on what becomes of each."""

    channel = "http"

    def __init__(self, settings: SmsHttp, *, sender: str, receipts: ReceiptAddress | None = None) -> None:
        if not settings.url:
            raise ConfigError('bearer = "http" needs the gateway\'s url', key="sms.http.url")
        if settings.kind == "template" and "{to}" not in settings.url + settings.body:
            raise ConfigError("neither url nor body say where {to} goes", key="sms.http.body")
        try:
            self._accepted = re.compile(settings.accepted_pattern)
            self._tls = ssl.create_default_context(cafile=str(settings.authority) if settings.authority else None)
        except re.error as error:
            raise ConfigError(f"is no pattern: {error}", key="sms.http.accepted_pattern") from None
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"no certificate authority: {error}", file=settings.authority, key="sms.http.authority"
            ) from None
        if receipts is not None and settings.kind != "kannel":
            raise ConfigError('receipts by HTTP are Kannel\'s: they need kind = "kannel"', key="sms.http.receipt_url")
        self._receipts = receipts
        self._settings = settings
        self._password = read_password(settings.password, settings.password_file, "sms.http.password_file")
        self._sender = sender
        self._where = urlsplit(settings.url).netloc.rpartition("@")[2]
        self._http: aiohttp.ClientSession | None = None

    async def send(self, message: Submission, validity_seconds: int, *, receipt: bool = False) -> str:
        """Hand the message over."""
        ask = self._ask_kannel if self._settings.kind == "kannel" else self._fill_in
        asked, name = ask(message, validity_seconds), ""
        if receipt and self._receipts is not None:
            name = secrets.token_hex(8)
            brought = quote(self._receipts.of(name), safe="")
            asked = asked._replace(url=f"{asked.url}&dlr-mask={MASK}&dlr-url={brought}")
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._settings.seconds))
        try:
            async with self._http.request(
                asked.method,
                URL(asked.url, encoded=True),
                headers=asked.headers,
                data=asked.body,
                ssl=self._tls,
                allow_redirects=False,
            ) as answer:
                said = (await answer.content.read(MAX_ANSWER_BYTES)).decode("utf-8", "replace")
                self._judge(answer.status, answer.headers.get("Retry-After", ""), said)
        except TimeoutError:
            raise Unavailable(f"{self._where}: no answer within {self._settings.seconds:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            # The words of some errors quote the URL, which has the password.
            raise Unavailable(f"{self._where}: {_why(error)}") from None
        return name

    async def close(self) -> None:
        """End the connections."""
        if self._http is not None:
            await self._http.close()

    def _ask_kannel(self, message: Submission, validity_seconds: int) -> _Asked:
        """The message as Kannel takes it: octets percent-encoded, text for people as text."""
        parameters = {
            "username": quote(self._settings.username, safe=""),
            "password": quote(self._password, safe=""),
            "to": quote(message.to, safe=""),
            "validity": str(max(1, validity_seconds // 60)),
        }
        if self._sender:
            parameters["from"] = quote(self._sender, safe="")
        if message.header:
            parameters["udh"] = quote_from_bytes(message.header, safe="")
        if message.coding == DCS_GSM7:
            parameters |= {"coding": "0", "charset": "UTF-8", "text": quote(message.text, safe="")}
        elif message.coding == DCS_UCS2:
            parameters |= {"coding": "2", "charset": "UTF-16BE", "text": quote_from_bytes(message.body, safe="")}
        else:
            parameters |= {"coding": "1", "text": quote_from_bytes(message.body, safe="")}
            if message.coding & CLASS_GROUP == CLASS_GROUP:
                parameters["mclass"] = str(message.coding & CLASS_MASK)
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        return _Asked("GET", f"{self._settings.url}{'&' if '?' in self._settings.url else '?'}{query}")

    def _fill_in(self, message: Submission, validity_seconds: int) -> _Asked:
        """The operator's template with the message in it."""
        settings = self._settings
        values = {
            "to": message.to,
            "sender": self._sender,
            "text": message.text,
            "udh": message.header.hex().upper(),
            "data": message.body.hex().upper(),
            "coding": str(message.coding),
            "validity_seconds": str(validity_seconds),
            "username": settings.username,
            "password": self._password,
        }
        media_type = next((value for name, value in settings.headers.items() if name.lower() == "content-type"), "")
        headers = {name: _filled(value, values, str) for name, value in settings.headers.items()}
        body = _filled(settings.body, values, _quoting(media_type)).encode() if settings.body else None
        return _Asked(settings.method, _filled(settings.url, values, _in_url), headers, body)

    def _judge(self, status: int, retry_after: str, said: str) -> None:
        """Raises: Throttled, Unavailable, Rejected when the answer says that the message was not taken."""
        word = f"{self._where}: HTTP {status}"
        if status == 429:
            raise Throttled(word, min(int(retry_after), 3600) if retry_after.isdecimal() else 5)
        if status >= 500:
            raise Unavailable(word)
        if not 200 <= status < 300 or (self._settings.kind == "kannel" and not _KANNEL_OK.match(said)):
            raise Rejected(f"{word}, {said[:100]!r}")
        if self._settings.accepted_pattern and not self._accepted.search(said):
            raise Rejected(f"{word}, and the answer does not say that it was taken")


def _filled(template: str, values: Mapping[str, str], quoted: Callable[[str], str]) -> str:
    """The template with each value quoted; what a value says is not looked at again."""
    return _PLACEHOLDER.sub(lambda found: quoted(values[found[1]]), template)


def _in_url(value: str) -> str:
    return quote(value, safe="")


def _quoting(media_type: str) -> Callable[[str], str]:
    """How a value stands in a body of that type."""
    if "json" in media_type:
        return lambda value: json.dumps(value)[1:-1]
    if "xml" in media_type:
        return lambda value: escape(value, {'"': "&quot;"})
    return _in_url if "urlencoded" in media_type else str


def _why(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect: {error.os_error.strerror or type(error.os_error).__name__}"
    return type(error).__name__
