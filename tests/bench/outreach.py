"""``python tests/bench/outreach.py``: how quickly pushes are handed over, and what a campaign costs those who call.

Pushes go over SQLite to an SMSC in a process of its own, first by the bare client, then as orders that are kept.
A campaign changes a value of so many phones and RCC.14 clients, see ``bench/campaign.py``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import smpp34
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

import smsc
from bench import campaign
from live_gateway import Gateway, free_ports

from adapters.sms.bearer.smpp import SmppBearer
from gateway.fleet.push import PreparedPush
from gateway.fleet.subscriber import Subscriber
from gateway.outreach.background import Background
from gateway.outreach.deliveries import Reach
from gateway.sealing import Sealer
from gateway.settings import SmppLink, Sms
from gateway.store.protocol import PutSubscriber
from gateway.store.sqlite import SqliteStore

DEVICES = 100_000
PER_SECOND = 50.0
PUSHES = 2000
QUICK_DEVICES = 200
QUICK_PUSHES = 300
WINDOW = 64
ROUNDS = 3
MESSAGE = bytes.fromhex("0605040B8423F0") + bytes(120)
"""A user data header for the port of OMA DM notifications, and as much as one message may well have."""


def measure(devices: int, pushes: int, per_second: float = PER_SECOND) -> dict[str, Any]:
    """The figures of both."""
    with smsc.serving(port := free_ports(1)[0]), tempfile.TemporaryDirectory(prefix="mogate-bench-") as folder:
        pushed = uvloop.run(push(Path(folder), port, pushes))
    with tempfile.TemporaryDirectory(prefix="mogate-bench-") as folder:
        changed = uvloop.run(campaign.run(Gateway(Path(folder)), devices, per_second))
    return {"pushes": pushed, "campaign": changed}


async def push(folder: Path, port: int, count: int) -> dict[str, Any]:
    """Pushes of one message a second, by the bare client and by the gateway's own way, in turns."""
    link = SmppLink.model_validate(
        {"name": "bench", "address": f"127.0.0.1:{port}", "system_id": "bench", "password": "pw", "window": WINDOW}
    )
    client = smpp34.Client("127.0.0.1", port, "bare", "pw", window_size=WINDOW)
    bound = await client.connect()
    store, sealer = SqliteStore.open(folder / "store.sqlite"), Sealer(bytes(32))
    bearer = SmppBearer([link], sender="")
    background = Background(store, clock)
    reach = Reach(store, bearer, sealer, Sms(receipts=False), background, clock)
    people = [Subscriber(id=f"s{n}", msisdn=f"+1555{n:07}") for n in range(count)]
    await asyncio.gather(*(store.commit(PutSubscriber(one)) for one in people))
    bearer.start()
    await reach.order("s0", PreparedPush("warm up", {}, "", b"", b"", (MESSAGE,)), "cp")
    await reach.settled()
    bare, ours = [], []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        turns = asyncio.Semaphore(WINDOW)

        async def submit(subscriber: Subscriber, turns: asyncio.Semaphore = turns) -> None:
            async with turns:
                await bound.submit_sm(subscriber.msisdn[1:], MESSAGE, esm_class=0x40, data_coding=4)

        await asyncio.gather(*map(submit, people))
        bare.append(count / (time.perf_counter() - started))
        started = time.perf_counter()
        prepared = PreparedPush("OMA DM notification", {}, "", b"", b"", (MESSAGE,))
        await asyncio.gather(*(reach.order(one.id, prepared, "dm_notify") for one in people))
        await reach.settled()
        ours.append(count / (time.perf_counter() - started))
    assert await store.count_waiting("push") == 0
    await reach.close()
    await bearer.close()
    await bound.unbind()
    await store.close()
    return {
        "count": count,
        "bare_per_second": round(statistics.median(bare)),
        "kept_per_second": round(statistics.median(ours)),
        "ratio": round(statistics.median(mine / theirs for mine, theirs in zip(ours, bare, strict=True)), 3),
    }


def clock() -> datetime:
    """The time."""
    return datetime.now(UTC)


def table(figures: dict[str, Any]) -> str:
    """The figures for people."""
    pushes = figures["pushes"]
    rows = [
        ("pushes a second, the bare SMPP client", f"{pushes['bare_per_second']:,}"),
        ("pushes a second, kept, sent and noted", f"{pushes['kept_per_second']:,}"),
        ("ratio", f"{pushes['ratio']:.3f}"),
        *campaign.rows(figures["campaign"]),
    ]
    return "\n".join(f"{name:<54}{value:>26}" for name, value in rows)


def main() -> None:
    """Measure, print the table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=DEVICES, help="devices of the campaign; filling takes minutes")
    parser.add_argument("--per-second", type=float, default=PER_SECOND, help="with so many devices it begins a second")
    parser.add_argument("--pushes", type=int, default=PUSHES)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_DEVICES} devices, {QUICK_PUSHES} pushes")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    sizes = (QUICK_DEVICES, QUICK_PUSHES) if arguments.quick else (arguments.devices, arguments.pushes)
    figures = measure(*sizes, arguments.per_second)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")
    print(table(figures))


if __name__ == "__main__":
    main()
