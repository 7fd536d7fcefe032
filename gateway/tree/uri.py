"""Management-tree URIs: ``./A/B`` as a tuple of segments.

Spec: OMA-TS-DM_TND-V1_2 4.2 (addressing), 4.2.1
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from gateway.errors import TreeError
from gateway.status import StatusCode

MAX_URI_BYTES = 2048
MAX_SEGMENTS = 128


class Uri(tuple[str, ...]):
    """An absolute node address: its segments from the root. The root itself is ``Uri()`` and prints as ``.``."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Uri:
        """The URI written as ``./A/B``, ``A/B``, ``/A/B`` or ``.``; no query part.

        Raises: TreeError 414 when it is longer or deeper than any device allows, 404 when a segment is empty or ``..``.
        """
        if len(text.encode("utf-8", "surrogatepass")) > MAX_URI_BYTES:
            raise TreeError(StatusCode.URI_TOO_LONG, text[:64] + "…", f"longer than {MAX_URI_BYTES} bytes")
        if text in (".", "./", ""):
            return cls()
        body = text[2:] if text.startswith("./") else text.removeprefix("/")
        segments = body.split("/")
        if len(segments) > MAX_SEGMENTS:
            raise TreeError(StatusCode.URI_TOO_LONG, text[:64] + "…", f"more than {MAX_SEGMENTS} segments")
        if any(segment in ("", ".", "..") for segment in segments):
            raise TreeError(StatusCode.NOT_FOUND, text, "has an empty, '.' or '..' segment")
        return cls(segments)

    def __str__(self) -> str:
        return "./" + "/".join(self) if self else "."

    def __repr__(self) -> str:
        return f"Uri({str(self)!r})"

    def __truediv__(self, name: str) -> Uri:
        """The child of that name."""
        return Uri((*self, name))

    def join(self, path: tuple[str, ...]) -> Uri:
        """The node at that relative path below this one."""
        return Uri((*self, *path))

    @property
    def name(self) -> str:
        """The last segment, or the empty string for the root."""
        return self[-1] if self else ""

    @property
    def parent(self) -> Uri:
        """The URI above; the root is its own parent."""
        return Uri(self[:-1])

    def is_under(self, ancestor: tuple[str, ...]) -> bool:
        """True when ``ancestor`` is this node or above it."""
        return self[: len(ancestor)] == ancestor


class Address(NamedTuple):
    """What a command's LocURI names: a node, one property of it (``?prop=ACL``) or a reading of its subtree.

    Spec: OMA-TS-DM_TND-V1_2 7.1, OMA-TS-DM_TNDS-V1_2 5
    """

    uri: Uri
    prop: str = ""
    list: str = ""

    @classmethod
    def parse(cls, text: str) -> Address:
        """The address written as ``./A/B``, ``./A/B?prop=Name`` or ``./A/B?list=StructData``.

        Raises: TreeError as ``Uri.parse`` does, 406 when the query is neither ``prop`` nor ``list``.
        """
        node, mark, query = text.partition("?")
        if not mark:
            return cls(Uri.parse(node))
        attribute, _, argument = query.partition("=")
        if attribute == "prop" and argument:
            return cls(Uri.parse(node), prop=argument)
        if attribute == "list" and argument:
            return cls(Uri.parse(node), list=argument)
        raise TreeError(StatusCode.NOT_SUPPORTED, text[:64], "the query is neither prop= nor list=")

    def __str__(self) -> str:
        if self.prop:
            return f"{self.uri}?prop={self.prop}"
        return f"{self.uri}?list={self.list}" if self.list else str(self.uri)


class UriLimits(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a device takes of URIs; 0 is no bound. ``refused`` measures one that it answered 414 to (depth, length,
    longest segment): whatever is as large in all three is as good as refused.

    Spec: OMA-TS-DM_StdObj-V1_2 5.2 (MaxDepth, MaxTotLen, MaxSegLen)
    """

    depth: int = 0
    total: int = 0
    segment: int = 0
    refused: tuple[int, int, int] | None = None

    def breach(self, address: str) -> str:
        """Why an address cannot be sent to the device, for people; empty when it can."""
        depth, total, segment = _measure(address)
        for size, most, what in (
            (depth, self.depth, "segments"),
            (total, self.total, "characters"),
            (segment, self.segment, "characters in a segment"),
        ):
            if most and size > most:
                return f"{size} {what}, and the device takes {most}"
        if self.refused is not None and all(map(int.__ge__, (depth, total, segment), self.refused)):
            return "as long as one that the device refused"
        return ""

    def without(self, address: str) -> UriLimits:
        """The limits after the device answered 414 to the address."""
        if self.breach(address):
            return self
        return msgspec.structs.replace(self, refused=_measure(address))


NO_LIMITS = UriLimits()


def _measure(address: str) -> tuple[int, int, int]:
    segments = address.partition("?")[0].removeprefix("./").split("/")
    return len(segments), len(address), max(map(len, segments))
