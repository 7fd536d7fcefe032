"""When devices were seen, and exchanges with them: how they are written, a moment after they were noted, and read."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain
from operator import attrgetter

import msgspec
from msgspec.structs import replace

from gateway.store.protocol import AHEAD, TraceEntry, Write
from gateway.store.redis import scripts
from gateway.store.redis.kinds import SEEN
from gateway.store.redis.layout import STAMP_BYTES, Keys
from gateway.store.redis.packing import encode
from gateway.store.redis.plan import GRACE_MILLISECONDS
from gateway.store.redis.servers import Errand, Servers
from gateway.store.times import span_to_integer, to_datetime, to_integer
from gateway.store.write_behind import Traced, WriteBehind

_TRACED_OWNERS = 1000
"""Names kept of those whom exchanges were noted of."""

_decode_traced = msgspec.msgpack.Decoder(tuple[int, TraceEntry]).decode


class Noted:
    """Touches and traces: those of this process that wait to be written are ``behind``."""

    def __init__(self, servers: Servers, keys: Keys) -> None:
        self._servers = servers
        self._keys = keys
        self.behind = WriteBehind(self._save)

    async def load_trace(self, owners: Sequence[str], limit: int, now: datetime) -> Sequence[TraceEntry]:
        await self.behind.settle()
        names = [self._keys.trace(owner, proven=proven) for owner in owners for proven in (True, False)]
        lists = await self._servers.run([Errand(name, ("LRANGE", name, -limit, -1)) for name in names])
        live = []
        for raw in chain.from_iterable(lists):
            end, entry = _decode_traced(raw[STAMP_BYTES:])
            if end > to_integer(now):
                live.append(replace(entry, seq=int.from_bytes(raw[:STAMP_BYTES], "big")))
        return sorted(live, key=attrgetter("seq"))[-limit:]

    async def load_traced_owners(self, limit: int) -> Sequence[str]:
        await self.behind.settle()
        name = self._keys.traced
        (owners,) = await self._servers.run([Errand(name, ("LRANGE", name, 0, -1))])
        return list(dict.fromkeys(owner.decode() for owner in owners))[:limit]

    async def load_last_seen(self, device_ids: Sequence[str]) -> dict[str, datetime]:
        by_ids: dict[str, list[str]] = {}
        for device_id in dict.fromkeys(device_ids):
            by_ids.setdefault(self._ids(device_id), []).append(device_id)
        errands = [self._on_sights(scripts.TIMES, ids, *some) for ids, some in by_ids.items()]
        answers = await self._servers.run(errands)
        known: dict[str, int] = {}
        for some, times in zip(by_ids.values(), answers, strict=True):
            known |= {device_id: int(at) for device_id, at in zip(some, times, strict=True) if at is not None}
        seen = {}
        for device_id, microseconds in known.items():
            if last := self.behind.last_seen(device_id, to_datetime(microseconds) if microseconds else None):
                seen[device_id] = last
        return seen

    async def _save(self, touched: Mapping[str, datetime], traced: Sequence[Traced], _: Sequence[Write]) -> None:
        now_milliseconds, ahead = time.time_ns() // 1_000_000, span_to_integer(AHEAD)
        by_ids: dict[str, list[str | int]] = {}
        for device_id, at in touched.items():
            by_ids.setdefault(self._ids(device_id), []).extend((device_id, to_integer(at)))
        errands = [self._on_sights(scripts.TOUCH, ids, ahead, *words) for ids, words in by_ids.items()]
        for entry, expires_at, keep in traced:
            name, end = self._keys.trace(entry.owner, proven=entry.proven), to_integer(expires_at)
            gone_at = max(end // 1000, now_milliseconds) + GRACE_MILLISECONDS
            keys = (name, self._keys.trace_number(entry.owner))
            errands.append(Errand(name, scripts.call(scripts.TRACE, keys, encode((end, entry)), keep, gone_at)))
        if traced:
            name = self._keys.traced
            owners = dict.fromkeys(entry.owner for entry, _, _ in reversed(traced))
            errands.append(Errand(name, ("LPUSH", name, *reversed(owners))))
            errands.append(Errand(name, ("LTRIM", name, 0, _TRACED_OWNERS - 1)))
        await self._servers.run(errands)

    def _ids(self, device_id: str) -> str:
        return self._keys.ids(device_id.rpartition(".")[0])

    def _on_sights(self, script: scripts.Script, ids: str, *words: str | int) -> Errand:
        kinds = self._keys.kinds(ids)
        return Errand(kinds, scripts.call(script, [kinds], SEEN, self._keys.of_kind(ids, SEEN), *words))
