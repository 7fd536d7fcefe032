"""Headers read by the shape of an earlier one: those of one model of phones differ in a few texts and in nothing else.

A shape is a pattern made of the octets of a header that was read before, with all but those texts as they are. What it
fits is read at once, and to the same effect; whatever it does not fit to the last octet is read as ever.

Spec: OMA-TS-SyncML_RepPro-V1_2 5 (SyncHdr)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from adapters.omadm.messages import SyncHdr
from adapters.wbxml.codec import Header
from adapters.wbxml.element import AnyElement, Stage
from adapters.wbxml.tables import STR_I

MAX_SHAPES = 16
"""So many are tried, for XML and for WBXML each; the oldest goes for a new one."""

_FIELDS = {
    ("SessionID",): "session_id",
    ("MsgID",): "msg_id",
    ("Source", "LocURI"): "source",
    ("Source", "LocName"): "source_name",
    ("Cred", "Data"): "cred",
}
"""Where the texts stand that differ, and their names here."""

_NEEDED = {"session_id", "msg_id", "source"}
_INLINE = bytes((STR_I,))


class Shape(NamedTuple):
    """The pattern of a header and the names of its groups; ``header`` and ``stage`` are of the one it was learnt from.

    ``wbxml`` is the header of its document; None for XML.
    """

    pattern: re.Pattern[bytes]
    fields: tuple[str, ...]
    header: SyncHdr
    stage: Stage
    wbxml: Header | None

    def fit(self, body: bytes) -> tuple[dict[str, str], int] | None:
        """The texts in the header of a message, by name, and where it ends; None if it has another shape."""
        found = self.pattern.match(body)
        if found is None:
            return None
        return dict(zip(self.fields, [text.decode() for text in found.groups()], strict=True)), found.end()


class Shapes:
    """The shapes that this process knows."""

    def __init__(self) -> None:
        self._shapes: dict[bool, list[Shape]] = {True: [], False: []}

    def find(self, body: bytes, in_wbxml: bool) -> tuple[Shape, dict[str, str], int] | None:
        """The shape that the message fits, the texts in its header by name, and where that ends."""
        for shape in self._shapes[in_wbxml]:
            if found := shape.fit(body):
                return shape, *found
        return None

    def has_room(self, in_wbxml: bool) -> bool:
        """Whether one more would take no other's place."""
        return len(self._shapes[in_wbxml]) < MAX_SHAPES

    def add(self, shape: Shape) -> None:
        """Know the shape from now on."""
        known = self._shapes[shape.wbxml is not None]
        if all(shape.pattern != one.pattern for one in known):
            known[:] = [*known, shape][-MAX_SHAPES:]


def shape_of(body: bytes, stage: Stage, header: SyncHdr, wbxml: Header | None) -> Shape | None:
    """The shape of the header that a message begins with, if each of its texts stands there once, and plainly."""
    head, in_wbxml = body[: stage.end], wbxml is not None
    content = stage.root[1][0] if isinstance(stage.root[1], list) else ("", "")
    texts = list(_texts(content[1])) if content[0] == "SyncHdr" else []
    # Where texts may stand in other ways than plainly, what looks like one could be part of something else.
    if not all(text and text.strip() for _, text in texts):
        return None
    if head.count(_INLINE, len(stage.context) - 1) != len(texts) if in_wbxml else b"<!" in head:
        return None
    before, behind, group = (_INLINE, b"\0", rb"([ -~]+)") if in_wbxml else (b">", b"<", rb"([ -%'-;=-~]+)")
    pieces, fields, start, position = [], [], 0, 0
    for path, text in texts:
        said = before + (text or "").encode() + behind
        at = head.find(said, position)
        if at < 0:
            return None
        position = at + len(said) - 1
        if (field := _FIELDS.get(path)) is not None:
            pieces += [re.escape(head[start : at + 1]), group]
            fields.append(field)
            start = position
    pattern = re.compile(b"".join([*pieces, re.escape(head[start:])]))
    is_whole = {*fields} >= _NEEDED and len({*fields}) == len(fields)
    return Shape(pattern, tuple(fields), header, stage, wbxml) if is_whole else None


def _texts(
    children: Sequence[AnyElement] | str | bytes, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], str | None]]:
    """Each text among the children and below, in order, with the tags that lead to it; None for what is no text."""
    for tag, content in children if isinstance(children, list) else ():
        here = (*path, tag)
        if isinstance(content, list):
            yield from _texts(content, here)
        elif content:
            yield here, content if isinstance(content, str) else None
