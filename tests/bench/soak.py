"""``python tests/bench/soak.py``: do memory and latency stay where they are when a fleet comes for many minutes?

A gateway with two workers on Redis serves RCC.14 clients that come at a steady rate (``mogate simulate fleet``), each
with a proof and a document at first and with its token from then on. Told are, for each minute, the memory of the
workers and of Redis, and how long clients waited, counted from when they were to come.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import redis_servers
from bench.process import children_of, resident_bytes
from live_gateway import Gateway

FIRST_MSISDN = 15550300000
_LINES = 5000


def measure(clients: int, rate: float, minutes: float) -> dict[str, Any]:
    """What became of everybody, with the memory after each minute."""
    server = redis_servers.RedisServer("appendonly yes").start()
    with tempfile.TemporaryDirectory(prefix="mogate-soak-") as folder:
        gateway = Gateway(Path(folder))
        gateway.environment |= {"MOGATE_STORE__URL": server.url, "MOGATE_STORE__DURABILITY": "any"}
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
            memory.append(
                {
                    "minute": round((time.monotonic() - begun_at) / 60, 1),
                    "workers_mib": [round(resident_bytes(one) / 2**20, 1) for one in workers],
                    "redis_mib": round(server.used_bytes() / 2**20, 1),
                }
            )
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


def table(figures: dict[str, Any]) -> str:
    """The profile as rows of a table in Markdown."""
    lines = ["| minute | workers, MiB | Redis, MiB | p50 / p99 of check-ins, ms |", "|---|---|---|---|"]
    for number, kinds in enumerate(figures["fleet"]["minutes"], 1):
        at = figures["memory"][min(number, len(figures["memory"]) - 1)]
        took = kinds.get("unchanged") or kinds.get("document", {"p50": 0, "p99": 0})
        workers = " and ".join(map(str, at["workers_mib"]))
        lines.append(f"| {number} | {workers} | {at['redis_mib']} | {took['p50']} / {took['p99']} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print a table, then all of it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=50, help="clients a second")
    parser.add_argument("--minutes", type=float, default=30)
    arguments = parser.parse_args()
    figures = measure(arguments.clients, arguments.rate, arguments.minutes)
    print(table(figures))
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
