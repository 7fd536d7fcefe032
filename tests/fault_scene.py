"""A gateway at work while something breaks: phones that call, a recorder that writes, and what they may see.

A device gets 503 with ``Retry-After`` or no answer, and success soon after; it never gets anything else. Beside the
devices, the recorder writes to the same store and compares what was acknowledged with what is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
from live_gateway import Gateway
from recorder import Recorder, until

from gateway.store.opening import DATABASE_FILE
from gateway.store.protocol import Store
from gateway.store.redis.location import Location
from gateway.store.redis.store import RedisStore
from gateway.store.sqlite import SqliteStore

QUERY = {
    "vers": "0", "IMSI": "001010000000001", "IMEI": "001015000000023", "rcs_version": "9.0", "rcs_profile": "UP_2.4",
    "client_vendor": "SIMU", "client_version": "RCSAndrd-1.0", "terminal_vendor": "Acme", "terminal_model": "B7",
    "terminal_sw_version": "1",
}  # fmt: skip


class Devices:
    """Phones that ask for a configuration on the plain leg, over and over, and remember what they got."""

    def __init__(self, gateway: Gateway) -> None:
        self.seen: list[tuple[int, str | None]] = []
        self._url = gateway.url("plain", "/")

    async def call(self) -> None:
        async with aiohttp.ClientSession(headers={"X-MSISDN": "+15550100001"}) as http:
            while True:
                try:
                    async with http.get(self._url, params=QUERY) as answer:
                        self.seen.append((answer.status, answer.headers.get("Retry-After")))
                except aiohttp.ClientError:
                    self.seen.append((0, None))
                await asyncio.sleep(0.02)

    async def succeed(self) -> None:
        """Returns when a device was answered from now on."""
        before = len(self.seen)
        await until(lambda: 200 in {status for status, _ in self.seen[before:]})

    def check(self) -> None:
        """Nobody got anything but 200, 503 with a time to come back, or no answer."""
        assert {(status, bool(retry)) for status, retry in self.seen} <= {(200, False), (503, True), (0, False)}


class Scene:
    """A gateway and a recorder on the same store, both at work."""

    def __init__(self, gateway: Gateway, devices: Devices, recorder: Recorder) -> None:
        self.gateway, self.devices, self.recorder = gateway, devices, recorder

    async def during(self, fault: Callable[[], object], mend: Callable[[], object] | None = None) -> None:
        """Break something while all are at work; let the refusals come, mend it, and see that all goes on."""
        await self.devices.succeed()
        await self.recorder.write_more()
        refused, seen = len(self.recorder.refusals), len(self.devices.seen)
        await asyncio.to_thread(fault)
        await until(
            lambda: len(self.recorder.refusals) > refused and 503 in {status for status, _ in self.devices.seen[seen:]}
        )
        if mend is not None:
            await asyncio.to_thread(mend)
        await self.recorder.write_more()
        await self.devices.succeed()


@contextlib.asynccontextmanager
async def scene(folder: Path, url: str, replicas: int = 0, far: str = "") -> AsyncIterator[Scene]:
    """All at work on the store of that URL; with ``far`` the recorder writes to the Redis there too."""
    namespace = f"{uuid.uuid4().hex}:"
    gateway = Gateway(folder)
    gateway.environment |= {
        "MOGATE_STORE__URL": url,
        "MOGATE_STORE__NAMESPACE": namespace,
        "MOGATE_STORE__DURABILITY": "second",
        "MOGATE_STORE__REPLICAS": str(replicas),
        "MOGATE_STORE__TIMEOUT_SECONDS": "0.7",
    }
    await asyncio.to_thread(gateway.run, "init", "--demo")
    await asyncio.to_thread(gateway.start, *(() if url == "sqlite" else ("--workers", "2")))

    async def open_store(place: str) -> Store:
        if place == "sqlite":
            return SqliteStore.open(folder / "data" / DATABASE_FILE)
        servers = Location.parse(place).connect(timeout_seconds=0.7, replicas=replicas)
        return await RedisStore.open(servers, namespace=f"{namespace}recorder:")

    stores = [await open_store(place) for place in (url, url, far) if place]
    recorder = Recorder(stores[:2], far=stores[2] if far else None)
    devices = Devices(gateway)
    await recorder.start()
    calls = [asyncio.create_task(devices.call()) for _ in range(4)]
    try:
        yield Scene(gateway, devices, recorder)
        await recorder.finish()
        devices.check()
        assert (503, True) in {(status, bool(retry)) for status, retry in devices.seen}
        assert '"event":"unhandled' not in gateway.log()
    finally:
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        status = await asyncio.to_thread(gateway.stop, signal.SIGTERM)
        for store in stores:
            await store.close()
    assert status == 0
