"""Ranges of numbers: who is in them. What is no range is refused where they are read: see the tests of cut-overs."""

from __future__ import annotations

from growth import growth

from gateway.fleet.ranges import Ranges, parse_ranges


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


def test_many_ranges_are_looked_up_as_quickly_as_few() -> None:
    """The price of a look-up does not grow with their number."""

    def given(many: int) -> Ranges:
        return parse_ranges([f"+49{n:010}-+49{n + 1:010}" for n in range(0, 4 * many, 4)], key="ranges")

    def look_up(ranges: Ranges) -> None:
        assert sum(ranges.have((), f"+49{n:010}") for n in range(2_000)) == 1_000

    assert growth(look_up, given, 25_000) < 0.5
