"""The WBXML codec and the whole OMA DM codec against libwbxml, called through ctypes, on the same messages."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import libwbxml

from adapters.omadm import codec as omadm
from adapters.wbxml import codec as wbxml

REPEATS = 50


class Comparison(NamedTuple):
    """Medians over all rounds, in microseconds for one message; ``octets`` is the message's size as WBXML."""

    name: str
    octets: int
    ours_us: float
    libwbxml_us: float
    ratios: list[float]


def compare(messages: Sequence[tuple[str, bytes]], rounds: int) -> list[Comparison]:
    """Every operation on every message, ours and libwbxml's in turns. ``messages`` are names with WBXML octets."""
    timed = [(name, octets, ours, theirs) for label, octets in messages for name, ours, theirs in _pairs(label, octets)]
    taken: list[list[tuple[float, float]]] = [[] for _ in timed]
    for _ in range(rounds):
        for results, (_, _, ours, theirs) in zip(taken, timed, strict=True):
            results.append((_microseconds(ours), _microseconds(theirs)))
    return [
        Comparison(
            name,
            len(octets),
            statistics.median(ours for ours, _ in results),
            statistics.median(theirs for _, theirs in results),
            [theirs / ours for ours, theirs in results],
        )
        for results, (name, octets, _, _) in zip(taken, timed, strict=True)
    ]


def _pairs(label: str, octets: bytes) -> list[tuple[str, Callable[[], object], Callable[[], object]]]:
    encoding = omadm.encoding_of("application/vnd.syncml.dm+wbxml")
    _, element = wbxml.decode(octets)
    message, _ = omadm.decode(octets, encoding)
    xml = libwbxml.to_xml(octets)

    def read() -> object:
        return libwbxml.to_xml(octets)

    def write() -> object:
        return libwbxml.to_wbxml(xml)

    return [
        (f"{label}: WBXML to elements", lambda: wbxml.decode(octets), read),
        (f"{label}: elements to WBXML", lambda: wbxml.encode(element), write),
        (f"{label}: WBXML to message", lambda: omadm.decode(octets, encoding), read),
        (f"{label}: message to WBXML", lambda: omadm.encode(message, encoding), write),
    ]


def _microseconds(operation: Callable[[], object]) -> float:
    before = time.process_time_ns()
    for _ in range(REPEATS):
        operation()
    return (time.process_time_ns() - before) / REPEATS / 1000
