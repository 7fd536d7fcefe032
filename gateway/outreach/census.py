"""How many devices hold what they are to hold, when they were heard of, and how many each tenant has: counted by one
process, shown by all.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

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
"""Devices, after which whoever waits is let in."""

_SINCE = (
    (timedelta(hours=1), "hour"),
    (timedelta(days=1), "day"),
    (timedelta(weeks=1), "week"),
    (timedelta(days=30), "month"),
)
_HEARD = "heard:"
"""Precedes how long ago devices were heard of, among the figures that are kept."""

_SUBSCRIBERS, _DEVICES = "subscribers:", "devices:"
"""Precede the name of a tenant, among the figures that are kept."""
_AT = "at"

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


def contact(seen_at: datetime | None, now: datetime) -> str:
    """Within what time a device was last heard of, as told in metrics."""
    if seen_at is None:
        return "never"
    return next((name for since, name in _SINCE if now - seen_at < since), "older")


class Tenant(NamedTuple):
    """How many of each a tenant had when they were last counted; the empty name is the operator's own."""

    name: str
    subscribers: int
    devices: int
    counted_at: datetime


class Census:
    """Counts all devices of the store."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    async def take(self) -> None:
        """Count, and keep the figures for all processes. Raises: Unavailable."""
        counts: Counter[str] = Counter({_AT: int(self._clock().timestamp())})
        devices: list[Device] = []
        async for household in self._store.scan_households():
            tenant = household.subscriber.tenant
            counts[_SUBSCRIBERS + tenant] += 1
            counts[_DEVICES + tenant] += len(household.devices)
            devices += household.devices
            if len(devices) >= _BREATH:
                await self._count(devices, counts)
                devices = []
        await self._count(devices, counts)
        until = self._clock() + timedelta(seconds=3 * COUNT_SECONDS)
        await self._store.commit(PutEphemeral(_NAME, msgspec.msgpack.encode(dict(counts)), until))

    async def _count(self, devices: Sequence[Device], counts: Counter[str]) -> None:
        now, seen = self._clock(), await self._store.load_last_seen([device.id for device in devices])
        counts.update(filter(None, map(standing, devices)))
        counts.update(f"{_HEARD}{contact(seen.get(device.id), now)}" for device in devices)
        await asyncio.sleep(0)

    async def tenants(self) -> list[Tenant]:
        """Every tenant that has subscribers, by name; none where nobody has counted. Raises: Unavailable."""
        kept = await self._store.load_ephemeral(_NAME, self._clock())
        counts = _decode(kept) if kept else {}
        names = sorted(one.removeprefix(_SUBSCRIBERS) for one in counts if one.startswith(_SUBSCRIBERS))
        at = datetime.fromtimestamp(counts.get(_AT, 0), UTC)
        return [Tenant(name, counts[_SUBSCRIBERS + name], counts[_DEVICES + name], at) for name in names]

    async def show(self) -> None:
        """Have this process's metrics say what was last counted; nothing when that is long ago. Raises: Unavailable."""
        kept = await self._store.load_ephemeral(_NAME, self._clock())
        counts = _decode(kept) if kept else {}
        for name in metrics.VERSIONS:
            metrics.acs_devices.labels(name).set(counts.get(name, 0) if kept else math.nan)
        for name in metrics.CONTACTS:
            metrics.devices_heard_of.labels(name).set(counts.get(f"{_HEARD}{name}", 0) if kept else math.nan)

    async def watch(self) -> None:
        """Show it again and again."""
        while True:
            try:
                await self.show()
            except Unavailable as error:
                logger().warning("census_not_shown", why=str(error))
            await asyncio.sleep(SHOW_SECONDS)
