"""HTTP as devices use it: a short table of paths, and answers that leave in one write.

An application of aiohttp resolves, wraps and builds much that no device asks for, and costs as much again as the
request. This is the server underneath it: the same parser, connections and limits.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

from aiohttp import HttpVersion10, HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from gateway.observe.health import Health

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Route = tuple[str, str, Handler]
"""A method, a path and what answers there."""

SERVER = "MOGate"
"""What every answer says of who gave it."""

MAX_LINE_BYTES = 16_384
"""Of a request line: longer than any front end takes, so that it can answer itself."""

_REASONS = {status.value: status.phrase for status in HTTPStatus}
_NO_HEADERS: Mapping[str, str] = {}


class Response(web.StreamResponse):
    """A whole answer: status, headers besides those every answer has, and body.

    Header values are the gateway's own words; one with a line break in it is a bug.
    """

    def __init__(self, status: int = 200, body: bytes = b"", headers: Mapping[str, str] = _NO_HEADERS) -> None:
        super().__init__(status=status)
        self.octets = body
        self._lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        if self._lines.count("\n") != len(headers):
            raise ValueError("a header has a line break in it")

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """Write head and body."""
        body, version = self.octets, request.version
        # Whoever wants the connection closed has said so by now.
        keep_alive = self._keep_alive = request.keep_alive if self._keep_alive is None else self._keep_alive
        connection = ""
        if keep_alive:
            if version == HttpVersion10:
                connection = "Connection: keep-alive\r\n"
        elif version == HttpVersion11:
            connection = "Connection: close\r\n"
        head = (
            f"HTTP/{version.major}.{version.minor} {self._status} {_REASONS.get(self._status, '')}\r\n"
            f"{self._lines}Content-Length: {len(body)}\r\n{_date(int(time.time()))}{connection}\r\n"
        ).encode()
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the device has gone")
        transport.write(head if request.method == hdrs.METH_HEAD else head + body)
        if request.protocol.writing_paused:
            await request.writer.drain()
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing: ``prepare`` wrote it all."""
        self._eof_sent = True


@functools.lru_cache(1)
def _date(second: int) -> str:
    return f"Date: {formatdate(second, usegmt=True)}\r\nServer: {SERVER}\r\n"


def query_of(request: web.BaseRequest) -> str:
    """The query as it was sent."""
    return request.raw_path.partition("?")[2].partition("#")[0]


def server(
    routes: Iterable[Route], max_body_bytes: int, health: Health | None = None, otherwise: Handler | None = None
) -> web.Server:
    """The server of one listener, for the running loop; ``otherwise`` answers what is at none of the paths.

    While ``health`` is draining, each answer is the last of its connection.
    What is not served is 404 or 405, without a body: RCC.14 clients take one for a document. A handler that reads more
    than ``max_body_bytes`` gets ``web.HTTPRequestEntityTooLarge``.
    """
    loop = asyncio.get_running_loop()
    table: dict[str, dict[str, Handler]] = {}
    for method, path, handler in routes:
        table.setdefault(path, {})[method] = handler

    def handle(request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        target = request.raw_path
        methods = table.get(target.partition("?")[0] if _is_plain(target) else request.rel_url.path_safe)
        if methods is None:
            if otherwise is None:
                return _refused(404)
            return _invited(request, otherwise) if hdrs.EXPECT in request.headers else otherwise(request)
        handler = methods.get(request.method)
        if handler is None:
            return _refused(405, Allow=", ".join(methods))
        if hdrs.EXPECT in request.headers:
            return _invited(request, handler)
        if health is not None and health.draining:
            return _last(request, handler)
        return handler(request)

    def make_request(
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=max_body_bytes)

    options: dict[str, Any] = {"access_log": None, "max_line_size": MAX_LINE_BYTES}
    return web.Server(handle, request_factory=make_request, **options)


async def _last(request: web.BaseRequest, handler: Handler) -> web.StreamResponse:
    """The handler's answer, with the word that the connection ends."""
    response = await handler(request)
    response.force_close()
    return response


async def _refused(status: int, **headers: str) -> web.StreamResponse:
    return Response(status, headers=headers | {"Cache-Control": "no-store"})


def _is_plain(target: str) -> bool:
    """Whether a request's target is a path and a query and nothing else, so that they can be read off it."""
    return target.startswith("/") and "#" not in target and "%" not in target.partition("?")[0]


async def _invited(request: web.BaseRequest, handler: Handler) -> web.StreamResponse:
    """The handler's answer, after the word that a client which waits with its body is waiting for.

    Spec: RFC 9110 10.1.1
    """
    if request.version >= HttpVersion11:
        expected = request.headers.get(hdrs.EXPECT, "")
        if expected.lower() != "100-continue":
            raise web.HTTPExpectationFailed(text=f"Unknown Expect: {expected}")
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    return await handler(request)
