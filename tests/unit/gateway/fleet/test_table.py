"""Tables that people open in a spreadsheet and programs read again."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fleet.table import format_cell, parse_cell, parse_rows

TEXTS = st.text(st.sampled_from("='+-@\t\r\n\",;0aé. \uff1d"), max_size=6)


@pytest.mark.parametrize("text", ["=1+1", "@sum(a1)", "+1+cmd|x", "-2+3", "\t=1", "\r=1", "\uff1d1", "'=1", "-"])
def test_no_cell_is_worked_out(text: str) -> None:
    """What a spreadsheet takes for a formula, in whatever way it is begun, has an apostrophe before it."""
    assert format_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "+15550100001", "-1", "3.5", "o'neill", "'", "sip:+1@x", "Müller & Co"])
def test_other_cells_are_as_they_are(text: str) -> None:
    """Numbers and MSISDNs too, which other programs read."""
    assert format_cell(text) == parse_cell(text) == text


@given(st.lists(TEXTS, min_size=1, max_size=3))
def test_what_is_written_is_read(texts: list[str]) -> None:
    """Any text comes back from a table as it was, quotes, lines and spaces in it too."""
    assert [parse_cell(format_cell(text)) for text in texts] == texts
    table = io.StringIO(newline="")
    csv.writer(table).writerows([["value"], *([format_cell(text)] for text in texts)])
    lines = io.StringIO(table.getvalue(), newline="")
    assert [row["value"] for _, row in parse_rows(lines, ["value"], "it", verbatim=["value"])] == texts
