"""``python tests/bench/scale.py``: what a device costs on Redis, and whether that grows with the fleet.

Fleets of several sizes, as real sessions leave them, are written into servers of their own, which tells the memory of a
device. A gateway serves each, and devices all over the fleet call there in turns, each once, with nothing to be told:
that is what a request costs, in CPU of the gateway and of the server. Where a difference comes from is told by the
part of the store, asked in turns for what an OMA DM message and an RCC.14 question ask of it: with the commands and the
octets. At last the admin API of each gateway is searched.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvloop
from msgspec.structs import replace

sys.path.insert(0, str(Path(__file__).parents[1]))

import redis_servers
from bench import calls, many, redis_fleet, report, searches
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
_SENT = {"commands": ".1f", "octets_to_redis": ",.0f", "octets_from_redis": ",.0f"}
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


ASKED: Mapping[str, tuple[Ask, bool]] = {
    "OMA DM message, of the store": (omadm, False),
    "RCC.14 question, of the store": (rcc14, True),
}
"""What is asked of the store, by devices that are clients or phones."""


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
    return calls.by_size(taken)


def measure(sizes: Sequence[int], messages: int = MESSAGES, rounds: int = ROUNDS) -> dict[str, Any]:
    """All figures by size of the fleet."""
    like = redis_fleet.pattern()
    met = calls.meet(like, _callers(min(sizes), messages * (rounds + 1)))
    found: dict[str, Any] = {"nodes_per_tree": len(like.mirror.facts), "sizes": {}}
    servers: dict[int, redis_servers.RedisServer] = {}
    gateways: dict[int, Gateway] = {}
    with ExitStack() as undo:
        for size in sizes:
            servers[size] = server = redis_servers.RedisServer("appendonly no", 'save ""').start()
            undo.callback(server.kill)
            parts = redis_fleet.write(server, like, size, met.records)
            found["sizes"][size] = {"written": {part: one._asdict() for part, one in parts.items()}}
            server.append_only()
            folder = undo.enter_context(tempfile.TemporaryDirectory(prefix="mogate-bench-"))
            gateways[size] = calls.gateway_with(
                like.key, Path(folder), MOGATE_STORE__URL=server.url, MOGATE_STORE__DURABILITY="any"
            )
        with ExitStack() as serving:
            for gateway in gateways.values():
                gateway.start()
                serving.callback(gateway.stop)
            fleets = {size: (gateways[size], servers[size]) for size in sizes}
            whole = uvloop.run(calls.in_turns(fleets, met, messages, rounds))
            milliseconds = {size: searches.ask(gateway, size) for size, gateway in gateways.items()}
        gc.freeze()  # what there is of devices by now, or looking through it would be counted as work of the store
        costs = uvloop.run(in_turns(servers, messages, rounds))
    for size in sizes:
        found["sizes"][size] |= {"costs": whole[size] | costs[size], "milliseconds": milliseconds[size]}
    return found


def _callers(size: int, count: int) -> list[int]:
    """So many subscribers with a client of a fleet of that size, and so many with a phone."""
    kinds = ([n for n in range(size) if redis_fleet.has_client(n) == client] for client in (True, False))
    return [n for some in kinds for n in random.sample(some, count)]


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
    for name in (*calls.ASKED, *ASKED):
        for size, one in sizes.items():
            cost = one["costs"][name]
            cells = [
                *(_cell(cost[figure]) for figure in ("worker_us", "redis_us", "of_the_smallest")),
                *(f"{cost[figure]['median']:{form}}" if figure in cost else "-" for figure, form in _SENT.items()),
            ]
            lines.append(f"| {name} | {size:,} | {' | '.join(cells)} |")
    lines += ["", f"| milliseconds of | {head} |", "|---|" + "---|" * len(sizes)]
    for name in searches.ASKED:
        lines.append(f"| {name} | " + " | ".join(_cell(one["milliseconds"][name]) for one in sizes.values()) + " |")
    return "\n".join(lines)


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
