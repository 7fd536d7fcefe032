"""``python tests/bench/scale.py``: what a device costs on Redis, and whether that grows with the fleet.

Fleets of several sizes, as real sessions leave them, are written into servers of their own, which tells the memory of a
device. Then they are asked in turns what an OMA DM message and an RCC.14 question ask of the store, for devices all
over the fleet: with the CPU of the worker and of the server, the commands and the octets. At last a gateway serves
each, and its admin API is searched.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvloop
from msgspec.structs import replace

sys.path.insert(0, str(Path(__file__).parents[1]))

import redis_servers
from bench import many, redis_fleet, report, searches
from bench.process import cpu_seconds
from bench.stores import traffic
from live_gateway import Gateway

from gateway.store.protocol import PutSession, SessionRecord
from gateway.store.redis.location import Location
from gateway.store.redis.store import RedisStore

SIZES = (many.SMALL, many.LARGE)
MESSAGES, ROUNDS = 800, 5
"""In so many rounds and one that warms up nobody comes twice, even in the smallest fleet."""
_CONCURRENT = 64
_PAYLOAD = bytes(range(256)) * 5
_OCTETS = {"clients": "an RCC.14 client", "phones": "an OMA DM phone", "trees": "a reported tree"}

Ask = Callable[[RedisStore, int, datetime], Awaitable[None]]


async def omadm(store: RedisStore, n: int, now: datetime) -> None:
    """What one message of a phone asks of the store: its contact, the session, and that it was seen."""
    contact = await store.load_contact(f"IMEI:{many.imei_of(n)}", now)
    assert contact is not None
    session = contact.session or SessionRecord(device_id=contact.device.id, payload=b"", expires_at=now)
    await store.commit(PutSession(replace(session, payload=_PAYLOAD, expires_at=now + timedelta(minutes=15)), now))
    store.touch(contact.device.id, now)


async def rcc14(store: RedisStore, n: int, now: datetime) -> None:
    """What a client's question with a token asks of the store: its household, and that it was seen."""
    household = await store.load_household("id", many.id_of(n))
    assert household is not None
    store.touch(household.devices[0].id, now)


ASKED: Mapping[str, tuple[Ask, bool]] = {"OMA DM message": (omadm, False), "RCC.14 question": (rcc14, True)}
"""What is asked, of devices that are clients or phones."""


async def round_of(server: redis_servers.RedisServer, ask: Ask, devices: Sequence[int]) -> dict[str, float]:
    """What each of these devices' messages cost. The worker is new and knows none of them, as among many millions."""
    numbers, messages = iter(devices), len(devices)
    servers = Location.parse(server.url).connect(timeout_seconds=30)
    store = await RedisStore.open(servers)
    (link,) = await servers.links()

    async def caller() -> None:
        for n in numbers:
            await ask(store, n, datetime.now(UTC))

    assert server.process is not None
    sent = await traffic(link)
    before = time.process_time(), cpu_seconds(server.process.pid)
    await asyncio.gather(*(caller() for _ in range(_CONCURRENT)))
    await asyncio.sleep(1.1)  # until it is written that they were seen
    after = time.process_time(), cpu_seconds(server.process.pid)
    commands, octets_in, octets_out = (one - other for one, other in zip(await traffic(link), sent, strict=True))
    await store.close()
    return {
        "worker_us": (after[0] - before[0]) / messages * 1e6,
        "redis_us": (after[1] - before[1]) / messages * 1e6,
        "commands": commands / messages,
        "octets_to_redis": octets_in / messages,
        "octets_from_redis": octets_out / messages,
    }


async def in_turns(
    servers: Mapping[int, redis_servers.RedisServer], messages: int, rounds: int
) -> dict[int, dict[str, dict[str, dict[str, float]]]]:
    """The spread of each figure, by size of the fleet and by what was asked."""
    taken: dict[tuple[int, str], list[dict[str, float]]] = {(size, name): [] for size in servers for name in ASKED}
    devices: dict[tuple[int, str], list[int]] = {}
    for size, name in taken:
        fit = [n for n in range(size) if redis_fleet.has_client(n) == ASKED[name][1]]
        devices[size, name] = random.sample(fit, messages * (rounds + 1))
    for number in range(rounds + 1):
        for name, (ask, _) in ASKED.items():
            for size, server in servers.items():
                one = await round_of(server, ask, devices[size, name][number * messages : (number + 1) * messages])
                if number:  # the first round warms up
                    taken[size, name].append(one)
    return {
        size: {
            name: {figure: report.spread([one[figure] for one in taken[size, name]]) for figure in taken[size, name][0]}
            for name in ASKED
        }
        for size in servers
    }


def searched(server: redis_servers.RedisServer, size: int) -> dict[str, Any]:
    """The milliseconds of each search over the admin API of a gateway with that store."""
    with tempfile.TemporaryDirectory(prefix="mogate-bench-") as folder:
        gateway = Gateway(Path(folder))
        gateway.environment |= {"MOGATE_STORE__URL": server.url, "MOGATE_STORE__DURABILITY": "any"}
        gateway.run("init", "--demo")
        gateway.start()
        try:
            return searches.ask(gateway, size)
        finally:
            gateway.stop()


def measure(sizes: Sequence[int], messages: int = MESSAGES, rounds: int = ROUNDS) -> dict[str, Any]:
    """All figures by size of the fleet."""
    like = redis_fleet.pattern()
    found: dict[str, Any] = {"nodes_per_tree": len(like.mirror.facts), "sizes": {}}
    servers = {}
    for size in sizes:
        servers[size] = server = redis_servers.RedisServer("appendonly no", 'save ""').start()
        parts = redis_fleet.write(server, like, size)
        found["sizes"][size] = {"written": {part: one._asdict() for part, one in parts.items()}}
        server.append_only()
    costs = uvloop.run(in_turns(servers, messages, rounds))
    for size, server in servers.items():
        found["sizes"][size] |= {"costs": costs[size], "milliseconds": searched(server, size)}
        server.kill()
    return found


def table(figures: dict[str, Any]) -> str:
    """The figures as tables in Markdown."""
    sizes: dict[int, dict[str, Any]] = figures["sizes"]
    head = " | ".join(f"{size:,}" for size in sizes)
    lines = [f"| octets of Redis memory | {head} |", "|---|" + "---|" * len(sizes)]
    for part, name in _OCTETS.items():
        lines.append(
            f"| {name} | " + " | ".join(f"{one['written'][part]['octets']:,}" for one in sizes.values()) + " |"
        )
    columns = ("worker µs", "Redis µs", "of the smallest", "commands", "octets to Redis", "octets from Redis")
    lines += ["", "| | devices | " + " | ".join(columns) + " |", "|---|---|" + "---|" * len(columns)]
    for name in ASKED:
        smallest = _microseconds(next(iter(sizes.values()))["costs"][name])
        for size, one in sizes.items():
            cost = one["costs"][name]
            cells = [
                *(_cell(cost[figure]) for figure in ("worker_us", "redis_us")),
                f"{_microseconds(cost) / smallest:.2f}",
                f"{cost['commands']['median']:.1f}",
                *(f"{cost[figure]['median']:,.0f}" for figure in ("octets_to_redis", "octets_from_redis")),
            ]
            lines.append(f"| {name} | {size:,} | {' | '.join(cells)} |")
    lines += ["", f"| milliseconds of | {head} |", "|---|" + "---|" * len(sizes)]
    for name in searches.ASKED:
        lines.append(f"| {name} | " + " | ".join(_cell(one["milliseconds"][name]) for one in sizes.values()) + " |")
    return "\n".join(lines)


def _microseconds(cost: dict[str, dict[str, float]]) -> float:
    return cost["worker_us"]["median"] + cost["redis_us"]["median"]


def _cell(spread: dict[str, float]) -> str:
    return f"{spread['median']:.3g} ({spread['q1']:.3g}..{spread['q3']:.3g})"


def main() -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="DEVICES")
    parser.add_argument(
        "--million", action="store_true", help="a fleet of a million too: ten minutes of two cores, 1.5 GB"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    sizes = (*arguments.sizes, many.MILLION) if arguments.million else arguments.sizes
    figures = report.machine() | measure(sizes, rounds=arguments.rounds)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")
    print(table(figures))


if __name__ == "__main__":
    main()
