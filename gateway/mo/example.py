"""Example values of an MO: one that each leaf may have, for reference pages and for checks that go over every leaf."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from gateway.mo.definition import UNNAMED, Definition, ManagementObject
from gateway.tree.format import Format

_BY_FORMAT = {
    Format.BOOL: "true",
    Format.INT: "1",
    Format.FLOAT: "0.5",
    Format.BIN: "AQID",
    Format.B64: "AQID",
    Format.DATE: "2026-01-31",
    Format.TIME: "12:30:00",
    Format.XML: "<a/>",
}


def example_value(definition: Definition, turn: int = 1) -> str:
    """A value that such a leaf may have; other turns give other values where the leaf has a choice.

    The default where there is one, else a permitted value, else one of the format. ``null`` nodes have none: it is
    empty.
    """
    permitted, fmt = definition.permitted, definition.format
    choices = [value for value, _ in permitted.values]
    if definition.default is not None:
        choices = [definition.default, *choices]
    if not choices and permitted.low is not None:
        choices = [str(permitted.low), str(permitted.low + 1)]
    if not choices and permitted.high is not None:
        choices = [str(permitted.high)]
    if not choices and fmt is Format.CHR:
        choices = [f"{definition.name or 'x'} {turn}"]
    if not choices and fmt is Format.BOOL:
        choices = ["true", "false"]
    if not choices and fmt is Format.INT:
        choices = [str(turn)]
    text = choices[(turn - 1) % len(choices)] if choices else _BY_FORMAT.get(fmt, "")
    return fmt.canonical(text)


def example_values(managed: ManagementObject, entries: int = 2) -> dict[str, str]:
    """A value for every leaf of the MO that can have one, by path, with this many entries in each list."""
    return {
        path: example_value(definition, turn)
        for template, definition in managed.root.walk()
        if not definition.is_interior and definition.format is not Format.NULL
        for turn, path in enumerate(_instances(template, entries), start=1)
    }


def _instances(template: tuple[str, ...], entries: int) -> Iterator[str]:
    choices = [
        [str(number) for number in range(1, entries + 1)] if segment == UNNAMED else [segment] for segment in template
    ]
    return map("/".join, itertools.product(*choices))
