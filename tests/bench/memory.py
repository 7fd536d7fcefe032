"""``python tests/bench/memory.py``: octets of Redis memory per device, of devices as a real session leaves them.

The demo's two devices are provisioned through a gateway, then copied many times under other identities. The hashes of
identities are made as much fewer as there are fewer devices than ``--scale``, so each is as full as it would be then.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from pathlib import Path

from msgspec.structs import replace

sys.path.insert(0, str(Path(__file__).parents[1]))

import redis_servers
from live_gateway import Gateway

from gateway.fleet.device import Device
from gateway.fleet.subscriber import Subscriber
from gateway.store.protocol import PutDevice, PutMirror, PutSubscriber, Write
from gateway.store.redis import layout
from gateway.store.redis.location import Location
from gateway.store.redis.store import RedisStore

BATCH = 50
KINDS = ("subscriber alone", "RCC.14 client", "OMA DM phone", "OMA DM phone with its reported tree")


async def measure(server: redis_servers.RedisServer, count: int) -> dict[str, float]:
    """Octets per household of each kind."""
    origin = await RedisStore.open(Location.parse(server.url).connect())
    household = await origin.load_household("id", "alice")
    assert household is not None
    phone = next(device for device in household.devices if device.omadm is not None)
    client = next(device for device in household.devices if device.rcc14 is not None)
    mirror = await origin.load_mirror(phone.id)
    found = {}
    for kind in KINDS:
        store = await RedisStore.open(Location.parse(server.url).connect(), namespace=f"{kind[:6]}{len(kind)}:")
        before = server.used_bytes()
        for first in range(0, count, BATCH):
            writes: list[Write] = []
            for n in range(first, first + BATCH):
                imei = f"{350000000000000 + n}"
                writes.append(PutSubscriber(_copy(household.subscriber, n)))
                if kind == "RCC.14 client":
                    writes.append(PutDevice(replace(client, id=f"{_name(n)}.1", imei=imei, revision=0)))
                elif kind != "subscriber alone":
                    writes.append(PutDevice(_phone(phone, n, imei)))
                if kind.endswith("tree"):
                    writes.append(PutMirror(replace(mirror, device_id=f"{_name(n)}.1", revision=0)))
            await store.commit(*writes)
        await asyncio.sleep(0)
        found[kind] = (server.used_bytes() - before) / count
        await store.close()
    await origin.close()
    return found


def _name(n: int) -> str:
    return f"s{n:07}"


def _copy(subscriber: Subscriber, n: int) -> Subscriber:
    return replace(subscriber, id=_name(n), imsis=(f"{1010000000000 + n:015}",), msisdn=f"+1555{n:08}", revision=0)


def _phone(phone: Device, n: int, imei: str) -> Device:
    assert phone.omadm is not None
    account = replace(phone.omadm, loc_uri=f"IMEI:{imei}")
    return replace(phone, id=f"{_name(n)}.1", imei=imei, omadm=account, revision=0)


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--scale", type=int, default=1_000_000)
    arguments = parser.parse_args()
    layout.BUCKETS = max(1, layout.BUCKETS * arguments.count // arguments.scale)
    server = redis_servers.RedisServer("appendonly no", 'save ""').start()
    with tempfile.TemporaryDirectory(prefix="mogate-bench-") as folder:
        gateway = Gateway(Path(folder))
        gateway.environment |= {"MOGATE_STORE__URL": server.url, "MOGATE_STORE__DURABILITY": "any"}
        gateway.run("init", "--demo")
        gateway.start()
        gateway.run("simulate", "omadm")
        gateway.run("simulate", "omadm")
        gateway.run("simulate", "rcc14")
        gateway.stop(signal.SIGTERM)
    found = asyncio.run(measure(server, arguments.count))
    print(json.dumps({kind: round(octets) for kind, octets in found.items()}, indent=1))


if __name__ == "__main__":
    main()
