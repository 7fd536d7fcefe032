"""Turns that come so many to a second, to all processes of a store together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from gateway.errors import Unavailable
from gateway.store.conflicts import try_again
from gateway.store.protocol import PutRecord, Record, Store

KIND = "pace"
"""The kind of record that has, by name, from when on turns are free. Every store has its own."""
AT_ONCE = timedelta(seconds=0.25)
"""Turns of so long are taken together, so that many a second cost few commits."""
LONGEST = timedelta(seconds=300)
"""Further ahead no turns are taken, unless a clock was wrong."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(datetime).decode


class Pace:
    """The turns of that name; ``clock`` gives aware UTC times."""

    def __init__(self, store: Store, name: str, per_second: float, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._name = name
        self._gap = timedelta(seconds=1.0 / per_second)
        self._count = max(1, AT_ONCE // self._gap)
        self._clock = clock
        self._ours: list[datetime] = []
        self._lock = asyncio.Lock()

    async def turn(self) -> None:
        """Wait for the next one. Raises: Unavailable."""
        async with self._lock:
            now = self._clock()
            # A turn that nobody used in time is gone: what was idle for a while does not make up for it.
            self._ours = [at for at in self._ours if now - AT_ONCE <= at <= now + LONGEST] or await self._taken()
            mine = self._ours.pop(0)
        await asyncio.sleep(max(0.0, (mine - self._clock()).total_seconds()))

    async def _taken(self) -> list[datetime]:
        """Turns that are nobody else's."""
        return await try_again(self._take, Unavailable("others take every turn; try again"))

    async def _take(self) -> list[datetime]:
        now, record = self._clock(), await self._store.load_record(KIND, self._name)
        free_at = _decode(record.payload) if record else now
        first = free_at if now < free_at <= now + LONGEST else now
        record = replace(
            record or Record(kind=KIND, id=self._name, payload=b""), payload=_encode(first + self._count * self._gap)
        )
        await self._store.commit(PutRecord(record))
        return [first + number * self._gap for number in range(self._count)]
