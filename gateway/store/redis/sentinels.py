"""Who is the primary now, as Sentinels tell.

During a fail-over they name different ones for a while: those that learn of it late still name the old one, even when
that can be reached again. So all are asked, and the one that knows the newest is believed. redis-py believes the first
one that names a primary that seems to be up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from redis.asyncio import ConnectionPool, Redis
from redis.exceptions import RedisError

from gateway.errors import Unavailable
from gateway.store.redis.link import Access, Server

_LATE_SECONDS = 0.1
"""Once one has answered the others have so long: one that is dead must not hold up what the rest can tell."""

_PATIENCE_MILLISECONDS = 1500
"""One connects once a second at most, so it may reach a new primary that late, and counts that as silence."""


class _View(NamedTuple):
    """What one Sentinel says. The greater view is the newer."""

    epoch: int
    promoted: bool
    """It has just made another the primary, and begins the next epoch when the replicas follow that."""
    server: Server
    up: bool


class Sentinels:
    """Those that watch one primary, by its name."""

    def __init__(self, servers: Sequence[Server], name: str, access: Access) -> None:
        self._name = name
        options = access._replace(database=0).options()
        self._all = [Redis.from_pool(ConnectionPool(host=one.host, port=one.port, **options)) for one in servers]

    async def primary(self) -> Server:
        """The primary that they elected last.

        Raises: Unavailable, also while it is being replaced.
        """
        asked = [asyncio.create_task(self._ask(one)) for one in self._all]
        try:
            views: list[_View] = []
            for answer in asyncio.as_completed(asked):
                if (view := await answer) is not None:
                    views.append(view)
                    break
            if views:
                await asyncio.wait(asked, timeout=_LATE_SECONDS)
            views = [view for one in asked if one.done() and (view := one.result()) is not None]
        finally:
            for one in asked:
                one.cancel()
        newest = max((view[:2] for view in views), default=None)
        latest = [view for view in views if view[:2] == newest]
        if not any(view.up for view in latest):
            raise Unavailable(
                f"no Sentinel knows a primary named {self._name}: {await self._why()}", retry_after_seconds=5
            )
        return next(view.server for view in latest if view.up)

    async def doubts(self) -> list[str]:
        """What is doubtful about how they watch it, each a sentence with its mend."""
        known = await asyncio.gather(*map(self._known, self._all))
        patience = min((one["down-after-milliseconds"] for one in known if one), default=_PATIENCE_MILLISECONDS)
        if patience >= _PATIENCE_MILLISECONDS:
            return []
        return [
            f"a Sentinel takes {self._name} for down after {patience} ms, and may replace a new primary before it has "
            f"reached it: set down-after-milliseconds to {_PATIENCE_MILLISECONDS} or more on each"
        ]

    async def close(self) -> None:
        await asyncio.gather(*(one.aclose() for one in self._all))

    async def _ask(self, sentinel: Redis) -> _View | None:
        known = await self._known(sentinel)
        if known is None:
            return None
        try:
            named = await sentinel.execute_command("SENTINEL GET-MASTER-ADDR-BY-NAME", self._name)
        except RedisError:
            return None
        if named is None:
            return None
        server = Server(_text(named[0]), int(named[1]))
        promoted = server != Server(known["ip"], known["port"])
        down = known["is_sdown"] or known["is_odown"] or "failover_in_progress" in known["flags"].split(",")
        return _View(known["config-epoch"], promoted, server, promoted or not down)

    async def _known(self, sentinel: Redis) -> dict[str, Any] | None:
        """What one keeps of it, if it answers and has it."""
        try:
            return cast("dict[str, dict[str, Any]]", await sentinel.sentinel_masters()).get(self._name)
        except RedisError:
            return None

    async def _why(self) -> str:
        """What keeps all of the Sentinels from answering."""
        answers = await asyncio.gather(*(one.ping() for one in self._all), return_exceptions=True)
        refusals = [one for one in answers if isinstance(one, BaseException)]
        if len(refusals) == len(self._all):
            return str(refusals[0])
        return f"{len(self._all) - len(refusals)} of {len(self._all)} answer, and have none that is up"


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
