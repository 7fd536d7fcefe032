"""Ranges of numbers: who is served here, and what is no range."""

from __future__ import annotations

import re

import pytest

from adapters.rcc14.cutover import parse_cutover
from gateway.errors import ConfigError

RANGES = """
here = ["+4915550", "+491600000100-+491600000199", "+491600000150 - +491600000300", "26201"]
elsewhere = ["+49155507", "262019999999999"]
default = "elsewhere"
"""


@pytest.mark.parametrize(
    ("imsi", "msisdn", "served"),
    [
        ("", "+4915550123", True),
        ("", "4915550123", True),
        ("", "+4915550723", False),
        ("", "+491600000099", None),
        ("", "+491600000100", True),
        ("", "+491600000300", True),
        ("", "+491600000301", None),
        ("", "+4916000001501", None),
        ("262010000000001", "", True),
        ("262020000000001", "", None),
        ("262019999999999", "+4915550123", False),
        ("262010000000001", "+447700900000", True),
        ("nobody", "no number", None),
        ("4915550123", "", None),
        ("", "", None),
    ],
)
def test_who_is_served(imsi: str, msisdn: str, served: bool | None) -> None:
    """By either number; where the two lists meet, elsewhere wins; prefixes hold for any length, ranges for theirs."""
    assert parse_cutover(RANGES, "ranges.toml").serves((imsi,), msisdn) is served


def test_by_default_all_are_served_here() -> None:
    """An empty file moves nobody."""
    cutover = parse_cutover("", "ranges.toml")
    assert (cutover.serves(("001010000000001",), ""), cutover.default) == (None, "here")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('here = ["12-3"]', "here: '12-3': both ends"),
        ('here = ["20-10"]', "the lower first"),
        ('elsewhere = ["all"]', "elsewhere: 'all' is neither"),
        ('default = "there"', "says nothing of ranges"),
        ("her = []", "says nothing of ranges"),
        ("here", "says nothing of ranges"),
        (f"here = {[str(n) for n in range(50_001)]}", "more than 50000"),
    ],
)
def test_what_is_no_range_is_refused(text: str, why: str) -> None:
    """With the list it stands in."""
    with pytest.raises(ConfigError, match=re.escape(why)):
        parse_cutover(text, "ranges.toml")
