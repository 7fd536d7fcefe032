"""Going through the households: all of them, or those that an index says may be searched for, by ascending id."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple

from gateway.fleet.search import Search
from gateway.store.protocol import Household
from gateway.store.redis import scripts
from gateway.store.redis.kinds import SEEN, Lead, Source, leading
from gateway.store.redis.layout import Command, Keys, parse_cell
from gateway.store.redis.packing import Home
from gateway.store.redis.servers import Errand, Servers

_SCAN_IDS = 100
_FIND_IDS = 16

Sources = Mapping[str, Sequence[Source]]
"""Where to go through, by shard of ids; no sources are everybody."""


class Seeking(NamedTuple):
    """How households are searched for."""

    rare: int = 20
    """Of so many subscribers one or fewer: sought by index. With 0 all are, however many."""
    entries_at_once: int = 50_000
    """So many of a kind are gone through by one script, which takes some three milliseconds."""


USUAL = Seeking()


class Households:
    """The households of one namespace."""

    def __init__(self, servers: Servers, keys: Keys, seeking: Seeking) -> None:
        self._seeking = seeking
        self._servers = servers
        self._keys = keys

    def everybody(self) -> Sources:
        return dict.fromkeys(self._keys.all_ids(), ())

    async def sources(self, search: Search) -> Sources:
        """Where all are whom the search may find: by the rarest of what it asks for, or everybody.

        What is not rare is soon found by a walk.
        """
        shards, leads = self._keys.all_ids(), leading(search)
        if not leads:
            return self.everybody()
        estimated = [(ids, one) for lead in leads if isinstance(lead, tuple) for ids in shards for one in lead]
        tables, sizes, estimates = await asyncio.gather(
            self._servers.run([Errand(ids, ("HGETALL", self._keys.kinds(ids))) for ids in shards]),
            self._servers.run([Errand(ids, ("ZCARD", ids)) for ids in shards]),
            self._servers.run([Errand(ids, self._estimating(ids, one)) for ids, one in estimated]),
        )
        counts: dict[str, dict[bytes | Source, int]] = {
            ids: dict(zip(table[::2], map(int, table[1::2]), strict=True))
            for ids, table in zip(shards, tables, strict=True)
        }
        for (ids, one), estimate in zip(estimated, estimates, strict=True):
            counts[ids][one] = int(estimate)
        rarest, fewest = self.everybody(), sum(sizes) + 1
        for lead in leads:
            found = {ids: _sources_of(lead, known) for ids, known in counts.items()}
            count = sum(known.get(one, known.get(one.kind, 0)) for ids, known in counts.items() for one in found[ids])
            if count < fewest:
                rarest, fewest = {ids: self._in_parts(some, counts[ids]) for ids, some in found.items() if some}, count
        return rarest if fewest * self._seeking.rare <= sum(sizes) else self.everybody()

    async def pages(self, after: str, sources: Sources) -> AsyncIterator[list[Household]]:
        """The households of these sources, by ascending id, some at a time."""
        shards: dict[str, deque[str]] = {ids: deque() for ids in sources}
        lows = dict.fromkeys(shards, after)
        while shards:
            empty = [name for name, ids in shards.items() if not ids]
            for name, found in zip(empty, await self._next_ids(empty, lows, sources), strict=True):
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

    async def _next_ids(self, shards: Sequence[str], lows: Mapping[str, str], sources: Sources) -> list[list[str]]:
        """The next ids of each of these shards."""
        asked = [(name, command) for name in shards for command in self._finding(name, lows[name], sources[name])]
        errands = [Errand(name, command) for name, command in asked]
        if any(one.kind == SEEN for name in shards for one in sources[name]):
            # A server takes all that was sent together before it looks at anybody else's; each of these takes long.
            answers = [(await self._servers.run([errand]))[0] for errand in errands]
        else:
            answers = await self._servers.run(errands)
        lists: dict[str, list[list[bytes]]] = {name: [] for name in shards}
        for (name, _), answer in zip(asked, answers, strict=True):
            lists[name] += answer if sources[name] else [answer]
        found = []
        for name, some in lists.items():
            limit = _FIND_IDS if sources[name] else _SCAN_IDS
            # Beyond the end of a list that was cut off there may be more of it.
            end = min((ids[-1] for ids in some if len(ids) == limit), default=None)
            fresh = sorted({one for ids in some for one in ids if end is None or one <= end})
            found.append([one.decode() for one in fresh])
        return found

    def _finding(self, ids: str, low: str, sources: Sequence[Source]) -> list[Command]:
        """What reads the next ids of a shard, of these sources or of any."""
        if not sources:
            return [("ZRANGE", ids, f"({low}" if low else "-", "+", "BYLEX", "LIMIT", 0, _SCAN_IDS)]
        whole = [one for one in sources if one.parts == 1]
        groups = [*([whole] if whole else []), *([one] for one in sources if one.parts > 1)]
        return [
            scripts.call(
                scripts.FIND,
                [self._keys.kinds(ids)],
                low,
                _FIND_IDS,
                *(word for one in group for word in (*self._words(ids, one), one.part, one.parts)),
            )
            for group in groups
        ]

    def _in_parts(self, sources: Sequence[Source], counts: Mapping[bytes | Source, int]) -> list[Source]:
        """The sources, those of large kinds in parts that do not hold up others for long."""
        cut = []
        for one in sources:
            parts = 1 + counts.get(one.kind, 0) // self._seeking.entries_at_once
            cut += [one._replace(part=part, parts=parts) for part in range(parts)]
        return cut

    def _estimating(self, ids: str, source: Source) -> Command:
        return scripts.call(scripts.ESTIMATE, [self._keys.kinds(ids)], *self._words(ids, source))

    def _words(self, ids: str, source: Source) -> Command:
        return (source.kind, self._keys.of_kind(ids, source.kind), source.prefix, *source.times)


def household_of(home: Home) -> Household:
    return Household(home.subscriber, tuple(place.device for place in home.places))


def _sources_of(lead: Lead, known: Mapping[bytes | Source, int]) -> Sequence[Source]:
    if isinstance(lead, tuple):
        return lead
    return [Source(kind) for kind in known if isinstance(kind, bytes) and lead(kind)]
