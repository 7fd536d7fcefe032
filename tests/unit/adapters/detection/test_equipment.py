"""The lists of an EIR: the closest name counts, then the strictest list."""

from __future__ import annotations

import pytest

from adapters.detection.equipment import STATUS, Lists

LISTS = Lists(["35123456", "490154203237518"], ["35999999"], ["35123456000001", "35999999", "49015420"], "unknown")


@pytest.mark.parametrize(
    ("imei", "answer"),
    [
        ("351234560000028", "white"),
        ("351234560000010", "black"),
        ("3512345600000177", "black"),
        ("359999990000015", "black"),
        ("490154203237518", "white"),
        ("4901542032375177", "white"),
        ("490154209999999", "black"),
        ("860000000000000", "unknown"),
    ],
)
def test_the_closest_name_counts(imei: str, answer: str) -> None:
    """A whole IMEI before a TAC, whatever its last digit; on two lists, the strictest (3GPP TS 22.016)."""
    assert LISTS.answer(imei) == answer


def test_values_of_the_lists() -> None:
    """3GPP TS 29.272 7.3.51: WHITELISTED 0, BLACKLISTED 1, GREYLISTED 2."""
    assert {name: None if status is None else int(status) for name, status in STATUS.items()} == {
        "white": 0, "black": 1, "grey": 2, "unknown": None,
    }  # fmt: skip
