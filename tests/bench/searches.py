"""``python tests/bench/searches.py``: what lists, searches, an import and the console cost, in fleets of several sizes.

Subscribers with a phone each are written to a SQLite store; a gateway serves it, and its admin API is asked over HTTP,
one request after the other, as a person at the console does, and the console is opened in Chromium. The time is what
the client waits.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench import console, many, report
from live_gateway import Gateway

from gateway.fleet.device import Credential, Device, OmaDmState
from gateway.fleet.subscriber import Subscriber
from gateway.store.protocol import PutDevice, PutSubscriber, Write
from gateway.store.sqlite import SqliteStore

SIZES = (many.SMALL, many.LARGE)
ROUNDS = 40
IMPORTED = 20_000
_LINES = 5000
_BATCH = 500
_NOBODY = Subscriber(id="")

ASKED = {
    "list, first page": "/devices?limit=100",
    "list, a page from the middle": "/devices?limit=100&after={middle}",
    "subscribers, a page from the middle": "/subscribers?limit=100&after={middle}",
    "one subscriber by MSISDN": "/subscribers/{msisdn}",
    "search, one tag, 1 in 1000": "/devices?match=" + quote("group=rare"),
    "search, one model, 1 in 50": "/devices?match=" + quote("model=M7"),
    "search, plan and model, from the middle": "/devices?after={middle}&match=" + quote("plan=basic;model=M7"),
    "search, TAC and tag: nobody": "/devices?match=" + quote("tac=35000007;group=none"),
    "search, half the fleet": "/devices?match=" + quote("plan=basic"),
    "search, not seen for 300 days, 1 in 500": "/devices?match=" + quote("seen>300d"),
    "search, seen in 30 days, model": "/devices?match=" + quote("seen<30d;model=M7"),
}
"""What is asked for, each a page of 100 at most."""


async def fill(path: Path, size: int) -> None:
    """So many subscribers with a phone each: 50 models and TACs, two plans, a tag of one in a thousand."""
    store, now = SqliteStore.open(path), datetime.now(UTC)
    for first in range(0, size, _BATCH):
        writes: list[Write] = []
        for n in range(first, min(first + _BATCH, size)):
            phone = many.as_device(_phone(n), n)
            writes += [PutSubscriber(many.as_subscriber(_NOBODY, n)), PutDevice(phone)]
            store.touch(phone.id, now - many.seen_ago(n))
        await store.commit(*writes)
    await store.close()


def ask(gateway: Gateway, size: int) -> dict[str, Any]:
    """The milliseconds of each request."""
    middle = many.id_of(size // 2)
    paths = {
        name: path.format(
            middle=middle if "/subscribers?" in path else f"{middle}.1", msisdn=quote(many.msisdn_of(size // 2))
        )
        for name, path in ASKED.items()
    }
    connection = http.client.HTTPConnection("127.0.0.1", gateway.ports["admin"])
    headers = {"Authorization": f"Bearer {gateway.token}"}
    took: dict[str, list[float]] = {name: [] for name in paths}
    for number in range(ROUNDS + 1):
        for name, path in paths.items():
            started = time.perf_counter()
            connection.request("GET", f"/api/v1{path}", headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200, body
            if number:  # the first round warms up
                took[name].append((time.perf_counter() - started) * 1000)
    connection.close()
    return {name: report.spread(times) for name, times in took.items()}


def take_in(gateway: Gateway, count: int) -> dict[str, float]:
    """Seconds, and subscribers a second, of an import over the admin API."""
    headers = {"Authorization": f"Bearer {gateway.token}", "Content-Type": "application/jsonl"}
    connection = http.client.HTTPConnection("127.0.0.1", gateway.ports["admin"])
    started = time.perf_counter()
    for first in range(0, count, _LINES):
        rows = [
            json.dumps({"id": f"new{n}", "imsis": [f"001013{n:09d}"], "msisdn": f"+1557{n:08d}", "plan": "basic"})
            for n in range(first, min(first + _LINES, count))
        ]
        connection.request("POST", "/api/v1/subscribers/bulk", "\n".join(rows).encode(), headers)
        answer = connection.getresponse()
        body = answer.read()
        assert body.count(b'"created"') == len(rows), body[:500]
    seconds = time.perf_counter() - started
    connection.close()
    return {"subscribers": count, "seconds": round(seconds, 2), "per_second": round(count / seconds)}


def measure(sizes: Sequence[int]) -> list[dict[str, Any]]:
    """The figures for each size of the fleet."""
    found = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="mogate-bench-") as folder:
            gateway = Gateway(Path(folder))
            gateway.run("init", "--demo")
            started = time.perf_counter()
            uvloop.run(fill(Path(folder) / "data" / "mogate.db", size))
            filled = time.perf_counter() - started
            gateway.start()
            try:
                milliseconds = ask(gateway, size) | console.look(gateway, many.msisdn_of(size // 2), "group=rare")
                imported = take_in(gateway, IMPORTED)
            finally:
                gateway.stop()
            octets = sum(file.stat().st_size for file in (Path(folder) / "data").glob("mogate.db*"))
        found.append({"subscribers": size, "filled_seconds": round(filled, 1), "milliseconds": milliseconds,
                      "import": imported, "store_mib": round(octets / 2**20)})  # fmt: skip
    return found


def table(figures: Sequence[dict[str, Any]]) -> str:
    """The figures for people: the median, and the middle half, of each size."""
    lines = [f"{'milliseconds, in a fleet of':<42}" + "".join(f"{one['subscribers']:>26,}" for one in figures)]
    for name in (*ASKED, *console.SEEN):
        cells = [one["milliseconds"][name] for one in figures]
        lines.append(f"{name:<42}" + "".join(f"{c['median']:>12.1f} {_half(c):>13}" for c in cells))
    lines.append(
        f"{'import of 20,000 subscribers, a second':<42}"
        + "".join(f"{one['import']['per_second']:>26,}" for one in figures)
    )
    return "\n".join(lines)


def _phone(n: int) -> Device:
    client = Credential(name=many.id_of(n), secret=bytes(52))
    return Device(id="", omadm=OmaDmState(loc_uri="", client=client))


def _half(spread: dict[str, float]) -> str:
    return f"{spread['q1']:.1f}..{spread['q3']:.1f}"


def main() -> None:
    """Measure, print the table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--million", action="store_true", help="a million devices too; filling takes minutes")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    figures = measure((*SIZES, many.MILLION) if arguments.million else SIZES)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")
    print(table(figures))


if __name__ == "__main__":
    main()
