"""``make bench``: the gateway against a bare HTTP server in one run. Nothing here passes or fails."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import ssl
import sys
import tempfile
import time
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench import codecs, detections, failover, layouts, many, outreach, report, scale, searches, stages, stores
from bench.client import Lane
from bench.fleet import LARGE_PROFILE, Fleet
from bench.process import cpu_seconds, on_server_core, resident_bytes
from bench.proofs import Inbox, SmsCode
from bench.scenarios import SCENARIOS, Bench, Round
from live_gateway import CONFIG, Gateway

STARTS = 3
CONNECTIONS = 32
CODEC_ROUNDS = 100
STAGE_ROUNDS = 10
LAYOUT_REQUESTS = 600
LAYOUT_SUBSCRIBERS = 200
"""So that each scenario has twice the devices that there are connections: none is asked twice at once."""
STORE_MESSAGES = 2000
STORE_ROUNDS = 3
DETECTED_SUBSCRIBERS = 1000


class Size(NamedTuple):
    """How much is measured."""

    subscribers: int
    signing: int
    large: int
    rounds: int
    requests: int


# A round begins with what the scenario before it left in the processor's caches, so it has to be long beside that.
FULL = Size(subscribers=1000, signing=300, large=100, rounds=6, requests=2000)
QUICK = Size(subscribers=300, signing=100, large=30, rounds=2, requests=1000)


def main() -> None:
    """Measure, print the table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="some three minutes in place of twelve; coarse")
    parser.add_argument(
        "--million", action="store_true", help="searches and messages among a million devices too; takes minutes"
    )
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"), metavar="FILE")
    arguments = parser.parse_args()
    size = QUICK if arguments.quick else FULL
    cores = os.sched_getaffinity(0)
    with tempfile.TemporaryDirectory(prefix="mogate-bench-") as folder:
        gateway = Gateway(Path(folder))
        profiles = shutil.copytree(CONFIG / "profiles", Path(folder) / "profiles")
        (profiles / "large.toml").write_text(LARGE_PROFILE)
        gateway.environment["MOGATE_PROFILES"] = str(profiles)
        # All clients have one address, and each asks for more codes than people do.
        gateway.environment |= {f"MOGATE_OTP__PER_{subject}": "0" for subject in ("ADDRESS", "IMSI")}
        gateway.environment["MOGATE_OTP__PER_MSISDN"] = "100"
        gateway.environment["MOGATE_TRACE__MODE"] = "failed"
        # A machine with other work to do makes the gateway late, and it would turn requests away.
        gateway.environment["MOGATE_LOAD__MAX_LAG_SECONDS"] = "60"
        gateway.run("init", "--demo")
        starts = [_start_seconds(gateway) for _ in range(STARTS)]
        try:
            figures = uvloop.run(_measure(gateway, size, starts))
        finally:
            gateway.stop()
    # What follows has all cores: one of them alone would have Redis, and a second process, wait for this one.
    os.sched_setaffinity(0, cores)
    figures["detections"] = detections.measure(DETECTED_SUBSCRIBERS)
    figures["outreach"] = outreach.measure(outreach.QUICK_DEVICES, outreach.QUICK_PUSHES)
    # After what logs in this process: it turns the log off for good.
    figures["stages"] = {name: report.spreads(one) for name, one in stages.measure(STAGE_ROUNDS).items()}
    figures["stores"] = stores.measure(STORE_MESSAGES, STORE_ROUNDS)
    figures["layouts"] = layouts.measure(LAYOUT_SUBSCRIBERS, LAYOUT_REQUESTS, size.rounds)
    sizes = searches.SIZES[:1] if arguments.quick else searches.SIZES
    figures["searches"] = searches.measure((*sizes, many.MILLION) if arguments.million else sizes)
    fleets = scale.SIZES[:1] if arguments.quick else scale.SIZES
    figures["scale"] = scale.measure((*fleets, many.MILLION) if arguments.million else fleets)
    figures["fail_over"] = failover.measure(1 if arguments.quick else failover.TIMES)
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(figures, indent=1) + "\n")
    print(report.table(figures))
    print()
    print(layouts.table(figures["layouts"]))
    print()
    print(searches.table(figures["searches"]))
    print()
    print(outreach.table(figures["outreach"]))
    print()
    print(scale.table(figures["scale"]))
    print()
    print(failover.table(figures["fail_over"]))


def _start_seconds(gateway: Gateway) -> float:
    """Start the gateway (anew): seconds from the new process to its first 200 on /readyz."""
    if gateway.process is not None:
        gateway.stop()
    started = time.perf_counter()
    with on_server_core():
        gateway.start()
    with urllib.request.urlopen(gateway.url("admin", "/readyz")) as answer:
        answer.read()
    return time.perf_counter() - started


async def _measure(gateway: Gateway, size: Size, starts: list[float]) -> dict[str, Any]:
    assert gateway.process is not None
    pid = gateway.process.pid
    start_bytes = resident_bytes(pid)
    data = gateway.folder / "data"
    tls = ssl.create_default_context(cafile=str(data / "tls" / "ca.pem"))
    tls.check_hostname = False
    lanes = {
        False: await Lane.open(gateway.ports["plain"], CONNECTIONS),
        True: await Lane.open(gateway.ports["tls"], CONNECTIONS, tls),
    }
    admin = await Lane.open(gateway.ports["admin"], CONNECTIONS)
    fleet = Fleet(size.subscribers, size.large, admin, gateway.token, size.signing)

    empty_octets = _octets_on_disk(data)
    await fleet.create()
    await fleet.give_keys(fleet.proving)
    SmsCode.inbox = Inbox(data / "sms.jsonl")
    before = cpu_seconds(pid)
    await fleet.provision(lanes[False], lanes[True])
    provisioning_seconds = cpu_seconds(pid) - before
    devices = 2 * size.subscribers + size.large
    device_octets = (_octets_on_disk(data) - empty_octets) // devices

    bench = Bench(fleet, lanes, pid)
    await bench.prepare(data / "tls", tls, CONNECTIONS)
    try:
        rounds = await _rounds(bench, size)
    finally:
        bench.baseline.stop()
    session = bench.exchanges(next(one for one in SCENARIOS if one.name == "omadm_wbxml_change"))
    messages = [
        (f"package {number}", exchange.request.partition(b"\r\n\r\n")[2])
        for number, exchange in zip((1, 3), session, strict=True)
    ]
    return {
        **report.machine(),
        "run": {
            "devices": devices,
            "connections": CONNECTIONS,
            "rounds": size.rounds,
            "requests": size.requests,
            "log": "as shipped, to a file",
            "file_system": _file_system(data),
        },
        "scenarios": [report.scenario(one, rounds[one.name], bench.exchanges(one)) for one in SCENARIOS],
        "codecs": [report.codec(one) for one in codecs.compare(messages, CODEC_ROUNDS)],
        "footprint": {
            "start_seconds": report.spread(starts),
            "start_mib": round(start_bytes / 2**20, 1),
            "end_mib": round(resident_bytes(pid) / 2**20, 1),
            "devices": devices,
            "device_octets": device_octets,
            "provisioning_ms": round(provisioning_seconds / size.subscribers * 1000, 2),
        },
    }


async def _rounds(bench: Bench, size: Size) -> dict[str, list[Round]]:
    """Rounds of every scenario by name, interleaved, after one that warms up and is not counted."""
    for scenario in SCENARIOS:
        await bench.round(scenario, size.requests, settle_seconds=0)
    rounds: dict[str, list[Round]] = {scenario.name: [] for scenario in SCENARIOS}
    for number in range(1, size.rounds + 1):
        for scenario in SCENARIOS:
            rounds[scenario.name].append(await bench.round(scenario, size.requests))
        print(f"\rround {number} of {size.rounds}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return rounds


def _octets_on_disk(data: Path) -> int:
    """The size of the store, with nothing left in its write-ahead log."""
    with closing(sqlite3.connect(data / "mogate.db", timeout=10)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return sum(file.stat().st_size for file in data.glob("mogate.db*"))


def _file_system(folder: Path) -> str:
    """The type of the file system the folder is on: a commit costs what that makes of an fsync."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    within = [(len(point), kind) for point, kind in mounts if folder.resolve().is_relative_to(point)]
    return max(within)[1]


if __name__ == "__main__":
    main()
