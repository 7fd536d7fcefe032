"""The server that was there before: requests are passed on to it as they are, and its answers come back so.

Spec: RFC 9110 7.6 (message forwarding)
"""

from __future__ import annotations

import ssl
import time
import zlib
from typing import NamedTuple

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from gateway.errors import ConfigError, DecodeError, LimitExceeded, Unavailable
from gateway.observe import metrics
from gateway.observe.load import spread
from gateway.observe.logs import logger
from gateway.observe.requests import HttpRoute
from gateway.serving.front import Response
from gateway.settings import Behind

MAX_ANSWER_BYTES = 4 << 20
RETRY_AFTER_SECONDS = 30
REFUSED = (LimitExceeded, Unavailable, web.RequestPayloadError)
"""Why a request may not get an answer of the other server's."""

_OF_ONE_HOP = frozenset(
    (
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade", "content-length", "expect",
    )
)  # fmt: skip
_OURS = frozenset(("date", "server"))
"""Headers that every answer here has."""


class Passed(NamedTuple):
    """What the other server answered."""

    status: int
    headers: CIMultiDict[str]
    body: bytes

    def content(self, limit: int) -> bytes:
        """The body without its coding. Raises: DecodeError when it cannot be undone, LimitExceeded."""
        coding = self.headers.get("Content-Encoding", "").lower().strip()
        if coding in ("", "identity"):
            return self.body
        if coding not in ("gzip", "x-gzip", "deflate"):
            raise DecodeError(f"content coding {coding[:20]!r}")
        reader = zlib.decompressobj(zlib.MAX_WBITS | 32)
        try:
            plain = reader.decompress(self.body, limit)
        except zlib.error as error:
            raise DecodeError(f"content coding {coding}: {error}") from None
        if reader.unconsumed_tail:
            raise LimitExceeded(f"a document of more than {limit} octets")
        return plain


class Upstream:
    """One address of the other server: ``to`` is scheme and host. Give it to ``close`` at the end.

    ``backend`` is what it is counted as, ``key`` the table of its settings.
    """

    def __init__(self, to: str, old: Behind, *, backend: str = "old_acs", key: str = "rcc14.old_server") -> None:
        self._to = to
        self._old = old
        self._backend = backend
        try:
            self._tls = ssl.create_default_context(cafile=str(old.authority) if old.authority else None)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"cannot use this certificate: {error}", key=f"{key}.authority") from None
        self._http: aiohttp.ClientSession | None = None

    def url_of(self, request: web.BaseRequest) -> str:
        """Where this request is answered there."""
        return self._to + request.rel_url.raw_path_qs

    async def ask(
        self, request: web.BaseRequest, body: bytes, *, address: str, without: frozenset[str] = frozenset()
    ) -> Passed:
        """What it answers to this request of ``address``, which goes without the headers of these names.

        Raises: Unavailable.
        """
        headers = CIMultiDict(
            (name, value) for name, value in request.headers.items() if name.lower() not in _OF_ONE_HOP | without
        )
        for name in request.headers.get("Connection", "").split(","):
            headers.popall(name.strip(), None)
        headers.add("X-Forwarded-For", address)
        with metrics.asking(self._backend):
            return await self._ask(request, body, headers)

    async def _ask(self, request: web.BaseRequest, body: bytes, headers: CIMultiDict[str]) -> Passed:
        if self._http is None:
            self._http = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._old.timeout_seconds),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
                max_line_size=16_384,
            )
        try:
            async with self._http.request(
                request.method,
                URL(self.url_of(request), encoded=True),
                data=body or None,
                headers=headers,
                ssl=self._tls,
                server_hostname=self._server_name(),
                allow_redirects=False,
            ) as response:
                octets = await response.content.read(MAX_ANSWER_BYTES + 1)
                while not response.content.at_eof() and len(octets) <= MAX_ANSWER_BYTES:
                    octets += await response.content.read(MAX_ANSWER_BYTES + 1 - len(octets))
                if len(octets) > MAX_ANSWER_BYTES:
                    raise Unavailable(f"the other server's answer is longer than {MAX_ANSWER_BYTES} octets")
                kept = CIMultiDict(
                    (name, value) for name, value in response.headers.items() if name.lower() not in _OF_ONE_HOP | _OURS
                )
                return Passed(response.status, kept, octets)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unavailable(
                f"the other server does not answer: {type(error).__name__}", RETRY_AFTER_SECONDS
            ) from None

    def _server_name(self) -> str | None:
        if not self._to.startswith("https:"):
            return None
        return self._old.server_name or URL(self._to).host

    async def close(self) -> None:
        """Release the connections."""
        if self._http is not None:
            await self._http.close()


def refusal(error: Exception) -> Response:
    """The answer to a request that could not be passed on: ``error`` is one of REFUSED."""
    if isinstance(error, Unavailable):
        logger().warning("old_server_unavailable", why=str(error))
        return Response(503, headers={"Retry-After": str(spread(error.retry_after_seconds))})
    return Response(413 if isinstance(error, LimitExceeded) else 400)


def observe(
    route: HttpRoute, request: web.BaseRequest, status: int, started: float, *, secure: bool, **told: str
) -> None:
    """Count and log the answer to a request that began at ``started``, by ``time.perf_counter``."""
    elapsed = time.perf_counter() - started
    route.observe(request.method, status, len(request.raw_path) + (request.content_length or 0), elapsed)
    logger().info(
        "request_answered",
        frontend=route.frontend,
        leg="tls" if secure else "plain",
        status=status,
        ms=round(elapsed * 1000, 2),
        **told,
    )
