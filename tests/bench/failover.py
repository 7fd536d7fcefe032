"""``python tests/bench/failover.py``: for how long is a fail-over felt?

A primary is killed under a gateway with two workers, by Sentinel and in a Cluster, while devices call every 20 ms.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

sys.path.insert(0, str(Path(__file__).parents[1]))

import redis_servers
from fault_scene import QUERY
from live_gateway import Gateway


async def fail_over(url: str, kill: Callable[[], object], replicas: int) -> dict[str, Any]:
    """For how long devices were not served after the kill, and what they got meanwhile."""
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
        killed_at = time.perf_counter()
        await asyncio.to_thread(kill)
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
        statuses = sorted({status for at, status in seen if at > killed_at})
        return {"seconds": round(served - killed_at, 1), "statuses": statuses}


async def fail_overs() -> dict[str, Any]:
    """The same by Sentinel (down after 0.7 s without an answer) and in a Cluster (1.5 s)."""
    watched, cluster = redis_servers.start_watched(), redis_servers.start_cluster()
    try:
        return {
            "sentinel": await fail_over(watched.url, lambda: watched.primary().kill(), replicas=1),
            "cluster": await fail_over(cluster.url, lambda: cluster.primaries()[0].kill(), replicas=0),
        }
    finally:
        for one in (*watched.servers, *watched.sentinels, *cluster.nodes):
            one.kill()


def measure() -> dict[str, Any]:
    """All figures."""
    return asyncio.run(fail_overs())


def table(figures: dict[str, Any]) -> str:
    """The figures in a line."""
    told = (f"{name} {one['seconds']} s (answers {one['statuses']})" for name, one in figures.items())
    return f"fail-over, until all devices are served again: {', '.join(told)}"


def main() -> None:
    """Measure and print."""
    figures = measure()
    print(table(figures))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
