"""One connection to one Redis server, shared by everybody.

Requests of one turn of the event loop leave in one write, and their answers come back in order: a request costs some
microseconds instead of a connection of its own. Redis keeps the order, so a pipeline is a list and nothing more. The
octets are hiredis's; redis-py, whose connections read one answer at a time under a lock and a timer, knows the errors.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, cast

import hiredis
from redis.asyncio.connection import Connection, DefaultParser, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, BusyLoadingError, RedisError, ResponseError

from gateway.errors import Unavailable
from gateway.observe import metrics
from gateway.store.redis import scripts
from gateway.store.redis.layout import SCHEMA_VERSION

Request = tuple[str | bytes | int, ...]

REFUSALS = (ResponseError, BusyLoadingError, AuthenticationError)
"""Errors that a server answered."""
_NAME = f"mogate-{SCHEMA_VERSION}"
"""Tells gateways that are at work on one store what the others can read."""
_UNFINISHED = object()
# Its own types want no tuple of both texts and octets.
_pack: Callable[[Any], bytes] = hiredis.pack_command


class TooFewReplicas(Unavailable):
    """The server has the write, but not as many replicas as are asked for: it may be cut off, and replaced by now."""


class Access(NamedTuple):
    """How to connect to a server, wherever it is. ``replicas`` is how many must have a write before it is answered."""

    username: str = ""
    password: str = ""
    database: int = 0
    tls: ssl.SSLContext | None = None
    timeout_seconds: float = 2.0
    replicas: int = 0

    def introduction(self) -> list[Request]:
        """What a connection says first: who we are, and which database is ours."""
        password = (self.username, self.password) if self.username else (self.password,)
        requests: list[Request] = [("AUTH", *password)] if self.password else []
        requests.append(("CLIENT", "SETNAME", _NAME))
        return [*requests, ("SELECT", self.database)] if self.database else requests

    def options(self) -> dict[str, Any]:
        """What redis-py wants to know of its own connections, their class too; all but host and port."""
        options: dict[str, Any] = {
            "connection_class": Connection,
            "username": self.username or None,
            "password": self.password or None,
            "db": self.database,
            "client_name": _NAME,
            # Plain lists, as scripts and store know them, and nothing that comes unasked.
            "protocol": 2,
            "socket_timeout": self.timeout_seconds,
            "socket_connect_timeout": self.timeout_seconds,
            # Asking again is for those who know whether something was done.
            "retry": Retry(NoBackoff(), 0),
        }
        return options | ({"connection_class": _TlsConnection, "tls": self.tls} if self.tls else {})


class _TlsConnection(SSLConnection):
    """Trusts those whom ``tls`` trusts. redis-py's own context would trust the system's authorities besides."""

    def __init__(self, *, tls: ssl.SSLContext, **options: Any) -> None:
        super().__init__(**options)
        self.ssl_context.context = tls


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
        self.alive = True
        self.requests = 0
        self._access = access
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(replyError=DefaultParser.parse_error, notEnoughData=_UNFINISHED)
        self._unsent: list[bytes] = []
        self._unsure: list[tuple[asyncio.Future[Any], asyncio.Future[Any]]] = []
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._answered_at = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self._closing = False
        self._ended = asyncio.Event()

    @classmethod
    async def open(cls, server: Server, access: Access) -> Link:
        """A connection that is ready for use: authenticated, in its database, with the scripts loaded.

        Raises: Unavailable.
        """
        loop = asyncio.get_running_loop()
        link = None
        try:
            async with asyncio.timeout(access.timeout_seconds):
                making = partial(cls, server, access)
                _, link = await loop.create_connection(making, server.host, server.port, ssl=access.tls)
                await asyncio.gather(*map(link.request, access.introduction()))
                await link.load_scripts()
        except BaseException as error:
            if link is not None:
                await link.close()
            if not isinstance(error, OSError | RedisError | TimeoutError):
                raise
            why = error if str(error) else "it does not answer"
            metrics.count(metrics.store_failures, "redis")
            raise Unavailable(f"cannot use Redis at {server}: {why}", retry_after_seconds=5) from error
        return link

    async def load_scripts(self) -> None:
        """Give the server the scripts.

        Raises: Unavailable; one of REFUSALS.
        """
        await asyncio.gather(*(self.request(("SCRIPT", "LOAD", script.source)) for script in scripts.ALL))

    def request(self, request: Request) -> asyncio.Future[Any]:
        """The answer to come; one of REFUSALS when the server answers with an error."""
        future: asyncio.Future[Any] = self._loop.create_future()
        if not self.alive:
            future.set_exception(self._gone())
            return future
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(_pack(request))
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
        if not self._access.replicas or not self.alive:
            return answer
        sure: asyncio.Future[Any] = self._loop.create_future()
        self._unsure.append((answer, sure))
        return sure

    async def close(self) -> None:
        """End the connection; what is under way ends in Unavailable."""
        self._closing = True
        self._transport.abort()
        await self._ended.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        reader, waiting = self._reader, self._waiting
        reader.feed(data)
        self._answered_at = self._loop.time()
        while True:
            try:
                answer = reader.gets()
            except hiredis.ProtocolError:
                self._transport.abort()
                return
            if answer is _UNFINISHED:
                return
            future = waiting.popleft()
            if future.done():  # its caller was cancelled
                continue
            if isinstance(answer, RedisError):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self.alive = False
        if self._watch is not None:
            self._watch.cancel()
        if not self._closing:
            metrics.count(metrics.store_failures, "redis")  # those who wait are told
        for future in self._waiting:
            if not future.done():
                future.set_exception(self._gone())
        self._waiting.clear()
        for answer, sure in self._unsure:
            if not sure.done():
                sure.set_exception(answer.exception() or self._gone())
        self._ended.set()

    def _gone(self) -> Unavailable:
        return Unavailable(f"Redis at {self.server} is gone or does not answer", retry_after_seconds=5)

    def _flush(self) -> None:
        if self._unsure:
            # One WAIT covers all writes before it on this connection.
            milliseconds = int(self._access.timeout_seconds * 500)
            wait = self.request(("WAIT", self._access.replicas, milliseconds))
            wait.add_done_callback(partial(self._settle, self._unsure))
            self._unsure = []
        batch, self._unsent = self._unsent, []
        if self.alive:
            self._transport.write(b"".join(batch))

    def _settle(
        self, pairs: Sequence[tuple[asyncio.Future[Any], asyncio.Future[Any]]], wait: asyncio.Future[Any]
    ) -> None:
        failure = wait.exception()
        if isinstance(failure, REFUSALS):
            failure = TooFewReplicas(f"Redis at {self.server} does not tell whether replicas have the write: {failure}")
        elif failure is None and wait.result() < self._access.replicas:
            failure = TooFewReplicas(
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
            self._transport.abort()
        else:
            self._watch = self._loop.call_later(self._access.timeout_seconds - silent, self._check)
