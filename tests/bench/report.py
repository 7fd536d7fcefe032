"""The figures as JSON and as a table."""

from __future__ import annotations

import os
import platform
import re
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.codecs import Comparison
from bench.scenarios import Replay, Round, Scenario
from bench.stages import BARE

START_MARKS_MIB = (120, 80, 65)
STORE_MARKS = (1.0, 0.3, 0.15)
REDIS_MARKS = (0.6, 0.85, 1.0)
WORKER_MARKS = (1.6, 1.8, 1.95)
_BY_PROCESSES = "messages per second by processes"


def machine() -> dict[str, Any]:
    """The interpreter build and the machine, without which the figures say nothing."""
    model = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "build": " ".join((platform.python_implementation(), *platform.python_build(), platform.python_compiler())),
        "machine": f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores",
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, quartiles and extremes, to four digits."""
    low, _, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else (values[0],) * 3
    figures = {"median": statistics.median(values), "q1": low, "q3": high, "min": min(values), "max": max(values)}
    return {name: float(f"{figure:.4g}") for name, figure in figures.items()}


def scenario(scenario: Scenario, rounds: Sequence[Round], exchanges: Sequence[Replay]) -> dict[str, Any]:
    """One scenario with everything it was computed from."""
    return {
        "name": scenario.name,
        "title": scenario.title,
        "tls": scenario.tls,
        "marks": scenario.marks and scenario.marks._asdict(),
        "exchanges": [{"request_octets": len(one.request), "body_octets": one.site.octets} for one in exchanges],
        "ratio": spread([one.ratio for one in rounds]),
        "gateway_us": spread([one.gateway_cpu_seconds / one.requests * 1e6 for one in rounds]),
        "baseline_us": spread([one.baseline_cpu_seconds / one.requests * 1e6 for one in rounds]),
        "requests_per_second": spread([one.requests / one.wall_seconds for one in rounds]),
        "conversations_per_second": spread([one.requests / len(exchanges) / one.wall_seconds for one in rounds]),
        "rounds": [one._asdict() for one in rounds],
    }


def spreads(rounds: Sequence[dict[str, float]]) -> dict[str, dict[str, float]]:
    """The spread of each figure that the rounds have."""
    return {name: spread([one[name] for one in rounds]) for name in rounds[0]}


def codec(comparison: Comparison) -> dict[str, Any]:
    """One comparison with libwbxml."""
    return {
        "name": comparison.name,
        "octets": comparison.octets,
        "ours_us": round(comparison.ours_us, 2),
        "libwbxml_us": round(comparison.libwbxml_us, 2),
        "ratio": spread(comparison.ratios),
    }


def table(figures: dict[str, Any]) -> str:
    """All figures for people, beside the marks."""
    lines = [
        "{python}, {build}; {machine}".format(**figures),
        "{devices} devices, {connections} connections, {rounds} rounds of {requests} requests; "
        "log {log}; SQLite on {file_system}".format(**figures["run"]),
        "",
        _row("speed as a share of bare aiohttp", "median", "q1..q3", "CPU us", "bare us", "req/s", "marks"),
    ]
    for one in figures["scenarios"]:
        ratio = one["ratio"]
        marks = " / ".join(f"{mark:.2f}" for mark in one["marks"].values()) if one["marks"] else "-"
        lines.append(
            _row(
                one["title"] + (" (TLS)" if one["tls"] else ""),
                f"{ratio['median']:.2f}",
                f"{ratio['q1']:.2f}..{ratio['q3']:.2f}",
                f"{one['gateway_us']['median']:.0f}",
                f"{one['baseline_us']['median']:.0f}",
                f"{one['requests_per_second']['median']:.0f}",
                marks,
            )
        )
    lines += ["", _row("CPU us of an OMA DM message", *next(iter(figures["stages"].values())))]
    for name, one in figures["stages"].items():
        lines.append(_row(name, *(f"{spread['median']:.0f}" for spread in one.values())))
    lines += [
        "",
        _row("speed as a multiple of libwbxml through ctypes", "median", "q1..q3", "ours us", "its us", "octets"),
    ]
    for one in figures["codecs"]:
        ratio = one["ratio"]
        cells = (f"{ratio['median']:.2f}", f"{ratio['q1']:.2f}..{ratio['q3']:.2f}")
        lines.append(
            _row(one["name"], *cells, f"{one['ours_us']:.1f}", f"{one['libwbxml_us']:.1f}", str(one["octets"]))
        )
    footprint = figures["footprint"]
    starts = footprint["start_seconds"]
    stages_us = figures["stages"]["WBXML, up to date"]
    stored_us, bare_us = stages_us["store"]["median"], stages_us[BARE]["median"]
    signed = next(one for one in figures["scenarios"] if one["name"] == "omadm_wbxml_ten_mac")
    stored, seen = figures["stores"], figures["detections"]
    layouts = figures["layouts"]["OMA DM XML, up to date"].values()
    redis, workers, bare = (one["ratio"]["median"] for one in layouts if "ratio" in one)
    lines += [
        "",
        "OMA DM sessions of four messages, with 10 commands, WBXML and auth-MAC: "
        f"{signed['conversations_per_second']['median']:.0f}/s, "
        f"{signed['ratio']['median']:.3f} of bare aiohttp answering as many requests",
        f"store, CPU of an OMA DM message : of a bare POST: {stored_us / bare_us:.2f} (marks {_marks(STORE_MARKS)})",
        f"gateway on Redis : on SQLite, OMA DM messages/s: {redis:.2f} (marks {_marks(REDIS_MARKS)})",
        f"two workers : one, OMA DM messages/s with a core each: {workers:.2f} (marks {_marks(WORKER_MARKS)}), "
        f"of bare aiohttp {bare:.2f}",
        f"the store alone: Redis : SQLite {stored['redis : sqlite, messages per second']:.2f}, two processes : one "
        f"{stored[_BY_PROCESSES]['2 : 1']:.2f}",
        f"detections: {seen['decoded_per_second']:.0f} MAP messages decoded in a CPU second "
        f"({seen['times_as_fast_as_pycrate']:.1f} of pycrate); {seen['first_use_per_second']:.0f} first uses and "
        f"{seen['seen_again_per_second']:.0f} sightings of what is known a second",
        f"start to ready: {starts['median']:.2f} s ({starts['min']:.2f}..{starts['max']:.2f})",
        f"memory at start: {footprint['start_mib']:.0f} MiB (marks {_marks(START_MARKS_MIB)}); "
        f"after the run: {footprint['end_mib']:.0f} MiB",
        f"on disk: {footprint['device_octets']} octets for a device, of {footprint['devices']} provisioned ones",
        f"first contact to up to date: {footprint['provisioning_ms']:.1f} ms of CPU for a subscriber's two devices",
    ]
    return "\n".join(lines)


def _marks(marks: Sequence[float]) -> str:
    return " / ".join(f"{mark:g}" for mark in marks)


def _row(name: str, *cells: str) -> str:
    return f"{name:<48}" + "".join(f"{cell:>12}" for cell in cells[:5]) + "".join(f"  {cell:>20}" for cell in cells[5:])
