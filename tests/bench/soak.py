"""``python tests/bench/soak.py``: do memory and latency stay where they are when a fleet comes for many minutes?

A gateway with two workers on Redis serves RCC.14 clients that come at a steady rate (``mogate simulate fleet``), each
with a proof and a document at first and with its token from then on. Told are, for each minute, the memory of the
workers and of Redis, and how long clients waited, counted from when they were to come; at last whether all of that
stays where it is once everybody has been there twice. Latencies on a machine with other work say little.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import redis_servers
from bench import report
from bench.process import children_of, resident_bytes
from live_gateway import Gateway

FIRST_MSISDN = 15550300000
GROWN, SLOWER = 1.05, 1.5
"""So much of what it was at first is flat: memory, latency."""
_LINES = 5000


def measure(clients: int, rate: float, minutes: float) -> dict[str, Any]:
    """What became of everybody, with the memory after each minute."""
    server = redis_servers.RedisServer("appendonly yes").start()
    with tempfile.TemporaryDirectory(prefix="mogate-soak-") as folder:
        gateway = Gateway(Path(folder))
        gateway.environment |= {"MOGATE_STORE__URL": server.url, "MOGATE_STORE__DURABILITY": "any"}
        # As an operator has it; the demo's traces of everything would grow for longer than this takes.
        gateway.environment["MOGATE_TRACE__MODE"] = "failed"
        gateway.run("init", "--demo")
        gateway.start("--workers", "2")
        try:
            _enrol(gateway, clients)
            return _soak(gateway, server, clients, rate, minutes)
        finally:
            gateway.stop()
            server.kill()


def _enrol(gateway: Gateway, clients: int) -> None:
    for first in range(0, clients, _LINES):
        rows = [
            {"id": f"soak{n}", "imsis": [f"001013{n:09}"], "msisdn": f"+{FIRST_MSISDN + n}", "plan": "basic"}
            for n in range(first, min(first + _LINES, clients))
        ]
        file = gateway.folder / "rows.jsonl"
        file.write_text("\n".join(map(json.dumps, rows)))
        gateway.run("import", "subscribers", str(file))


def _soak(
    gateway: Gateway, server: redis_servers.RedisServer, clients: int, rate: float, minutes: float
) -> dict[str, Any]:
    assert gateway.process is not None
    workers = children_of(gateway.process.pid)
    memory: list[dict[str, Any]] = []
    done = threading.Event()

    def look() -> None:
        begun_at = time.monotonic()
        while True:
            seen = {
                "minute": round((time.monotonic() - begun_at) / 60, 1),
                "workers_mib": [round(resident_bytes(one) / 2**20, 1) for one in workers],
                "redis_mib": round(server.used_bytes() / 2**20, 1),
                "load": round(os.getloadavg()[0], 1),
            }
            memory.append(seen)
            print(json.dumps(seen), file=sys.stderr, flush=True)
            if done.wait(60):
                return

    watch = threading.Thread(target=look)
    watch.start()
    try:
        # No deadline as `Gateway.run` has one.
        told = subprocess.run(
            [
                *(sys.executable, "-m", "gateway", "simulate", "fleet", "rcc14", "--json"),
                *("--msisdn", f"+{FIRST_MSISDN}", "--count", str(clients), "--rate", str(rate)),
                *("--seconds", str(minutes * 60), "--processes", "2"),
            ],
            env=gateway.environment,
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
    finally:
        done.set()
        watch.join()
    return {"clients": clients, "rate": rate, "fleet": json.loads(told), "memory": memory}


def by_minute(figures: dict[str, Any]) -> list[dict[str, Any]]:
    """Memory and latency of each whole minute; the latency is of check-ins, once there are any."""
    found = []
    for number, (kinds, at) in enumerate(zip(figures["fleet"]["minutes"], figures["memory"][1:], strict=False), 1):
        kind = "unchanged" if "unchanged" in kinds else "document"
        took = kinds.get(kind, {"p50": 0.0, "p99": 0.0})
        found.append({**at, "minute": number, "kind": kind, "p50": took["p50"], "p99": took["p99"]})
    return found


def verdict(figures: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Of each figure the first and the last third of what came after everybody had been there twice, and if it is flat.

    Nothing when that is too short to tell.
    """
    settled = math.ceil(2 * figures["clients"] / figures["rate"] / 60)
    minutes = by_minute(figures)[settled:]
    third = len(minutes) // 3
    if not third:
        return {}
    series = {
        "workers_mib": ([sum(one["workers_mib"]) for one in minutes], GROWN),
        "redis_mib": ([one["redis_mib"] for one in minutes], GROWN),
        "p50": ([one["p50"] for one in minutes], SLOWER),
        "p99": ([one["p99"] for one in minutes], SLOWER),
    }
    found = {}
    for name, (values, most) in series.items():
        first, last = statistics.median(values[:third]), statistics.median(values[-third:])
        found[name] = {"first": first, "last": last, "flat": last <= most * first}
    return found


def table(figures: dict[str, Any]) -> str:
    """The profile as rows of a table in Markdown, and the verdict."""
    lines = ["| minute | workers, MiB | Redis, MiB | p50 / p99, ms | of | load |", "|---|---|---|---|---|---|"]
    for one in by_minute(figures):
        workers = " and ".join(map(str, one["workers_mib"]))
        took = f"{one['p50']} / {one['p99']} | {one['kind']}"
        lines.append(f"| {one['minute']} | {workers} | {one['redis_mib']} | {took} | {one['load']} |")
    fleet = figures["fleet"]
    lines += ["", f"{fleet['done']} served, by status {fleet['statuses']}, {fleet['not_begun']} not begun"]
    told = verdict(figures)
    for name, one in told.items():
        lines.append(f"{name}: {one['first']:.1f} to {one['last']:.1f}, {'flat' if one['flat'] else 'NOT FLAT'}")
    return "\n".join(lines if told else [*lines, "too short to tell whether it is flat"])


def main() -> None:
    """Measure and print a table, then all of it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=50, help="clients a second")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    figures = measure(arguments.clients, arguments.rate, arguments.minutes)
    figures["verdict"] = verdict(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps(report.machine() | figures, indent=1) + "\n")
    print(table(figures))


if __name__ == "__main__":
    main()
