"""Devices of fleets in Redis that call at whole gateways, and what a request of theirs costs.

Those who are to call were met before, by one gateway, and lie in each fleet as that left them: a client with a question
that stands answered, a phone that has what it should have.
"""

from __future__ import annotations

import asyncio
import copy
import random
import ssl
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import uvloop
from bench import copies, many, redis_fleet, report
from bench.client import Conversation, Lane, UnexpectedAnswer
from bench.fleet import WBXML, Client, DmSession, Phone, Query
from bench.process import cpu_seconds
from live_gateway import Gateway
from redis_servers import RedisServer

from adapters.rcc14.identity.token import token_of
from gateway.sealing import Sealer
from gateway.store.protocol import Write
from gateway.store.sqlite import SqliteStore

CONNECTIONS = 32
SETTLE_SECONDS = 1.1
"""Until it is written that devices were seen."""
OMADM, RCC14 = "OMA DM up to date, whole request", "RCC.14 unchanged, whole request"
TURNS = 8
"""How often the fleets take turns in a round."""
ASKED = (OMADM, RCC14)
"""Over WBXML in the clear, and over TLS."""
_BATCH = 200


class Met(NamedTuple):
    """The devices that may call, by number, with the records that they have in each fleet."""

    phones: dict[int, Phone]
    clients: dict[int, Client]
    records: dict[int, redis_fleet.Records]

    def devices(self, asked: str) -> Mapping[int, Phone | Client]:
        """Those that ask so."""
        return self.phones if asked == OMADM else self.clients


class _Phone(Phone):
    """The phone of subscriber ``n``."""

    imei_of = staticmethod(many.imei_of)
    model_of = staticmethod(many.model_of)


class _Unchanged(Query):
    """A question whose answer must have no more than the version in it."""

    def __init__(self, client: Client) -> None:
        super().__init__(client, document=False)

    def answer(self, head: bytes, body: bytes) -> None:
        super().answer(head, body)
        if body.count(b"<characteristic ") != 1:
            raise UnexpectedAnswer(f"wanted the version alone: {body!r}")


def _client(n: int) -> Client:
    client = Client(n)
    client.imsi, client.msisdn, client.imei = many.imsi_of(n), many.msisdn_of(n), many.imei_of(n)
    client.device_id, client.model = f"{many.id_of(n)}.1", many.model_of(n)
    return client


def gateway_with(key: bytes, folder: Path, **environment: str) -> Gateway:
    """One that seals secrets with that key, and is not started yet."""
    gateway = Gateway(folder)
    # A machine with other work to do makes the gateway late, and it would turn requests away.
    gateway.environment |= environment | {"MOGATE_TRACE__MODE": "failed", "MOGATE_LOAD__MAX_LAG_SECONDS": "60"}
    data = folder / "data"
    data.mkdir(mode=0o700)
    (data / "seal.key").touch(mode=0o600)
    (data / "seal.key").write_bytes(key)
    gateway.run("init", "--demo")
    return gateway


def meet(like: redis_fleet.Pattern, numbers: Sequence[int]) -> Met:
    """The devices of these subscribers, after they called until there was nothing to tell them."""
    with tempfile.TemporaryDirectory(prefix="mogate-bench-") as folder:
        gateway = gateway_with(like.key, Path(folder))
        met = asyncio.run(_enrolled(gateway.folder / "data", like, numbers))
        gateway.start()
        try:
            uvloop.run(_call(gateway, met))
        finally:
            gateway.stop()
        asyncio.run(_load(gateway.folder / "data", met))
    return met


async def _enrolled(data: Path, like: redis_fleet.Pattern, numbers: Sequence[int]) -> Met:
    store, sealer, met = SqliteStore.open(data / "mogate.db"), Sealer.load(data / "seal.key"), Met({}, {}, {})
    token_key = sealer.derive("rcc14-token")
    for first in range(0, len(numbers), _BATCH):
        writes: list[Write] = []
        for n in numbers[first : first + _BATCH]:
            subscriber, device = redis_fleet.records_of(like, n, client=redis_fleet.has_client(n))
            if device.rcc14 is not None:
                client = met.clients[n] = _client(n)
                client.token = token_of(device.id, device.rcc14.token_serial, token_key)
            else:
                phone = met.phones[n] = _Phone(n)
                device = copies.with_account(device, phone, sealer)
                writes += redis_fleet.household_writes(like, "trees", n)
            writes = redis_fleet.puts((subscriber, device)) + writes
        await store.commit(*writes)
    await store.close()
    return met


async def _call(gateway: Gateway, met: Met) -> None:
    """Have them called so often that the last call is like the one before. Raises: UnexpectedAnswer."""
    lanes = await _lanes(gateway)
    await lanes[OMADM].run(DmSession(phone, WBXML, None) for phone in met.phones.values())
    await lanes[RCC14].run(Query(client, document=None) for client in met.clients.values())
    for _ in range(2):
        for name, lane in lanes.items():
            await lane.run(map(_conversation, met.devices(name).values()))
    for lane in lanes.values():
        lane.close()


async def _load(data: Path, met: Met) -> None:
    store = SqliteStore.open(data / "mogate.db")
    for n in (*met.phones, *met.clients):
        household = await store.load_household("id", many.id_of(n))
        assert household is not None
        (device,) = household.devices
        met.records[n] = household.subscriber, device
    await store.close()


def _conversation(device: Phone | Client) -> Conversation:
    """One request, which must be answered that all is as it should be."""
    return DmSession(device, WBXML, 0) if isinstance(device, Phone) else _Unchanged(device)


async def _lanes(gateway: Gateway) -> dict[str, Lane]:
    tls = ssl.create_default_context(cafile=str(gateway.folder / "data" / "tls" / "ca.pem"))
    tls.check_hostname = False
    return {
        OMADM: await Lane.open(gateway.ports["plain"], CONNECTIONS),
        RCC14: await Lane.open(gateway.ports["tls"], CONNECTIONS, tls),
    }


class Called(NamedTuple):
    """A gateway over a fleet in Redis, and the devices of the fleet that call there."""

    pids: tuple[int, int]
    lanes: dict[str, Lane]
    devices: dict[str, list[Phone | Client]]

    @classmethod
    async def of(cls, gateway: Gateway, server: RedisServer, met: Met) -> Called:
        """The devices are this fleet's own: what one keeps between calls is another thing in each."""
        assert gateway.process is not None
        assert server.process is not None
        devices = {name: [copy.copy(one) for one in met.devices(name).values()] for name in ASKED}
        for some in devices.values():
            random.shuffle(some)
        return cls((gateway.process.pid, server.process.pid), await _lanes(gateway), devices)

    def cpu(self) -> tuple[float, float]:
        """The CPU seconds of gateway and server so far."""
        gateway, server = map(cpu_seconds, self.pids)
        return gateway, server

    async def call(self, asked: str, count: int) -> None:
        """Have so many devices call of those that have not yet. Raises: UnexpectedAnswer."""
        some, self.devices[asked][:count] = self.devices[asked][:count], []
        answered = await self.lanes[asked].run(map(_conversation, some))
        if answered != count:
            raise UnexpectedAnswer(f"{asked}: {answered} requests of {count} devices")


async def in_turns(
    fleets: Mapping[int, tuple[Gateway, RedisServer]], met: Met, requests: int, rounds: int
) -> dict[int, dict[str, Any]]:
    """The spread of each figure, by size of the fleet and by what was asked. No device calls twice."""
    called = {size: await Called.of(*fleet, met) for size, fleet in fleets.items()}
    taken: dict[tuple[int, str], list[dict[str, float]]] = {(size, name): [] for size in fleets for name in ASKED}
    for number in range(rounds + 1):
        for name in ASKED:
            for size, found in (await _round(called, name, requests)).items():
                if number:  # the first round warms up
                    taken[size, name].append(found)
    for one in called.values():
        for lane in one.lanes.values():
            lane.close()
    return by_size(taken)


async def _round(called: Mapping[int, Called], asked: str, requests: int) -> dict[int, dict[str, float]]:
    """What so many requests cost in each fleet, in turns of some.

    What the processes use when nobody calls is taken off: it would make all fleets look more alike.
    """

    def cpu() -> list[tuple[float, float]]:
        return [one.cpu() for one in called.values()]

    started, first = time.perf_counter(), cpu()
    await asyncio.sleep(2 * SETTLE_SECONDS)
    begun, before = time.perf_counter(), cpu()
    for _ in range(TURNS):
        for one in random.sample(list(called.values()), len(called)):
            await one.call(asked, requests // TURNS)
    await asyncio.sleep(SETTLE_SECONDS)
    ended, after = time.perf_counter(), cpu()
    idle = (ended - begun) / (begun - started)
    return {
        size: {
            name: (end - begin - idle * (begin - start)) / (requests // TURNS * TURNS) * 1e6
            for name, start, begin, end in zip(("worker_us", "redis_us"), *seconds, strict=True)
        }
        for size, *seconds in zip(called, first, before, after, strict=True)
    }


def by_size(taken: Mapping[tuple[int, str], list[dict[str, float]]]) -> dict[int, dict[str, Any]]:
    """The spread of each figure by size of the fleet and by what was asked.

    With it comes the cost as a multiple of the smallest fleet's, round by round.
    """
    smallest = min(size for size, _ in taken)
    found: dict[int, dict[str, Any]] = {}
    for (size, name), rounds in taken.items():
        ratios = [_cost(one) / _cost(least) for one, least in zip(rounds, taken[smallest, name], strict=True)]
        found.setdefault(size, {})[name] = report.spreads(rounds) | {"of_the_smallest": report.spread(ratios)}
    return found


def _cost(figures: dict[str, float]) -> float:
    return figures["worker_us"] + figures["redis_us"]
