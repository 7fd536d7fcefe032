"""Messages of a limited size, as the simulated phone keeps to them."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.simulator.large_objects import Assembly, fill
from adapters.simulator.syncml_markup import Markup, child, encode_xml, has, text

VALUE = "½ of it, " * 200


def results(value: str = VALUE) -> Markup:
    item = ("Item", [("Source", [("LocURI", "./A")]), ("Meta", [("Format", "chr")]), ("Data", value)])
    return ("Results", [("CmdID", ""), ("MsgRef", "1"), ("CmdRef", "4"), item])


def fits(commands: list[Markup]) -> bool:
    return len(encode_xml(("SyncML", [("SyncBody", commands)]))) <= 900


def test_a_value_is_cut_and_put_together() -> None:
    """Size is told once, MoreData on all parts but the last, and the parts are the value.

    Spec: OMA-TS-DM_Protocol-V1_2 7
    """
    rest, parts, cut = [results()], [], False
    while rest:
        load = fill(rest, fits, continued=cut)
        assert fits(load.commands)
        parts += [child(command, "Item") for command in load.commands]
        rest, cut = load.rest, load.cut
    assert len(parts) > 2
    assert [has(part, "MoreData") for part in parts] == [True] * (len(parts) - 1) + [False]
    sizes = [text(child(part, "Meta"), "Size") for part in parts if has(child(part, "Meta"), "Size")]
    assert sizes == [str(len(VALUE.encode()))]
    assembly = Assembly()
    taken = [assembly.take("Replace", "./A", ("Item", [("Target", ""), *part[1][1:]])) for part in parts]
    assert [code for code, _ in taken] == [213] * (len(parts) - 1) + [200]
    assert text(taken[-1][1], "Data") == VALUE


def test_items_are_parted_before_values_are() -> None:
    """Several items that each have room go out whole."""
    items = [child(results("x" * 400), "Item") for _ in range(3)]
    refs: list[Any] = [("CmdID", ""), ("MsgRef", "1"), ("CmdRef", "4")]
    first = fill([("Results", [*refs, *items[:2]])], lambda commands: len(str(commands)) < 900)
    assert all(text(child(command, "Item"), "Data") for command in first.commands)
    assert first.commands[0] == ("Results", [*refs, items[0]])


def test_a_value_of_another_size_is_dropped() -> None:
    """424, and the next value starts anew.

    Spec: OMA-TS-DM_Protocol-V1_2 7
    """
    assembly = Assembly()
    first = ("Item", [("Target", ""), ("Meta", [("Size", "9")]), ("Data", "abc"), ("MoreData", "")])
    assert assembly.take("Add", "./A", first)[0] == 213
    assert assembly.broken == "./A"
    assert assembly.take("Add", "./A", ("Item", [("Target", ""), ("Data", "de")]))[0] == 424
    assert assembly.broken == ""


def test_what_has_no_room_at_all_is_said() -> None:
    """A message too small for a part is an error, not an endless session."""
    with pytest.raises(ValueError, match="no room"):
        fill([results()], lambda _: False)
