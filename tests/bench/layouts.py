"""Whole gateways side by side: SQLite, Redis, and two workers on Redis, each with a fleet of its own; and bare aiohttp
that gets the same requests, in one process and in two.

Every process gets the same load: so many connections, requests and devices for each. What a gateway could do with a
core for each worker is then told from the CPU of a request, in all its workers: the load generator and Redis need the
same cores here, so a stop watch would measure those. Its figures stand beside. What a second process of bare aiohttp
gains in the same turns is what the machine lets any second process gain.
"""

from __future__ import annotations

import argparse
import json
import shutil
import ssl
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

import redis_servers
from bench import report
from bench.baseline import Baseline
from bench.client import Conversation, Fixed, Lane, Recorded
from bench.fleet import LARGE_PROFILE, Fleet
from bench.process import children_of, cpu_seconds
from bench.scenarios import SCENARIOS, Replay, Scenario, take_turns
from live_gateway import CONFIG, Gateway

CONNECTIONS = 32
"""To each process. What the kernel deals to each by chance evens out over a fleet's thousands, over so few not."""
SQLITE, REDIS, REDIS_TWO = "SQLite", "Redis", "Redis, 2 workers"
BARE, BARE_TWO = "bare aiohttp", "bare aiohttp, 2 processes"
_HELD_AGAINST = {REDIS: SQLITE, REDIS_TWO: REDIS, BARE_TWO: BARE}
_TOLD = ("requests_per_second", "p50_ms", "p99_ms", "cpu_us", "with_a_core_each")
MEASURED = ("rcc14_unchanged", "rcc14_full", "omadm_xml")


class Layout(NamedTuple):
    """How a gateway is set up."""

    name: str
    url: str
    workers: int


class Pass(NamedTuple):
    """What a round of a scenario took in so many processes."""

    processes: int
    requests: int
    seconds: float
    cpu_seconds: float
    latencies: list[float]

    @property
    def with_a_core_each(self) -> float:
        """Requests per second if nobody else needed the processes' cores."""
        return self.processes * self.requests / self.cpu_seconds


async def _timed(pids: list[int], lane: Lane, batches: Iterable[Iterable[Conversation]]) -> Pass:
    """What these conversations took, batch after batch, with as many at once as there are connections."""
    before = sum(map(cpu_seconds, pids))
    started = time.perf_counter()
    requests = sum([await lane.run(batch) for batch in batches])
    seconds = time.perf_counter() - started
    return Pass(len(pids), requests, seconds, sum(map(cpu_seconds, pids)) - before, lane.take_latencies())


class Bare:
    """Bare aiohttp in so many processes, with a site for the one exchange of each scenario."""

    def __init__(self, baseline: Baseline, replays: dict[str, tuple[Replay, Lane]]) -> None:
        self._baseline = baseline
        self._replays = replays

    @classmethod
    async def prepare(cls, like: Served, chosen: list[Scenario], workers: int) -> Bare:
        """It answers as many octets as that gateway does."""
        replays = {scenario.name: await like.record(scenario) for scenario in chosen}
        baseline = Baseline([one.site for one in replays.values()], like.tls_folder, workers)
        lanes = [
            await Lane.open_to_each(baseline.pids, port, CONNECTIONS, like.tls if one.site.tls else None)
            for port, one in zip(baseline.ports, replays.values(), strict=True)
        ]
        return cls(baseline, dict(zip(replays, zip(replays.values(), lanes, strict=True), strict=True)))

    async def measure(self, scenario: Scenario, count: int) -> Pass:
        """So many of the scenario's requests for each process."""
        replay, lane = self._replays[scenario.name]
        pids = self._baseline.pids
        return await _timed(pids, lane, [[Fixed(replay.request)] * (count * len(pids))])

    def stop(self) -> None:
        self._baseline.stop()


class Served:
    """A running gateway with its fleet, and connections to it."""

    def __init__(self, tls_folder: Path, pids: list[int], fleet: Fleet, lanes: dict[bool, Lane]) -> None:
        self.tls_folder = tls_folder
        self.tls = _trusting(tls_folder)
        self._pids = pids
        self._fleet = fleet
        self._lanes = lanes
        self._turn = 0

    @classmethod
    async def prepare(cls, gateway: Gateway, workers: int, subscribers: int) -> Served:
        """Every device of the fleet has all it is given; so many subscribers are there for each worker."""
        assert gateway.process is not None
        pids = children_of(gateway.process.pid) if workers > 1 else [gateway.process.pid]
        tls_folder = gateway.folder / "data" / "tls"
        lanes = {
            False: await Lane.open_to_each(pids, gateway.ports["plain"], CONNECTIONS),
            True: await Lane.open_to_each(pids, gateway.ports["tls"], CONNECTIONS, _trusting(tls_folder)),
        }
        fleet = Fleet(subscribers * workers, 1, await Lane.open(gateway.ports["admin"], 8), gateway.token)
        await fleet.create()
        await fleet.provision(lanes[False], lanes[True])
        return cls(tls_folder, pids, fleet, lanes)

    async def measure(self, scenario: Scenario, count: int) -> Pass:
        """So many conversations for each worker, with as many at once as there are connections."""
        devices, count = scenario.devices(self._fleet), count * len(self._pids)
        turns = take_turns(devices, self._turn * count, count)
        self._turn += 1
        # No device begins again while its last conversation goes on, however long a busy machine holds that up.
        batches = [turns[first : first + len(devices)] for first in range(0, count, len(devices))]
        conversations = [map(scenario.conversation, batch) for batch in batches]
        return await _timed(self._pids, self._lanes[scenario.tls], conversations)

    async def record(self, scenario: Scenario) -> Replay:
        """The one exchange of a conversation, of a device that has asked before."""
        device = scenario.devices(self._fleet)[0]
        for _ in range(2):
            recorded = Recorded(scenario.conversation(device))
            await self._lanes[scenario.tls].run([recorded])
        (exchange,) = recorded.exchanges
        return Replay.of(exchange, tls=scenario.tls)


def _trusting(folder: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    context.check_hostname = False
    return context


async def _compare(gateways: dict[Layout, Gateway], subscribers: int, count: int, rounds: int) -> dict[str, Any]:
    served = {
        layout.name: await Served.prepare(gateway, layout.workers, subscribers) for layout, gateway in gateways.items()
    }
    chosen = [scenario for scenario in SCENARIOS if scenario.name in MEASURED]
    like = next(iter(served.values()))
    bare = {name: await Bare.prepare(like, chosen, workers) for workers, name in enumerate((BARE, BARE_TWO), start=1)}
    measured = served | bare
    passes: dict[tuple[str, str], list[Pass]] = {}
    try:
        for number in range(rounds + 1):
            for scenario in chosen:
                for name, one in measured.items():
                    found = await one.measure(scenario, count)
                    if number:  # the first warms up
                        passes.setdefault((scenario.title, name), []).append(found)
    finally:
        for one in bare.values():
            one.stop()
    return {
        scenario.title: {
            name: _figures(passes[scenario.title, name], passes.get((scenario.title, _HELD_AGAINST.get(name, ""))))
            for name in measured
        }
        for scenario in chosen
    }


def _figures(passes: list[Pass], others: list[Pass] | None) -> dict[str, Any]:
    latencies = sorted(second for one in passes for second in one.latencies)
    figures: dict[str, Any] = {
        "requests_per_second": round(statistics.median(one.requests / one.seconds for one in passes)),
        "p50_ms": round(1000 * latencies[len(latencies) // 2], 1),
        "p99_ms": round(1000 * latencies[len(latencies) * 99 // 100], 1),
        "cpu_us": round(statistics.median(1e6 * one.cpu_seconds / one.requests for one in passes)),
        "with_a_core_each": round(statistics.median(one.with_a_core_each for one in passes)),
    }
    if others is not None:
        # Round by round: what a core is worth changes from one to the next.
        pairs = zip(passes, others, strict=True)
        figures["ratio"] = report.spread([one.with_a_core_each / other.with_a_core_each for one, other in pairs])
    return figures


def measure(subscribers: int, count: int, rounds: int) -> dict[str, Any]:
    """All figures by scenario and layout."""
    server = redis_servers.RedisServer("appendonly yes", "appendfsync everysec", 'save ""').start()
    layouts = (
        Layout(SQLITE, "sqlite", 1),
        Layout(REDIS, server.url, 1),
        Layout(REDIS_TWO, server.url, 2),
    )
    with tempfile.TemporaryDirectory(prefix="mogate-bench-") as folder, ExitStack() as undo:
        undo.callback(server.kill)
        gateways: dict[Layout, Gateway] = {}
        for number, layout in enumerate(layouts):
            home = Path(folder) / str(number)
            home.mkdir()
            gateway = gateways[layout] = Gateway(home)
            profiles = shutil.copytree(CONFIG / "profiles", home / "profiles")
            (profiles / "large.toml").write_text(LARGE_PROFILE)
            gateway.environment |= {
                "MOGATE_PROFILES": str(profiles),
                "MOGATE_STORE__URL": layout.url,
                "MOGATE_STORE__NAMESPACE": f"{uuid.uuid4().hex}:",
                "MOGATE_STORE__DURABILITY": "second",
                "MOGATE_TRACE__MODE": "failed",
                "MOGATE_LOAD__MAX_LAG_SECONDS": "60",
            }
            gateway.run("init", "--demo")
            gateway.start(*(("--workers", str(layout.workers)) if layout.workers > 1 else ()))
            undo.callback(gateway.stop)
        return uvloop.run(_compare(gateways, subscribers, count, rounds))


def table(figures: dict[str, Any]) -> str:
    """For people: each figure, and what Redis and a second worker make of it."""
    columns = ("req/s", "p50 ms", "p99 ms", "CPU us", "core each", "ratio")
    lines = [f"{'whole gateways':<50}" + "".join(f"{one:>10}" for one in columns)]
    lines[0] += "  (of a core each, Redis : SQLite, two : one)"
    for title, by_layout in figures.items():
        for name, one in by_layout.items():
            ratio = one.get("ratio")
            cells = [*(one[what] for what in _TOLD), f"{ratio['median']:.2f}" if ratio else "-"]
            lines.append(f"{f'{title}: {name}':<50}" + "".join(f"{cell:>10}" for cell in cells))
            if ratio:
                lines[-1] += f"  {ratio['q1']:.2f}..{ratio['q3']:.2f}"
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subscribers", type=int, default=200)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    figures = measure(arguments.subscribers, arguments.count, arguments.rounds)
    print(json.dumps(figures, indent=1))
    print(table(figures))


if __name__ == "__main__":
    main()
