"""Which server a key lives on: one server, the primary that Sentinel names, or the nodes of a Cluster."""

from __future__ import annotations

import asyncio
import binascii
import secrets
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from gateway.errors import Unavailable
from gateway.store.redis import scripts
from gateway.store.redis.layout import tag
from gateway.store.redis.link import Access, Link, Reply, Request, Server

SLOTS = 16_384
_ATTEMPTS = 8
_PAUSE_SECONDS = 0.05

_NOT_YET = frozenset({"TRYAGAIN", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "READONLY"})
"""Answers of a server that did nothing, and may or another may in a moment: a fail-over is under way."""
_UNABLE = frozenset({"OOM", "MISCONF", "NOREPLICAS", "BUSY", "NOAUTH", "NOPERM", "UNBLOCKED"})
"""Answers of a server that did nothing and will not for now: an operator has to look."""


class Errand(NamedTuple):
    """A request with the key that says where it goes. A write is answered when as many replicas have it as is asked."""

    key: str
    request: Request
    write: bool = False


class _Line:
    """The way to one server, connected when it is needed. Those who wait for the connection wait for the same one."""

    def __init__(self, locate: Callable[[], Awaitable[Server]], access: Access) -> None:
        self.link: Link | None = None
        self._locate = locate
        self._access = access
        self._opening: asyncio.Task[Link] | None = None

    async def open(self) -> Link:
        if self.link is not None and self.link.alive:
            return self.link
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
        return await asyncio.shield(self._opening)

    def close(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
        if self.link is not None:
            self.link.close()

    async def _open(self) -> Link:
        try:
            self.link = await Link.open(await self._locate(), self._access)
            return self.link
        finally:
            self._opening = None


class Servers(ABC):
    """Answers errands, wherever their keys live."""

    spans = False
    """Whether keys with different tags may live on different servers, so that no script can write both."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self._closed = False

    async def run(self, errands: Sequence[Errand]) -> list[Any]:
        """The answers, in order; what can go in one write does.

        Raises: Unavailable, once all have ended.
        """
        if self._closed:
            raise Unavailable("the store is closed")
        futures: list[asyncio.Future[Any] | None] = []
        for key, request, write in errands:
            link = self._ready(key)
            if link is None or not link.alive:
                futures.append(None)
            else:
                futures.append(link.write(request) if write else link.request(request))
        answers: list[Any] = []
        failure: Unavailable | None = None
        for errand, future in zip(errands, futures, strict=True):
            try:
                answers.append(await (self._insist(errand) if future is None else self._answer(errand, future)))
            except Unavailable as error:
                failure = error
        if failure is not None:
            raise failure
        return answers

    async def links(self) -> Sequence[Link]:
        """A connection to every primary."""
        raise NotImplementedError

    def close(self) -> None:
        """Connections end; later errands are refused."""
        self._closed = True

    @abstractmethod
    def _ready(self, key: str) -> Link | None: ...

    @abstractmethod
    async def _connect(self, key: str) -> Link: ...

    async def _rethink(self, error: Reply, key: str) -> None:
        """Look again where things are, after a server said it is not there."""
        del error, key

    async def _answer(self, errand: Errand, future: asyncio.Future[Any]) -> Any:
        try:
            return await future
        except Reply as error:
            return await self._insist(errand, error)

    async def _insist(self, errand: Errand, error: Reply | None = None) -> Any:
        """The answer of whoever has the key, followed through redirections; only what was not done is asked again."""
        key, request, write = errand
        for attempt in range(_ATTEMPTS):
            link = None
            if error is not None:
                if error.code == "ASK":
                    link = await self._asked(error)
                elif error.code == "MOVED":
                    await self._rethink(error, key)
                elif error.code in _NOT_YET:
                    await asyncio.sleep(_PAUSE_SECONDS * (attempt + jitter()))
                    await self._rethink(error, key)
                elif error.code == "NOSCRIPT":
                    link = await self._connect(key)
                    for script in scripts.ALL:
                        link.request(("SCRIPT", "LOAD", script.source))
                elif error.code in _UNABLE:
                    break
                else:
                    raise error
            link = link or await self._connect(key)
            try:
                return await (link.write(request) if write else link.request(request))
            except Reply as next_error:
                error = next_error
        raise Unavailable(f"Redis cannot do it: {error}", retry_after_seconds=5) from error

    async def _asked(self, error: Reply) -> Link | None:
        return None


class OneServer(Servers):
    """One server that is always at the same place."""

    def __init__(self, server: Server, access: Access) -> None:
        super().__init__(access)
        self._server = server
        self._line = _Line(self._locate, access)

    async def links(self) -> Sequence[Link]:
        return [await self._connect("")]

    def close(self) -> None:
        super().close()
        self._line.close()

    def _ready(self, key: str) -> Link | None:
        return self._line.link

    async def _connect(self, key: str) -> Link:
        return await self._line.open()

    async def _locate(self) -> Server:
        return self._server


class SentinelServers(OneServer):
    """The primary that a majority of Sentinels elected; asked for whenever the connection to it is lost."""

    def __init__(self, sentinels: Sequence[Server], name: str, access: Access, sentinel_access: Access) -> None:
        super().__init__(sentinels[0], access)
        self._sentinels = list(sentinels)
        self._name = name
        self._sentinel_access = sentinel_access._replace(scripts=False, replicas=0, database=0)

    async def _locate(self) -> Server:
        why: Exception | None = None
        for sentinel in list(self._sentinels):
            link = None
            try:
                link = await Link.open(sentinel, self._sentinel_access)
                found = await link.request(("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._name))
                if found is not None:
                    # Who answered is asked first the next time.
                    self._sentinels.sort(key=lambda one: one != sentinel)
                    return Server(found[0].decode(), int(found[1]))
            except (Unavailable, Reply) as error:
                why = error
            finally:
                if link is not None:
                    link.close()
        raise Unavailable(f"no Sentinel knows a primary named {self._name}: {why}", retry_after_seconds=5)

    async def _rethink(self, error: Reply, key: str) -> None:
        # The primary we talk to has become a replica.
        if error.code == "READONLY" and self._line.link is not None:
            self._line.link.close()
            self._line.link = None


class ClusterServers(Servers):
    """The nodes of a Cluster, with a map of which has which slots that is mended as they say otherwise."""

    spans = True

    def __init__(self, seeds: Sequence[Server], access: Access) -> None:
        super().__init__(access._replace(database=0))
        self._seeds = list(seeds)
        self._lines: dict[Server, _Line] = {}
        self._slots: list[_Line | None] = [None] * SLOTS
        self._mapping: asyncio.Task[None] | None = None

    async def links(self) -> Sequence[Link]:
        await self._map()
        return [await line.open() for line in dict.fromkeys(self._slots) if line is not None]

    def close(self) -> None:
        super().close()
        for line in self._lines.values():
            line.close()

    def _ready(self, key: str) -> Link | None:
        line = self._slots[slot(key)]
        return line.link if line is not None else None

    async def _connect(self, key: str) -> Link:
        line = self._slots[slot(key)]
        if line is not None:
            try:
                return await line.open()
            except Unavailable:
                pass  # perhaps another node has taken its place
        await self._map()
        line = self._slots[slot(key)]
        if line is None:
            raise Unavailable("no node of the Redis Cluster has this slot", retry_after_seconds=5)
        return await line.open()

    async def _rethink(self, error: Reply, key: str) -> None:
        if error.code == "MOVED":
            self._slots[slot(key)] = self._line(_named(error))
        await self._map()

    async def _asked(self, error: Reply) -> Link | None:
        link = await self._line(_named(error)).open()
        link.request(("ASKING",))
        return link

    def _line(self, server: Server) -> _Line:
        line = self._lines.get(server)
        if line is None:

            async def locate() -> Server:
                return server

            line = self._lines[server] = _Line(locate, self.access)
        return line

    async def _map(self) -> None:
        if self._mapping is None:
            self._mapping = asyncio.create_task(self._ask_for_map())
        await asyncio.shield(self._mapping)

    async def _ask_for_map(self) -> None:
        try:
            why: Exception | None = None
            for server in dict.fromkeys([*self._lines, *self._seeds]):
                try:
                    link = await self._line(server).open()
                    for first, last, primary, *_ in await link.request(("CLUSTER", "SLOTS")):
                        line = self._line(Server(primary[0].decode() or server.host, primary[1]))
                        self._slots[first : last + 1] = [line] * (last + 1 - first)
                    return
                except (Unavailable, Reply) as error:
                    why = error
            raise Unavailable(f"no node of the Redis Cluster answers: {why}", retry_after_seconds=5)
        finally:
            self._mapping = None


def slot(key: str) -> int:
    """The hash slot of a key.

    Spec: Redis cluster specification, key distribution model (CRC16 XMODEM of the hash tag)
    """
    return binascii.crc_hqx(tag(key).encode(), 0) % SLOTS


def jitter() -> float:
    """A number from 0 to 1, so that those who were held up together do not come back together."""
    return secrets.randbelow(1000) / 1000


def _named(error: Reply) -> Server:
    """The server that a redirection names: ``MOVED 3999 127.0.0.1:6381``."""
    host, _, port = str(error).split(" ")[2].rpartition(":")
    return Server(host.strip("[]"), int(port))
