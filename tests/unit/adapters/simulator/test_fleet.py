"""The load generator's arithmetic."""

from __future__ import annotations

import pytest

from adapters.simulator.fleet import with_check_digit
from adapters.simulator.latency import Latencies


def test_quantiles_are_within_a_sixty_fourth() -> None:
    """Of 1 to 1000 ms the quantiles are those numbers, rounded down by a sixty-fourth at most; sums add up."""
    first, second = Latencies(), Latencies()
    for milliseconds in range(1, 1001):
        (first if milliseconds % 2 else second).note(milliseconds / 1000)
    first.add(second)
    assert first.counts.total() == 1000
    for share in (0.5, 0.95, 0.99, 1.0):
        assert share * (1 - 1 / 64) <= first.quantile(share) <= share
    assert Latencies().quantile(0.5) == 0


@pytest.mark.parametrize(
    ("digits", "imei"), [("49015420323751", "490154203237518"), ("00101500000001", "001015000000015")]
)
def test_the_check_digit(digits: str, imei: str) -> None:
    """The first is the well-known example of the algorithm, the second the demo phone's.

    Spec: 3GPP TS 23.003 Annex B
    """
    assert with_check_digit(digits) == imei
