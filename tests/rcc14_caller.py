"""RCC.14 requests to a live gateway with every header as it is to stand, for tests of what goes over the wire."""

from __future__ import annotations

import http.client
import itertools
import json
import ssl
import time
import urllib.request
from collections.abc import Sequence
from email.message import Message
from typing import Any, NamedTuple

from live_gateway import Gateway
from lxml import etree

HOST = "config.rcs.mnc001.mcc001.pub.3gppnetwork.org"
HUB = "hub.example.net"
"""The name under which it is an additional server."""
FORM = "application/x-www-form-urlencoded"
SMS_SECONDS = 60


class Subscriber(NamedTuple):
    """Somebody new: nobody else in a test run has these."""

    id: str
    imsi: str
    msisdn: str
    imei: str


class Heard(NamedTuple):
    """One answer."""

    status: int
    headers: Message
    body: bytes

    @property
    def cookie(self) -> str:
        """The cookie that was set, as it goes back; empty for none."""
        return str(self.headers.get("Set-Cookie", "")).partition(";")[0]

    @property
    def parms(self) -> dict[str, str]:
        """The parms of the document by the path of their characteristics."""
        return dict(_walk(etree.fromstring(self.body), ())) if self.body else {}

    @property
    def version(self) -> int:
        return int(self.parms["VERS/version"])


class Caller:
    """A client of one gateway, and the gateway of its operator."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self._numbers = itertools.count(1)

    def subscriber(self, **fields: Any) -> Subscriber:
        """Create somebody."""
        number = next(self._numbers)
        made = Subscriber(f"s{number}", f"00101000001{number:04}", f"+1555020{number:04}", f"00101501{number:06}5")
        body = {"id": made.id, "imsis": [made.imsi], "msisdn": made.msisdn} | fields
        self.admin("POST", "/subscribers", body)
        return made

    def admin(self, method: str, path: str, body: object = None) -> Any:
        """What the admin API answers."""
        request = urllib.request.Request(
            self.gateway.url("admin", f"/api/v1{path}"),
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self.gateway.token}", "Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            octets = answer.read()
            return json.loads(octets) if octets else None

    def plain(self, *headers: tuple[str, str], listener: str = "plain", target: str = "/") -> Heard:
        """The plain leg."""
        return self._ask(listener, "GET", target, headers, b"")

    def introduce(self, who: Subscriber) -> str:
        """A cookie for who is named by the operator's gateway."""
        heard = self.plain(("X-IMSI", who.imsi), ("X-MSISDN", who.msisdn))
        assert (heard.status, heard.body) == (200, b"")
        return heard.cookie

    def secure(
        self, query: str = "", *headers: tuple[str, str], method: str = "GET", body: bytes = b"", cookie: str = ""
    ) -> Heard:
        """The TLS leg."""
        if cookie:
            headers = (*headers, ("Cookie", cookie))
        return self._ask("tls", method, f"/?{query}" if query else "/", headers, body)

    def configure(self, who: Subscriber, query: str = "vers=0", *headers: tuple[str, str]) -> Heard:
        """Both legs: a cookie, and the document for it."""
        asked = f"{query}&IMSI={who.imsi}&IMEI={who.imei}"
        heard = self.secure(asked, *headers, cookie=self.introduce(who))
        assert heard.status == 200, heard
        return heard

    def sms(self, to: str) -> dict[str, Any]:
        """The newest short message to that number, once it is there."""
        file = self.gateway.folder / "data" / "sms.jsonl"
        end = time.monotonic() + SMS_SECONDS
        while time.monotonic() < end:
            lines = file.read_text().splitlines() if file.exists() else []
            found = [message for line in lines if (message := json.loads(line))["to"] == to]
            if found:
                return dict(found[-1])
            time.sleep(0.02)
        raise AssertionError(f"no short message to {to}")

    def _ask(self, listener: str, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes) -> Heard:
        port = self.gateway.ports[listener]
        connection: http.client.HTTPConnection
        if listener == "tls":
            context = ssl.create_default_context(cafile=str(self.gateway.folder / "data/tls/ca.pem"))
            connection = http.client.HTTPSConnection("localhost", port, timeout=30, context=context)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        names = {name.lower() for name, _ in headers}
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            if "host" not in names:
                connection.putheader("Host", HOST)
            for name, value in headers:
                connection.putheader(name, value)
            if body:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            answer = connection.getresponse()
            return Heard(answer.status, answer.headers, answer.read())
        finally:
            connection.close()


def _walk(node: Any, path: tuple[str, ...]) -> list[tuple[str, str]]:
    found = []
    for child in node:
        if child.tag == "parm":
            found.append(("/".join((*path, child.get("name"))), child.get("value")))
        else:
            found += _walk(child, (*path, child.get("type")))
    return found
