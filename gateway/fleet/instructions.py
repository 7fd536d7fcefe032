"""What a user types who sets a phone up by hand, as somebody can read it out.

Pure.
"""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """One field of a phone's menu, and what goes into it."""

    label: str
    value: str


class Part(NamedTuple):
    """One place in the phone's menus with its fields, in their order."""

    title: str
    where: str
    entries: tuple[Entry, ...]


def read_out_by(device_id: str) -> str:
    """The command that shows the instructions for that device."""
    return f"mogate render {device_id} --as manual"


class Instructions(NamedTuple):
    """All that is typed in, in a language; ``left_out`` are places in the document that no menu has a field for."""

    language: str
    parts: tuple[Part, ...]
    left_out: tuple[str, ...]
