"""One connection to one Redis server, shared by everybody.

Requests of one turn of the event loop leave in one write, and their answers come back in order: a request costs a few
microseconds instead of a connection of its own. Redis keeps the order, so a pipeline is a list and nothing more.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple, cast

import hiredis

from gateway.errors import Unavailable
from gateway.store.redis import scripts

Request = Sequence[str | bytes | int]


class Reply(Exception):
    """An error that the server answered; ``code`` is its first word."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.code = text.partition(" ")[0]


class Access(NamedTuple):
    """How to connect to a server, wherever it is. ``replicas`` is how many must have a write before it is answered."""

    username: str = ""
    password: str = ""
    database: int = 0
    tls: ssl.SSLContext | None = None
    timeout_seconds: float = 2.0
    replicas: int = 0
    scripts: bool = True


class Server(NamedTuple):
    """Host and port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Link(asyncio.Protocol):
    """A live connection. Once it is lost every request on it, answered or not, ends in Unavailable."""

    def __init__(self, server: Server, access: Access) -> None:
        self.server = server
        self.alive = False
        self._access = access
        self._loop = asyncio.get_running_loop()
        self._parser = hiredis.Reader(replyError=Reply)
        self._transport: asyncio.Transport | None = None
        self._unsent: list[bytes] = []
        self._unsure: list[tuple[asyncio.Future[Any], asyncio.Future[Any]]] = []
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._answered_at = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self.requests = 0
        self.sent_bytes = 0
        self.received_bytes = 0

    @classmethod
    async def open(cls, server: Server, access: Access) -> Link:
        """A connection that is ready for use: authenticated, in its database, with the scripts loaded.

        Raises: Unavailable.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(access.timeout_seconds):
                _, link = await loop.create_connection(
                    lambda: cls(server, access), server.host, server.port, ssl=access.tls
                )
                await link.greet()
        except (OSError, TimeoutError, Reply) as error:
            why = error if str(error) else "it does not answer"
            raise Unavailable(f"cannot use Redis at {server}: {why}", retry_after_seconds=5) from error
        return link

    def request(self, request: Request) -> asyncio.Future[Any]:
        """The answer to come; a Reply when the server answers with an error."""
        future: asyncio.Future[Any] = self._loop.create_future()
        if not self.alive:
            future.set_exception(self._gone())
            return future
        if not self._unsent:
            self._loop.call_soon(self._flush)
        try:
            self._unsent.append(hiredis.pack_command(cast("Any", tuple(request))))
        except BaseException:
            future.cancel()
            raise
        if not self._waiting:
            self._answered_at = self._loop.time()
            if self._watch is None:
                self._watch = self._loop.call_later(self._access.timeout_seconds, self._check)
        self._waiting.append(future)
        self.requests += 1
        return future

    def write(self, request: Request) -> asyncio.Future[Any]:
        """The same for a write: with replicas to wait for, it is answered once enough of them have it."""
        answer = self.request(request)
        if not self._access.replicas:
            return answer
        sure: asyncio.Future[Any] = self._loop.create_future()
        self._unsure.append((answer, sure))
        return sure

    def close(self) -> None:
        """End the connection; what is under way ends in Unavailable."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.alive = True

    def data_received(self, data: bytes) -> None:
        self.received_bytes += len(data)
        self._parser.feed(data)
        self._answered_at = self._loop.time()
        while (answer := self._parser.gets()) is not False:
            future = self._waiting.popleft()
            if future.done():  # its caller was cancelled
                continue
            if isinstance(answer, Reply):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    def connection_lost(self, _: Exception | None) -> None:
        self.alive = False
        if self._watch is not None:
            self._watch.cancel()
        for future in self._waiting:
            if not future.done():
                future.set_exception(self._gone())
        self._waiting.clear()

    def _gone(self) -> Unavailable:
        return Unavailable(f"Redis at {self.server} is gone or does not answer", retry_after_seconds=5)

    def _flush(self) -> None:
        if self._unsure:
            # One WAIT covers all writes before it on this connection.
            milliseconds = int(self._access.timeout_seconds * 500)
            wait = self.request(("WAIT", self._access.replicas, milliseconds))
            wait.add_done_callback(partial(self._settle, self._unsure))
            self._unsure = []
        data, self._unsent = b"".join(self._unsent), []
        self.sent_bytes += len(data)
        if self._transport is not None and self.alive:
            self._transport.write(data)

    def _settle(
        self, pairs: Sequence[tuple[asyncio.Future[Any], asyncio.Future[Any]]], wait: asyncio.Future[Any]
    ) -> None:
        failure = wait.exception()
        if failure is None and wait.result() < self._access.replicas:
            failure = Unavailable(
                f"Redis at {self.server} has the write, but fewer than {self._access.replicas} replicas do"
            )
        for answer, sure in pairs:
            error = answer.exception() or failure
            if sure.done():  # its caller was cancelled
                continue
            if error is not None:
                sure.set_exception(error)
            else:
                sure.set_result(answer.result())

    def _check(self) -> None:
        self._watch = None
        if not self._waiting:
            return
        silent = self._loop.time() - self._answered_at
        if silent >= self._access.timeout_seconds:
            self.close()
        else:
            self._watch = self._loop.call_later(self._access.timeout_seconds - silent, self._check)

    async def greet(self) -> None:
        """Log in, choose the database and load the scripts.

        Raises: Reply; Unavailable.
        """
        access = self._access
        greetings: list[Request] = []
        if access.password:
            greetings.append(("AUTH", access.username or "default", access.password))
        if access.database:
            greetings.append(("SELECT", access.database))
        if access.scripts:
            greetings += [("SCRIPT", "LOAD", script.source) for script in scripts.ALL]
        greetings.append(("PING",))
        answers = await asyncio.gather(*map(self.request, greetings), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                self.close()
                raise answer
