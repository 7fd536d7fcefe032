"""Ranges of numbers: who is in them. What is no range is refused where they are read: see the tests of cut-overs."""

from __future__ import annotations

import time

from gateway.fleet.ranges import parse_ranges


def test_prefixes_are_for_any_length_and_ranges_for_theirs() -> None:
    """An IMSI is in ranges of IMSIs alone, an MSISDN in those of MSISDNs, with its + or without."""
    ranges = parse_ranges(["+1555", "+4910-+4919", "00101"], key="ranges")
    assert ranges.have((), "+15550")
    assert ranges.have((), "15550")
    assert ranges.have((), "+4915")
    assert not ranges.have((), "+49150")
    assert ranges.have(("00102", "001010000000001"), "+44")
    assert not ranges.have(("15550",), "+00101")
    assert not ranges.have((), "")


def test_many_ranges_are_looked_up_quickly() -> None:
    """The price of a look-up does not grow with their number."""
    ranges = parse_ranges([f"+49{n:010}-+49{n + 1:010}" for n in range(0, 100_000, 4)], key="ranges")
    started = time.process_time()
    assert sum(ranges.have((), f"+49{n:010}") for n in range(20_000)) == 10_000
    assert time.process_time() - started < 2
