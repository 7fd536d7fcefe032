"""Which server a key lives on: one server, the primary that Sentinel names, or the nodes of a Cluster."""

from __future__ import annotations

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import msgspec
from redis.asyncio.cluster import ClusterNode, NodesManager
from redis.cluster import PRIMARY
from redis.crc import key_slot
from redis.exceptions import (
    AskError,
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    MovedError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    TryAgainError,
)

from gateway.errors import Unavailable
from gateway.store.redis.link import REFUSALS, Access, Link, Request, Server, TooFewReplicas
from gateway.store.redis.sentinels import Sentinels

_ATTEMPTS = 8
_PAUSE_SECONDS = 0.05

_NOT_YET = (TryAgainError, ClusterDownError, BusyLoadingError, ReadOnlyError)
"""Answers of a server that did nothing, and may or another may in a moment: a fail-over is under way."""
_UNABLE = (OutOfMemoryError, AuthenticationError, NoPermissionError)
"""Answers of a server that did nothing and will not for now: an operator has to look."""
_UNABLE_CODES = ("MISCONF", "NOREPLICAS", "BUSY", "UNBLOCKED")
"""The same, where redis-py has no class for them."""


class Errand(msgspec.Struct, frozen=True):
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

    async def close(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
        if self.link is not None:
            await self.link.close()

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
        for errand in errands:
            link = self._ready(errand.key)
            if link is None or not link.alive:
                futures.append(None)
            else:
                futures.append(link.write(errand.request) if errand.write else link.request(errand.request))
        answers: list[Any] = []
        failure: Unavailable | None = None
        for errand, future in zip(errands, futures, strict=True):
            refusal: RedisError | None = None
            try:
                if future is not None:
                    answers.append(await future)
                    continue
            except REFUSALS as error:
                refusal = error
            except Unavailable as error:
                failure = error
                continue
            try:
                answers.append(await self._insist(errand, refusal))
            except Unavailable as error:
                failure = error
        if failure is not None:
            raise failure
        return answers

    async def links(self) -> Sequence[Link]:
        """A connection to every primary."""
        raise NotImplementedError

    async def doubts(self) -> list[str]:
        """What is doubtful about how they replace one that dies, each a sentence with its mend."""
        return []

    async def close(self) -> None:
        """Connections end; later errands are refused."""
        self._closed = True

    @abstractmethod
    def _ready(self, key: str) -> Link | None: ...

    @abstractmethod
    async def _connect(self, key: str) -> Link: ...

    async def _follow(self, error: RedisError, key: str) -> Link | None:
        """Take in that a server said it cannot serve the key; returns who is to be asked this once, if it said so."""
        del error, key
        return None

    async def _insist(self, errand: Errand, error: RedisError | None = None) -> Any:
        """The answer of whoever has the key, followed through redirections; only what was not done is asked again."""
        key, request = errand.key, errand.request
        for attempt in range(_ATTEMPTS):
            link = None
            if isinstance(error, _NOT_YET):
                await asyncio.sleep(_PAUSE_SECONDS * (attempt + jitter()))
            if isinstance(error, (AskError, *_NOT_YET)):
                link = await self._follow(error, key)
            elif isinstance(error, NoScriptError):
                link = await self._connect(key)
                await link.load_scripts()
            elif isinstance(error, _UNABLE) or str(error).startswith(_UNABLE_CODES):
                break
            elif error is not None:
                raise error
            link = link or await self._connect(key)
            try:
                return await (link.write(request) if errand.write else link.request(request))
            except REFUSALS as next_error:
                error = next_error
        raise Unavailable(f"Redis cannot do it: {error}", retry_after_seconds=5) from error


class OneServer(Servers):
    """One server that is always at the same place."""

    def __init__(self, server: Server, access: Access) -> None:
        super().__init__(access)
        self._line = _Line(partial(_stay, server), access)

    async def links(self) -> Sequence[Link]:
        return [await self._connect("")]

    async def close(self) -> None:
        await super().close()
        await self._line.close()

    def _ready(self, key: str) -> Link | None:
        return self._line.link

    async def _connect(self, key: str) -> Link:
        return await self._line.open()


class SentinelServers(OneServer):
    """The primary that Sentinels elected; asked for whenever the connection to it is lost or its replicas are."""

    def __init__(self, sentinels: Sequence[Server], name: str, access: Access, sentinel_access: Access) -> None:
        super().__init__(sentinels[0], access)
        self._sentinels = Sentinels(sentinels, name, sentinel_access)
        self._line = _Line(self._sentinels.primary, access)
        self._looking: asyncio.Task[None] | None = None

    async def run(self, errands: Sequence[Errand]) -> list[Any]:
        try:
            return await super().run(errands)
        except TooFewReplicas:
            if self._looking is None and not self._closed:
                self._looking = asyncio.create_task(self._look_again())
            raise

    async def doubts(self) -> list[str]:
        return await self._sentinels.doubts()

    async def close(self) -> None:
        await super().close()
        if self._looking is not None:
            self._looking.cancel()
        await self._sentinels.close()

    async def _look_again(self) -> None:
        """Leave a server whose place another has taken: one that is cut off from Sentinels does not know."""
        try:
            link = self._line.link
            if link is not None and link.server != await self._sentinels.primary():
                await link.close()
        except Unavailable:
            pass  # the next write that misses its replicas looks again
        finally:
            self._looking = None

    async def _follow(self, error: RedisError, key: str) -> Link | None:
        # The primary we talk to has become a replica.
        if isinstance(error, ReadOnlyError) and self._line.link is not None:
            await self._line.link.close()
        return None


class ClusterServers(Servers):
    """The nodes of a Cluster. redis-py's map of which has which slots is mended as they say otherwise."""

    spans = True

    def __init__(self, seeds: Sequence[Server], access: Access) -> None:
        super().__init__(access._replace(database=0))
        self._seeds = list(seeds)
        self._lines: dict[tuple[str, str | int], _Line] = {}
        self._nodes = self._begin()

    async def links(self) -> Sequence[Link]:
        await self._map()
        return [await self._line(one).open() for one in self._nodes.get_nodes_by_server_type(PRIMARY)]

    async def close(self) -> None:
        await super().close()
        for line in self._lines.values():
            await line.close()
        await _forget(self._nodes)

    def _ready(self, key: str) -> Link | None:
        node = self._node(key)
        line = self._lines.get((node.host, node.port)) if node is not None else None
        return line.link if line is not None else None

    async def _connect(self, key: str) -> Link:
        node = self._node(key)
        if node is not None:
            try:
                return await self._line(node).open()
            except Unavailable:
                pass  # perhaps another node has taken its place
        await self._map(node)
        node = self._node(key)
        if node is None:
            raise Unavailable("no node of the Redis Cluster has this slot", retry_after_seconds=5)
        return await self._line(node).open()

    async def _follow(self, error: RedisError, key: str) -> Link | None:
        if isinstance(error, MovedError):
            self._nodes.slots_cache.setdefault(error.slot_id, [])
            await self._nodes.move_slot(error)
        elif isinstance(error, AskError):
            link = await self._line(error).open()
            link.request(("ASKING",))
            return link
        else:
            await self._map()
        return None

    def _node(self, key: str) -> ClusterNode | None:
        nodes = self._nodes.slots_cache.get(key_slot(key.encode()))
        return nodes[0] if nodes else None

    def _line(self, node: ClusterNode | AskError) -> _Line:
        server = Server(node.host, int(node.port))
        line = self._lines.get(server)
        if line is None:
            line = self._lines[server] = _Line(partial(_stay, server), self.access)
        return line

    def _begin(self) -> NodesManager:
        options = self.access.options()
        seeds = [ClusterNode(one.host, one.port, **options) for one in self._seeds]
        return NodesManager(seeds, require_full_coverage=False, connection_kwargs=options)

    async def _map(self, failed: ClusterNode | None = None) -> None:
        """Ask the nodes who has which slots, last the one that failed."""
        nodes = self._nodes
        try:
            await nodes.initialize(last_failed_node_name=failed.name if failed is not None else None)
        except (RedisClusterException, RedisError, LookupError) as error:
            if self._nodes is nodes:
                # All nodes that were known may have moved: next time it begins at the seeds.
                self._nodes = self._begin()
                await _forget(nodes)
            raise Unavailable(f"no node of the Redis Cluster answers: {error}", retry_after_seconds=5) from error


async def _stay(server: Server) -> Server:
    return server


async def _forget(nodes: NodesManager) -> None:
    await nodes.aclose()
    await nodes.aclose("startup_nodes")


def jitter() -> float:
    """A number from 0 to 1, so that those who were held up together do not come back together."""
    return secrets.randbelow(1000) / 1000
