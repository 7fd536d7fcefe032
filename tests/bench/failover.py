"""``python tests/bench/failover.py``: for how long is a fail-over felt?

A primary is killed under a gateway with two workers, by Sentinel and in a Cluster, while devices call every 20 ms. Each
time all is new, because elections are a matter of chance: if several stand at once none may win, and they wait, and a
new primary that is late to answer is replaced too. What the servers logged is kept of fail-overs that take long.
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
from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

sys.path.insert(0, str(Path(__file__).parents[1]))

import redis_servers
from fault_scene import QUERY
from live_gateway import Gateway

TIMES = 5
_LONG_SECONDS = 5
_LINE = re.compile(r"^\d+:\w (\d+ \w+ \d{4} [\d:.]+) (.*)$", re.MULTILINE)
_ELECTED = re.compile(r"# (\+promoted-slave|Failover election won)")
"""One of the electors says this once of each new primary."""


class FailOver(NamedTuple):
    """Seconds from the kill until each election was over, and until all were served; what devices got meanwhile."""

    elected: list[float]
    served: float
    statuses: list[int]
    log: list[str]
    """What the servers said until all were served, if that took long."""


async def fail_over(
    url: str,
    primary: redis_servers.RedisServer,
    replicas: int,
    servers: Sequence[redis_servers.RedisServer],
) -> FailOver:
    """Kill the primary, and find in the servers' logs when they had chosen another."""
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
        served = next(at for at, status in seen if status == 200 and at > refused[-1]) - killed_at
        said = [one for one in _said(servers) if 0 < one[0] - killed <= served]
        return FailOver(
            elected=[round(at - killed, 1) for at, _, text in said if _ELECTED.match(text)],
            served=round(served, 1),
            statuses=sorted({status for at, status in seen if at > killed_at}),
            log=[f"{at - killed:.3f} {who} {text}" for at, who, text in said] if served > _LONG_SECONDS else [],
        )


def _said(servers: Sequence[redis_servers.RedisServer]) -> list[tuple[float, int, str]]:
    """What they logged: when, who by its port, and what."""
    said = [
        (datetime.strptime(at, "%d %b %Y %H:%M:%S.%f").timestamp(), one.port, text)  # noqa: DTZ007
        for one in servers
        for at, text in _LINE.findall((one.folder / "server.log").read_text())
    ]
    return sorted(said, key=itemgetter(0))


async def by_sentinel() -> FailOver:
    """Sentinel takes a server for down after 1.5 s without an answer."""
    watched = redis_servers.start_watched()
    servers = (*watched.servers, *watched.sentinels)
    try:
        return await fail_over(watched.url, watched.primary(), 1, servers)
    finally:
        for one in servers:
            one.kill()


async def in_cluster() -> FailOver:
    """A Cluster does too."""
    cluster = redis_servers.start_cluster()
    try:
        return await fail_over(cluster.url, cluster.primaries()[0], 0, cluster.nodes)
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
        served = [one["served"] for one in found]
        elected = [one["elected"][0] for one in found]
        statuses = sorted({status for one in found for status in one["statuses"]})
        again = sum(len(one["elected"]) > 1 for one in found)
        lines.append(
            f"{name}: all devices are served again after {statistics.median(served):.1f} s, {max(served)} at worst of "
            f"{len(found)}; another was elected after {statistics.median(elected):.1f}, {max(elected)} at worst, and "
            f"replaced by one more in {again} of them (answers {statuses})"
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
