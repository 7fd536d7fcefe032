"""The HTTP of the simulated RCC.14 client: one request at a time, and the cookie of the gateway's.

Spec: RCC.14 2.2 (cookie)
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp


class Servers(NamedTuple):
    """Where to ask: the plain leg and the TLS leg, the authority to trust, and the name the certificate must carry."""

    plain_url: str
    secure_url: str
    ca_file: Path
    host: str


class Reply(NamedTuple):
    """One answer, to what URL, and its status line for people."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    line: str
    url: str


class Wire:
    """Asks the servers of one conversation. ``cookie`` is the latest, as it goes back."""

    def __init__(self, http: aiohttp.ClientSession, tls: ssl.SSLContext, servers: Servers) -> None:
        self.cookie = ""
        self._http = http
        self._tls = tls
        # A name that no resolver knows here: it goes into Host and into the check of the certificate.
        self._names = {_origin(url): servers.host for url in (servers.plain_url, servers.secure_url)}

    def move(self, url: str) -> None:
        """Take the server of this URL for the gateway's too, under the name in it."""
        self._names.setdefault(_origin(url), urlsplit(url).netloc)

    async def ask(self, method: str, url: str, headers: Mapping[str, str] = {}, body: bytes | None = None) -> Reply:
        """One request. Of the gateway the cookie is kept and given back; others get none of its."""
        name = self._names.get(_origin(url))
        own = {"Host": name, **({"Cookie": self.cookie} if self.cookie else {})} if name else {}
        async with self._http.request(
            method,
            url,
            headers={"Accept-Language": "en", "Accept": "*/*"} | own | dict(headers),
            data=body,
            ssl=self._tls,
            server_hostname=name.partition(":")[0] if name and url.startswith("https") else None,
            allow_redirects=False,
        ) as response:
            cookies = [value.partition(";")[0] for value in response.headers.getall("Set-Cookie", [])]
            if cookies and name:
                self.cookie = cookies[-1]
            line = f"HTTP {response.status} {response.reason}"
            return Reply(response.status, response.headers, await response.read(), line, url)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
