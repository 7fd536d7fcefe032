"""The log of events: one stream, with a sorted set of the numbers of those that name a subscriber or device."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace

from gateway.store.protocol import Event
from gateway.store.redis.layout import Keys
from gateway.store.redis.servers import Errand, Servers

_EVENT_PAGE = 500

_decode_event = msgspec.msgpack.Decoder(Event).decode


class Log:
    """Reads and shortens the log, which commits write; see ``Store``."""

    def __init__(self, servers: Servers, keys: Keys) -> None:
        self._servers = servers
        self._keys = keys

    async def load(
        self,
        *,
        subscriber_id: str = "",
        device_id: str = "",
        after_seq: int = 0,
        limit: int = 100,
        newest: bool = False,
    ) -> Sequence[Event]:
        found: list[Event] = []
        before_seq = 0
        while len(found) < limit:
            page = await self._between(subscriber_id, device_id, after_seq, before_seq, newest=newest)
            if not page:
                break
            if newest:
                before_seq = page[-1].seq
            else:
                after_seq = page[-1].seq
            found += [
                event
                for event in page
                if subscriber_id in ("", event.subscriber_id) and device_id in ("", event.device_id)
            ]
        return found[:limit][::-1] if newest else found[:limit]

    async def last(self) -> int:
        log = self._keys.log
        (entries,) = await self._servers.run([Errand(log, ("XREVRANGE", log, "+", "-", "COUNT", 1))])
        return int(entries[0][0].partition(b"-")[2]) if entries else 0

    async def forget(self, before: datetime) -> int:
        log, total = self._keys.log, 0
        while True:
            page = await self._between("", "", 0, 0, newest=False)
            old = 0
            while old < len(page) and page[old].at < before:
                old += 1
            if not old:
                return total
            await self._servers.run([Errand(log, ("XTRIM", log, "MINID", f"0-{page[old - 1].seq + 1}"), write=True)])
            total += old

    async def _between(
        self, subscriber_id: str, device_id: str, after_seq: int, before_seq: int, *, newest: bool
    ) -> Sequence[Event]:
        """A page of what came after one event and before another (0: without end), the newest first where asked."""
        log = self._keys.log
        first, last = f"({after_seq}", f"({before_seq}" if before_seq else "+inf"
        if not (subscriber_id or device_id):
            first, last = f"(0-{after_seq}", f"(0-{before_seq}" if before_seq else "+"
            ends = ("XREVRANGE", log, last, first) if newest else ("XRANGE", log, first, last)
            (entries,) = await self._servers.run([Errand(log, (*ends, "COUNT", _EVENT_PAGE))])
        else:
            index = self._keys.events_of("d", device_id) if device_id else self._keys.events_of("s", subscriber_id)
            order = (last, first, "BYSCORE", "REV") if newest else (first, last, "BYSCORE")
            (numbers,) = await self._servers.run([Errand(index, ("ZRANGE", index, *order, "LIMIT", 0, _EVENT_PAGE))])
            ids = [f"0-{number.decode()}" for number in numbers]
            entries = [
                entry
                for answer in await self._servers.run([Errand(log, ("XRANGE", log, one, one)) for one in ids])
                for entry in answer
            ]
        return [replace(_decode_event(fields[1]), seq=int(name.partition(b"-")[2])) for name, fields in entries]
