"""``python tests/bench/memory.py``: octets of Redis memory per device of each kind, in a minute.

A few stand for many: hashes of identities are made as much fewer as there are fewer devices than ``--scale``, so each
is as full as it would be then. What so many do take, ``scale.py`` measures.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import redis_servers
from bench import many, redis_fleet

from gateway.store.protocol import PutSubscriber, Write
from gateway.store.redis import layout
from gateway.store.redis.location import Location
from gateway.store.redis.store import RedisStore

BATCH = 50
KINDS = ("subscriber alone", "RCC.14 client", "OMA DM phone", "OMA DM phone with its reported tree")


async def measure(server: redis_servers.RedisServer, like: redis_fleet.Pattern, count: int) -> dict[str, float]:
    """Octets per household of each kind."""
    found = {}
    for kind in KINDS:
        store = await RedisStore.open(Location.parse(server.url).connect(), namespace=f"{kind[:6]}{len(kind)}:")
        before = server.used_bytes()
        for first in range(0, count, BATCH):
            writes: list[Write] = []
            for n in range(first, first + BATCH):
                if kind == "subscriber alone":
                    writes.append(PutSubscriber(many.as_subscriber(like.subscriber, n)))
                else:
                    writes += redis_fleet.household_writes(like, "clients" if "client" in kind else "phones", n)
                if kind.endswith("tree"):
                    writes += redis_fleet.household_writes(like, "trees", n)
            await store.commit(*writes)
        await asyncio.sleep(0)
        found[kind] = (server.used_bytes() - before) / count
        await store.close()
    return found


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--scale", type=int, default=1_000_000)
    arguments = parser.parse_args()
    layout.BUCKETS = max(1, layout.BUCKETS * arguments.count // arguments.scale)
    server = redis_servers.RedisServer("appendonly no", 'save ""').start()
    found = asyncio.run(measure(server, redis_fleet.pattern(), arguments.count))
    print(json.dumps({kind: round(octets) for kind, octets in found.items()}, indent=1))


if __name__ == "__main__":
    main()
