"""A cheap HTTP/1.1 client: kept-alive connections that carry conversations, one request at a time each.

It does as little as possible, so that on a core of its own it keeps any server busy: requests are ready-made octets,
and of an answer only the status, the length and what the conversation itself looks for are read.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import Iterable, Iterator
from typing import Protocol, cast

from bench.process import peer_ports

_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class UnexpectedAnswer(Exception):
    """The server did not do what the scenario is about; its figures would mean nothing."""


class TurnedAway(UnexpectedAnswer):
    """503: the device is to come again."""


class Conversation(Protocol):
    """Requests that follow from each other's answers."""

    def first(self) -> bytes:
        """The request that begins it."""
        ...

    def answer(self, head: bytes, body: bytes) -> bytes | None:
        """The next request, None when it is over. Raises: UnexpectedAnswer."""
        ...


class Fixed:
    """One request whose answer does not matter."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def first(self) -> bytes:
        return self._octets

    def answer(self, head: bytes, body: bytes) -> None:
        return None


class Recorded:
    """A conversation that keeps its exchanges: (request, status line and headers, body) of each."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._request = b""
        self.exchanges: list[tuple[bytes, bytes, bytes]] = []

    def first(self) -> bytes:
        self._request = self._conversation.first()
        return self._request

    def answer(self, head: bytes, body: bytes) -> bytes | None:
        self.exchanges.append((self._request, head, body))
        following = self._conversation.answer(head, body)
        self._request = following or b""
        return following


class Lane:
    """Open connections to one port."""

    def __init__(self, connections: list[_Connection]) -> None:
        self._connections = connections
        self._idle: asyncio.LifoQueue[_Connection] = asyncio.LifoQueue()
        for connection in connections:
            self._idle.put_nowait(connection)

    @classmethod
    async def open(cls, port: int, count: int, tls: ssl.SSLContext | None = None) -> Lane:
        """That many connections to a local port, handshakes done."""
        loop = asyncio.get_running_loop()
        opened = [await loop.create_connection(_Connection, "127.0.0.1", port, ssl=tls) for _ in range(count)]
        return cls([connection for _, connection in opened])

    @classmethod
    async def open_to_each(cls, pids: Iterable[int], port: int, count: int, tls: ssl.SSLContext | None = None) -> Lane:
        """That many connections to each of the processes that share a local port.

        The kernel deals them out by chance, so more are opened until each process has so many, and the rest closed.
        """
        kept: dict[int, list[_Connection]] = {pid: [] for pid in pids}
        while any(len(some) < count for some in kept.values()):
            opened = {one.port: one for one in (await cls.open(port, count, tls))._connections}
            while opened:
                for pid, some in kept.items():
                    for number in opened.keys() & peer_ports(pid):
                        connection = opened.pop(number)
                        if len(some) < count:
                            some.append(connection)
                        else:
                            connection.close()
                await asyncio.sleep(0.01)  # the process may still have to accept some
        return cls([connection for some in zip(*kept.values(), strict=True) for connection in some])

    async def run(self, conversations: Iterable[Conversation]) -> int:
        """Hold the conversations, as many at once as there are connections; returns how many requests were answered.

        Raises: UnexpectedAnswer.
        """
        queue = iter(conversations)
        return sum(await asyncio.gather(*[connection.run(queue) for connection in self._connections]))

    async def hold(self, conversation: Conversation, due_at: float) -> int:
        """Hold this one on a connection that is free, or as soon as one is; returns how many requests were answered.

        Waiting for its first answer counts from ``due_at``, by ``time.perf_counter``. Raises: UnexpectedAnswer.
        """
        connection = await self._idle.get()
        try:
            return await connection.run(iter((conversation,)), due_at)
        finally:
            self._idle.put_nowait(connection)

    def take_latencies(self) -> list[float]:
        """The seconds that each answer took since this was asked last."""
        taken = []
        for connection in self._connections:
            taken += connection.latencies
            connection.latencies.clear()
        return taken

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


def request(method: str, target: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """The octets of a request; a body brings its Content-Length."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._buffer = b""
        self._queue: Iterator[Conversation] = iter(())
        self._conversation: Conversation | None = None
        self._answered = 0
        self._sent_at = 0.0
        self.latencies: list[float] = []
        self._done: asyncio.Future[int] | None = None

    @property
    def port(self) -> int:
        """The port at this end."""
        name: tuple[str, int] = self._transport.get_extra_info("sockname")
        return name[1]

    def run(self, queue: Iterator[Conversation], due_at: float | None = None) -> asyncio.Future[int]:
        self._queue, self._answered = queue, 0
        self._done = asyncio.get_running_loop().create_future()
        self._begin()
        if due_at is not None:
            self._sent_at = due_at
        return self._done

    def close(self) -> None:
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer = self._buffer + data if self._buffer else data
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _CONTENT_LENGTH.search(buffer, 0, end)
        start = end + 4
        if len(buffer) < start + (int(length[1]) if length else 0):
            return
        self._buffer = b""
        self._answered += 1
        self.latencies.append(time.perf_counter() - self._sent_at)
        try:
            self._proceed(buffer[:end], buffer[start:])
        except Exception as error:
            self._fail(error)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionError("the server closed the connection"))

    def _proceed(self, head: bytes, body: bytes) -> None:
        assert self._conversation is not None
        if not head.startswith(b"HTTP/1.1 20"):
            kind = TurnedAway if head.startswith(b"HTTP/1.1 503") else UnexpectedAnswer
            raise kind(f"{head.decode()}\n{body[:500]!r}")
        following = self._conversation.answer(head, body)
        if following is None:
            self._begin()
        else:
            self._send(following)

    def _begin(self) -> None:
        self._conversation = next(self._queue, None)
        if self._conversation is not None:
            self._send(self._conversation.first())
        elif self._done is not None:
            self._done.set_result(self._answered)

    def _send(self, octets: bytes) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(octets)

    def _fail(self, error: Exception) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(error)
