"""The server of device-facing listeners, octet by octet: what HTTP promises, without a framework around it."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime

import pytest
from aiohttp import web

from gateway.serving import front

LIMIT = 1000


async def echo(request: web.BaseRequest) -> front.Response:
    body = await request.read()
    return front.Response(200, body, {"Content-Type": "text/plain", "X-Query": front.query_of(request)})


async def refuse(_: web.BaseRequest) -> front.Response:
    return front.Response(511)


ROUTES = (("GET", "/", echo), ("POST", "/echo", echo), ("GET", "/refuse", refuse), ("GET", "/a b", echo))


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    runner = web.ServerRunner(front.server(ROUTES, LIMIT), shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    reader, writer = await asyncio.open_connection(*runner.addresses[0])
    try:
        yield reader, writer
    finally:
        writer.close()
        await runner.cleanup()


async def read_answer(reader: asyncio.StreamReader, *, bodiless: bool = False) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])}
    body = b"" if bodiless else await reader.readexactly(int(headers["content-length"]))
    return int(head[0].split()[1]), headers, body


async def answers_to(
    octets: bytes, count: int = 1, *, bodiless: bool = False
) -> list[tuple[int, dict[str, str], bytes]]:
    async with connected() as (reader, writer):
        writer.write(octets)
        return [await read_answer(reader, bodiless=bodiless) for _ in range(count)]


async def test_an_answer_has_what_http_asks_for() -> None:
    """Status, length, date and type, then the body; the next request of the connection is answered too (RFC 9110)."""
    request = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    for status, headers, body in await answers_to(request + request, 2):
        assert (status, body) == (200, b"abc")
        assert headers["content-type"] == "text/plain"
        assert parsedate_to_datetime(headers["date"]).tzname() == "UTC"
        assert "connection" not in headers


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET / HTTP/1.1", 200),
        (b"GET /?a=b HTTP/1.1", 200),
        (b"GET /a%20b HTTP/1.1", 200),
        (b"GET http://x/ HTTP/1.1", 200),
        (b"GET /#top HTTP/1.1", 200),
        (b"GET /refuse HTTP/1.1", 511),
        (b"GET /elsewhere HTTP/1.1", 404),
        (b"GET /refuse/ HTTP/1.1", 404),
        (b"GET /../ HTTP/1.1", 404),
        (b"PUT / HTTP/1.1", 405),
        (b"GET /echo HTTP/1.1", 405),
        (b"nonsense", 400),
    ],
)
async def test_only_what_is_served_is_answered(request_line: bytes, status: int) -> None:
    """A path in any spelling of HTTP; 404 for others, 405 for other methods (RFC 9110 15.5)."""
    ((answered, headers, _),) = await answers_to(request_line + b"\r\nHost: x\r\n\r\n")
    assert answered == status
    if status == 405:
        assert headers["allow"] in ("GET", "POST")


async def test_head_gets_no_body() -> None:
    """HEAD is not served, and its refusal has no body to take for the next answer (RFC 9110 9.3.2)."""
    request = b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"
    answers = await answers_to(request + request, 2, bodiless=True)
    assert [status for status, _, _ in answers] == [405, 405]


@pytest.mark.parametrize("target", [b"/?a=%31&b=c+d", b"http://x/?a=%31&b=c+d", b"/?a=%31&b=c+d#top"])
async def test_the_query_is_as_it_was_sent(target: bytes) -> None:
    """Nothing of it is decoded, whatever form the target has (RFC 9112 3.2)."""
    ((_, headers, _),) = await answers_to(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert headers["x-query"] == "a=%31&b=c+d"


@pytest.mark.parametrize(
    ("version", "asked", "answered", "closes"),
    [
        (b"1.1", b"", None, False),
        (b"1.1", b"Connection: close\r\n", "close", True),
        (b"1.0", b"", None, True),
        (b"1.0", b"Connection: keep-alive\r\n", "keep-alive", False),
    ],
)
async def test_a_connection_is_kept_as_the_client_wishes(
    version: bytes, asked: bytes, answered: str | None, closes: bool
) -> None:
    """HTTP/1.1 keeps it unless told otherwise, HTTP/1.0 only when asked to (RFC 9112 9.3)."""
    async with connected() as (reader, writer):
        writer.write(b"GET / HTTP/" + version + b"\r\nHost: x\r\n" + asked + b"\r\n")
        _, headers, _ = await read_answer(reader)
        assert headers.get("connection") == answered
        if closes:
            assert await reader.read() == b""
        else:
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await read_answer(reader))[0] == 200


async def test_a_client_that_waits_is_invited() -> None:
    """Expect: 100-continue is answered before the body is there; any other expectation is refused (RFC 9110 10.1.1)."""
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: %s\r\n\r\n"
    async with connected() as (reader, writer):
        writer.write(head % b"100-continue")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"abc")
        assert (await read_answer(reader))[2] == b"abc"
    assert (await answers_to(head % b"miracles"))[0][0] == 417


async def test_a_body_over_the_limit_is_refused() -> None:
    """413, whether the length is announced or not."""
    announced = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n" + b"x" * 1001
    chunked = (
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n"
    )
    assert [(await answers_to(octets))[0][0] for octets in (announced, chunked)] == [413, 413]


@pytest.mark.parametrize(("octets", "status"), [(b"abc", 200), (b"x" * LIMIT, 200), (b"x" * (LIMIT + 1), 413)])
async def test_a_compressed_body_is_measured_when_it_is_whole(octets: bytes, status: int) -> None:
    """What was compressed counts as what it becomes (RFC 9110 8.4)."""
    packed = zlib.compress(octets)
    head = f"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Encoding: deflate\r\nContent-Length: {len(packed)}\r\n\r\n"
    ((answered, _, body),) = await answers_to(head.encode() + packed)
    assert answered == status
    assert status != 200 or body == octets


def test_a_header_cannot_end_the_head() -> None:
    """A line break in a value is a bug, and is not sent."""
    with pytest.raises(ValueError, match="line break"):
        front.Response(200, b"", {"X": "a\r\nSet-Cookie: b"})
