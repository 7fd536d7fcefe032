"""How many devices hold the configuration they are to hold: counted by one process now and then, shown by all."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from gateway.errors import Unavailable
from gateway.fleet.device import Device
from gateway.observe import metrics
from gateway.observe.logs import logger
from gateway.store.protocol import PutEphemeral, Store

COUNT_SECONDS = 900
SHOW_SECONDS = 60.0
_NAME = "census"
_BREATH = 100
"""Subscribers, after which whoever waits is let in."""

_decode = msgspec.msgpack.Decoder(dict[str, int]).decode


def standing(device: Device) -> str | None:
    """What the RCC.14 client of a device last said to hold, as against what it is to hold; None when there is none.

    Spec: RCC.14 VERS
    """
    rcc14 = device.rcc14
    if rcc14 is None:
        return None
    held = rcc14.reported_version
    if held is None:
        return "unreported"
    if held <= 0:
        return "none"
    return "current" if held == rcc14.version else "behind" if held < rcc14.version else "ahead"


class Census:
    """Counts all devices of the store."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    async def take(self) -> None:
        """Count, and keep the figures for all processes. Raises: Unavailable."""
        counts: Counter[str] = Counter()
        number = 0
        async for household in self._store.scan_households():
            counts.update(filter(None, map(standing, household.devices)))
            number += 1
            if not number % _BREATH:
                await asyncio.sleep(0)
        until = self._clock() + timedelta(seconds=3 * COUNT_SECONDS)
        await self._store.commit(PutEphemeral(_NAME, msgspec.msgpack.encode(dict(counts)), until))

    async def show(self) -> None:
        """Have this process's metrics say what was last counted; nothing when that is long ago. Raises: Unavailable."""
        kept = await self._store.load_ephemeral(_NAME, self._clock())
        counts = _decode(kept) if kept else {}
        for name in metrics.VERSIONS:
            metrics.acs_devices.labels(name).set(counts.get(name, 0) if kept else float("nan"))

    async def watch(self) -> None:
        """Show it again and again."""
        while True:
            try:
                await self.show()
            except Unavailable as error:
                logger().warning("census_not_shown", why=str(error))
            await asyncio.sleep(SHOW_SECONDS)
