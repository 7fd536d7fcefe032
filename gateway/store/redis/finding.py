"""Going through the households: all of them, or those that an index says may be searched for, by ascending id."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence

from gateway.fleet.search import Search
from gateway.store.protocol import Household
from gateway.store.redis import scripts
from gateway.store.redis.kinds import leading
from gateway.store.redis.layout import Home, Keys, parse_cell
from gateway.store.redis.servers import Errand, Servers

_SCAN_IDS = 100
_FIND_IDS = 16
_RARE = 20
"""Of so many subscribers one or fewer: sought by index."""

Sources = Mapping[str, Sequence[bytes]]
"""Where to go through: the kinds, by shard of ids; no kinds are everybody."""


class Households:
    """The households of one namespace."""

    def __init__(self, servers: Servers, keys: Keys) -> None:
        self._servers = servers
        self._keys = keys

    def everybody(self) -> Sources:
        return dict.fromkeys(self._keys.all_ids(), ())

    async def sources(self, search: Search, schema: int) -> Sources:
        """The kinds, by shard of ids, that have all whom the search may find, or those of everybody.

        What is not rare is soon found by a walk.
        """
        shards = self._keys.all_ids()
        if schema < 3:  # what others write meanwhile is not found by it
            search = search._replace(match={name: one for name, one in search.match.items() if name != "software"})
        leads = leading(search)
        if not leads:
            return self.everybody()
        *tables, sizes = await asyncio.gather(
            self._servers.run([Errand(ids, ("HGETALL", self._keys.kinds(ids))) for ids in shards]),
            self._servers.run([Errand(ids, ("ZCARD", ids)) for ids in shards]),
        )
        known = [dict(zip(table[::2], map(int, table[1::2]), strict=True)) for table in tables[0]]
        rarest, fewest = dict[str, Sequence[bytes]](), sum(sizes) + 1
        for is_among in leads:
            found = {ids: [kind for kind in kinds if is_among(kind)] for ids, kinds in zip(shards, known, strict=True)}
            count = sum(kinds[kind] for ids, kinds in zip(shards, known, strict=True) for kind in found[ids])
            if count < fewest:
                rarest, fewest = {ids: kinds for ids, kinds in found.items() if kinds}, count
        return rarest if fewest * _RARE <= sum(sizes) else self.everybody()

    async def pages(self, after: str, sources: Sources) -> AsyncIterator[list[Household]]:
        """The households of these shards, of these kinds where any are named, by ascending id, some at a time."""
        shards: dict[str, deque[str]] = {ids: deque() for ids in sources}
        lows = dict.fromkeys(shards, after)
        while shards:
            for name, found in zip(shards, await self._next_ids(shards, lows, sources), strict=True):
                if found is not None:
                    shards[name].extend(found)
                    lows[name] = found[-1] if found else ""
            shards = {name: ids for name, ids in shards.items() if ids}
            # Up to the first shard that runs out, what is smallest here is smallest everywhere.
            page: list[str] = []
            while shards and len(page) < _SCAN_IDS:
                name, ids = min(shards.items(), key=lambda shard: shard[1][0])
                page.append(ids.popleft())
                if not ids:
                    break
            homes = [self._keys.home(one) for one in page]
            raws = await self._servers.run([Errand(one.key, ("GET", one.key)) for one in homes])
            loaded = [parse_cell(address, raw)[1] for address, raw in zip(homes, raws, strict=True)]
            yield [household_of(home) for home in loaded if home is not None]

    async def _next_ids(
        self, shards: Mapping[str, deque[str]], lows: Mapping[str, str], sources: Sources
    ) -> list[list[str] | None]:
        """The next ids of each shard that has run out, None for the others."""
        empty = [name for name, ids in shards.items() if not ids]
        found = await self._servers.run([self._finding(name, lows[name], sources[name]) for name in empty])
        fresh = {}
        for name, answer in zip(empty, found, strict=True):
            lists = answer if sources[name] else [answer]
            limit = _FIND_IDS if sources[name] else _SCAN_IDS
            # Beyond the end of a list that was cut off there may be more of it.
            ends = [ids[-1] for ids in lists if len(ids) == limit]
            fresh[name] = sorted({one for ids in lists for one in ids if not ends or one <= min(ends)})
        return [[one.decode() for one in fresh[name]] if name in fresh else None for name in shards]

    def _finding(self, ids: str, low: str, kinds: Sequence[bytes]) -> Errand:
        """What reads the next ids of a shard, of these kinds or of any."""
        first = f"({low}" if low else "-"
        if not kinds:
            return Errand(ids, ("ZRANGE", ids, first, "+", "BYLEX", "LIMIT", 0, _SCAN_IDS))
        words = [word for kind in kinds for word in (kind, self._keys.of_kind(ids, kind))]
        key = self._keys.kinds(ids)
        return Errand(key, scripts.call(scripts.FIND, [key], first, _FIND_IDS, *words))


def household_of(home: Home) -> Household:
    return Household(home.subscriber, tuple(place.device for place in home.places))
