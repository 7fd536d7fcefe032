"""What a store notes now and writes a moment later: that devices were seen, and exchanges with them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from gateway.errors import Conflict, Unavailable
from gateway.store.protocol import AHEAD, TraceEntry, Write

_SECONDS = 1.0


class Traced(NamedTuple):
    """An exchange that waits to be written, with what ``Store.trace`` was told of it."""

    entry: TraceEntry
    expires_at: datetime
    keep: int


Save = Callable[[Mapping[str, datetime], Sequence[Traced], Sequence[Write]], Awaitable[None]]
"""Writes when devices were seen, then exchanges, then carries out the writes, in one step where the store has steps."""


class WriteBehind:
    """The touches and exchanges that one process noted, until ``save`` has written them; see ``Store``."""

    def __init__(self, save: Save) -> None:
        self._save = save
        self._touched: dict[str, datetime] = {}
        self._traced: list[Traced] = []
        self._saving = asyncio.Lock()
        self._later: asyncio.Task[None] | None = None

    def touch(self, device_id: str, at: datetime) -> None:
        """Note that the device was seen."""
        self._touched[device_id] = newest_touch(self._touched.get(device_id), at)
        self._save_later()

    def trace(self, entry: TraceEntry, expires_at: datetime, keep: int) -> None:
        """Note an exchange."""
        self._traced.append(Traced(entry, expires_at, keep))
        self._save_later()

    def last_seen(self, device_id: str, known: datetime | None) -> datetime | None:
        """When the device was last seen, by what the store knows of that and what waits here."""
        touched = self._touched.get(device_id)
        return known if touched is None else newest_touch(known, touched)

    async def settle(self) -> None:
        """Return once all that was noted so far is written, by this call or by one that is under way.

        Raises: Unavailable.
        """
        if self._touched or self._traced or self._saving.locked():
            await self.save()

    async def save(self, writes: Sequence[Write] = ()) -> None:
        """Write what waits and carry out the writes.

        Raises: Unavailable; touches then stay noted. Conflict, of the writes; all then stays noted.
        """
        async with self._saving:
            touched, (traced, self._traced) = self._touched.copy(), (self._traced, [])
            if not (touched or traced or writes):
                return
            try:
                await self._save(touched, traced, writes)
            except Conflict:
                self._traced = [*traced, *self._traced]
                raise
            self._touched = {key: at for key, at in self._touched.items() if touched.get(key) != at}

    async def close(self) -> None:
        """Write all that waits, and no more later.

        Raises: Unavailable.
        """
        async with self._saving:  # what is being written is not cut off
            if self._later is not None:
                self._later.cancel()
        await self.save()

    def _save_later(self) -> None:
        if self._later is None:
            self._later = asyncio.get_running_loop().create_task(self._save_soon())

    async def _save_soon(self) -> None:
        while self._touched or self._traced:
            await asyncio.sleep(_SECONDS)
            with suppress(Unavailable):  # touches that could not be saved stay noted
                await self.save()
        self._later = None


def newest_touch(known: datetime | None, at: datetime) -> datetime:
    """When a device was last seen, by what was known of that and one touch more."""
    return at if known is None or known > at + AHEAD else max(known, at)
