"""``python tests/bench/failover.py``: for how long is a fail-over felt?

A primary is killed under a gateway with two workers, by Sentinel and in a Cluster, while devices call every 20 ms. Each
time all is new, because elections are a matter of chance: if several stand at once none may win, and they wait.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

sys.path.insert(0, str(Path(__file__).parents[1]))

import redis_servers
from fault_scene import QUERY
from live_gateway import Gateway

TIMES = 5
_SENTINEL_ELECTED = re.compile(r"(\d+ \w+ \d{4} [\d:.]+) # \+switch-master")
_NODE_ELECTED = re.compile(r"(\d+ \w+ \d{4} [\d:.]+) \S Failover election won")


class FailOver(NamedTuple):
    """Seconds from the kill until another was the primary, and until all were served; what devices got meanwhile."""

    elected: float
    served: float
    statuses: list[int]


async def fail_over(
    url: str,
    primary: redis_servers.RedisServer,
    replicas: int,
    electors: Iterable[redis_servers.RedisServer],
    elected: re.Pattern[str],
) -> FailOver:
    """Kill the primary, and find in the electors' logs when they had chosen another."""
    with tempfile.TemporaryDirectory(prefix="mogate-bench-") as folder:
        gateway = Gateway(Path(folder))
        gateway.environment |= {
            "MOGATE_STORE__URL": url, "MOGATE_STORE__DURABILITY": "second", "MOGATE_STORE__REPLICAS": str(replicas),
        }  # fmt: skip
        await asyncio.to_thread(gateway.run, "init", "--demo")
        await asyncio.to_thread(gateway.start, "--workers", "2")
        seen: list[tuple[float, int]] = []

        async def call() -> None:
            async with aiohttp.ClientSession(headers={"X-MSISDN": "+15550100001"}) as http:
                while True:
                    try:
                        async with http.get(gateway.url("plain", "/"), params=QUERY) as answer:
                            seen.append((time.perf_counter(), answer.status))
                    except aiohttp.ClientError:
                        seen.append((time.perf_counter(), 0))
                    await asyncio.sleep(0.02)

        calls = [asyncio.create_task(call()) for _ in range(4)]
        await asyncio.sleep(2)
        killed_at, killed = time.perf_counter(), time.time()
        await asyncio.to_thread(primary.kill)
        while not (refused := [at for at, status in seen if at > killed_at and status != 200]) or not [
            at for at, status in seen if status == 200 and at > refused[-1] + 2
        ]:
            assert time.perf_counter() < killed_at + 60, "no fail-over"
            await asyncio.sleep(0.1)
        for one in calls:
            one.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await asyncio.to_thread(gateway.stop)
        served = next(at for at, status in seen if status == 200 and at > refused[-1])
        logs = "".join((one.folder / "server.log").read_text() for one in electors)
        chosen = [datetime.strptime(at, "%d %b %Y %H:%M:%S.%f").timestamp() for at in elected.findall(logs)]  # noqa: DTZ007
        return FailOver(
            elected=round(min(at for at in chosen if at > killed) - killed, 1),
            served=round(served - killed_at, 1),
            statuses=sorted({status for at, status in seen if at > killed_at}),
        )


async def by_sentinel() -> FailOver:
    """Sentinel takes a server for down after 0.7 s without an answer."""
    watched = redis_servers.start_watched()
    try:
        return await fail_over(watched.url, watched.primary(), 1, watched.sentinels, _SENTINEL_ELECTED)
    finally:
        for one in (*watched.servers, *watched.sentinels):
            one.kill()


async def in_cluster() -> FailOver:
    """A Cluster does after 1.5 s."""
    cluster = redis_servers.start_cluster()
    try:
        return await fail_over(cluster.url, cluster.primaries()[0], 0, cluster.nodes, _NODE_ELECTED)
    finally:
        for one in cluster.nodes:
            one.kill()


def measure(times: int = TIMES) -> dict[str, list[dict[str, Any]]]:
    """All figures, of so many fail-overs of each kind."""
    kinds = {"Sentinel": by_sentinel, "Cluster": in_cluster}
    return {name: [asyncio.run(one())._asdict() for _ in range(times)] for name, one in kinds.items()}


def table(figures: dict[str, list[dict[str, Any]]]) -> str:
    """The figures in a line for each kind."""
    lines = []
    for name, found in figures.items():
        served, elected = ([one[what] for one in found] for what in ("served", "elected"))
        statuses = sorted({status for one in found for status in one["statuses"]})
        lines.append(
            f"{name}: all devices are served again after {statistics.median(served):.1f} s, {max(served)} at worst of "
            f"{len(found)}; another was elected after {statistics.median(elected):.1f}, {max(elected)} at worst "
            f"(answers {statuses})"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=TIMES)
    figures = measure(parser.parse_args().times)
    print(json.dumps(figures))
    print(table(figures))


if __name__ == "__main__":
    main()
