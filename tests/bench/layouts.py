"""Whole gateways side by side: SQLite, Redis, and two workers on Redis, each with a fleet of its own.

What a gateway could do with a core for each worker is told from the CPU of its busiest worker: the load generator and
Redis need the same cores here, so a stop watch would measure those. The stop watch's figures stand beside.
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
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

import redis_servers
from bench.client import Lane
from bench.fleet import LARGE_PROFILE, Fleet
from bench.process import children_of, cpu_seconds
from bench.scenarios import SCENARIOS, Scenario, take_turns
from live_gateway import CONFIG, Gateway

CONNECTIONS = 32
MEASURED = ("rcc14_unchanged", "rcc14_full", "omadm_xml")


class Layout(NamedTuple):
    """How a gateway is set up."""

    name: str
    url: str
    workers: int


class Pass(NamedTuple):
    """What a round of a scenario took on one gateway."""

    requests: int
    seconds: float
    cpu_seconds: float
    busiest_seconds: float
    latencies: list[float]


class Served:
    """A running gateway with its fleet, and connections to it."""

    def __init__(self, gateway: Gateway, workers: list[int], fleet: Fleet, lanes: dict[bool, Lane]) -> None:
        self._gateway = gateway
        self._workers = workers
        self._fleet = fleet
        self._lanes = lanes
        self._turn = 0

    @classmethod
    async def prepare(cls, gateway: Gateway, workers: int, subscribers: int) -> Served:
        """Every device of the fleet has all it is given."""
        assert gateway.process is not None
        tls = ssl.create_default_context(cafile=str(gateway.folder / "data" / "tls" / "ca.pem"))
        tls.check_hostname = False
        lanes = {
            False: await Lane.open(gateway.ports["plain"], CONNECTIONS),
            True: await Lane.open(gateway.ports["tls"], CONNECTIONS, tls),
        }
        fleet = Fleet(subscribers, 1, await Lane.open(gateway.ports["admin"], 8), gateway.token)
        await fleet.create()
        await fleet.provision(lanes[False], lanes[True])
        pid = gateway.process.pid
        return cls(gateway, children_of(pid) if workers > 1 else [pid], fleet, lanes)

    async def measure(self, scenario: Scenario, count: int) -> Pass:
        """So many conversations, with as many at once as there are connections."""
        devices = take_turns(scenario.devices(self._fleet), self._turn * count, count)
        self._turn += 1
        lane = self._lanes[scenario.tls]
        before = [cpu_seconds(pid) for pid in self._workers]
        started = time.perf_counter()
        requests = await lane.run(map(scenario.conversation, devices))
        seconds = time.perf_counter() - started
        spent = [cpu_seconds(pid) - one for pid, one in zip(self._workers, before, strict=True)]
        return Pass(requests, seconds, sum(spent), max(spent), lane.take_latencies())


async def _compare(gateways: dict[Layout, Gateway], subscribers: int, count: int, rounds: int) -> dict[str, Any]:
    served = {
        layout: await Served.prepare(gateway, layout.workers, subscribers) for layout, gateway in gateways.items()
    }
    chosen = [scenario for scenario in SCENARIOS if scenario.name in MEASURED]
    passes: dict[tuple[str, str], list[Pass]] = {}
    for number in range(rounds + 1):
        for scenario in chosen:
            for layout, one in served.items():
                found = await one.measure(scenario, count)
                if number:  # the first warms up
                    passes.setdefault((scenario.title, layout.name), []).append(found)
    return {
        scenario.title: {layout.name: _figures(passes[scenario.title, layout.name]) for layout in served}
        for scenario in chosen
    }


def _figures(passes: list[Pass]) -> dict[str, float]:
    latencies = sorted(second for one in passes for second in one.latencies)
    return {
        "requests_per_second": round(statistics.median(one.requests / one.seconds for one in passes)),
        "p50_ms": round(1000 * latencies[len(latencies) // 2], 1),
        "p99_ms": round(1000 * latencies[len(latencies) * 99 // 100], 1),
        "cpu_us": round(statistics.median(1e6 * one.cpu_seconds / one.requests for one in passes)),
        "with_a_core_each": round(statistics.median(one.requests / one.busiest_seconds for one in passes)),
    }


def measure(subscribers: int, count: int, rounds: int) -> dict[str, Any]:
    """All figures by scenario and layout."""
    server = redis_servers.RedisServer("appendonly yes", "appendfsync everysec", 'save ""').start()
    layouts = (
        Layout("SQLite", "sqlite", 1),
        Layout("Redis", server.url, 1),
        Layout("Redis, 2 workers", server.url, 2),
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
    lines = [f"{'whole gateways':<34}{'req/s':>8}{'p50 ms':>8}{'p99 ms':>8}{'CPU us':>8}{'core each':>11}{'ratio':>8}"]
    lines[0] += "  (of a core each, to the line above: Redis : SQLite, two workers : one)"
    for title, by_layout in figures.items():
        before = 0
        for name, one in by_layout.items():
            ratio = f"{one['with_a_core_each'] / before:.2f}" if before else "-"
            before = one["with_a_core_each"]
            lines.append(
                f"{f'{title}: {name}'[:34]:<34}{one['requests_per_second']:>8}{one['p50_ms']:>8}{one['p99_ms']:>8}"
                f"{one['cpu_us']:>8}{before:>11}{ratio:>8}"
            )
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
