"""What SIGTRAN carries: TCAP messages with the SCCP addresses of both ends, out of what SCTP delivered.

Pure.

Spec: RFC 9260 3.3.1 (DATA); RFC 4666 3.1, 3.3.1 (M3UA Payload Data); ITU-T Q.713 3, 4.10, 4.18, 4.20 (UDT, XUDT, LUDT)
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Generic, NamedTuple, TypeVar

from gateway.errors import DecodeError

MAX_PARTS = 10_000
"""Messages of which the rest has not come yet; the oldest make room."""
MAX_MESSAGE_BYTES = 1 << 16

M3UA = 3
"""The payload protocol identifier of M3UA in an SCTP DATA chunk."""
_PAYLOAD_DATA = (1, 1)
_PROTOCOL_DATA = 0x0210
_SCCP = 3
_UDT, _XUDT, _LUDT = 0x09, 0x11, 0x13
_SEGMENTATION = 0x10
_END_OF_OPTIONAL = 0


class Chunk(NamedTuple):
    """One DATA chunk."""

    tsn: int
    stream: int
    sequence: int
    protocol: int
    begins: bool
    ends: bool
    octets: bytes


class Unit(NamedTuple):
    """What one SCCP message carries: the addresses of both ends as they stand, and the user's octets.

    ``reference`` is set for a part of a longer message, of which ``remaining`` follow; ``first`` says that it is the
    first.
    """

    called: bytes
    calling: bytes
    octets: bytes
    reference: bytes = b""
    remaining: int = 0
    first: bool = True


def decode_chunk(flags: int, octets: bytes) -> Chunk:
    """A DATA chunk behind its head. Raises: DecodeError. Spec: RFC 9260 3.3.1"""
    if len(octets) < 12:
        raise DecodeError("a DATA chunk that is cut off")
    tsn, stream, sequence, protocol = struct.unpack_from("!IHHI", octets)
    return Chunk(tsn, stream, sequence, protocol, bool(flags & 2), bool(flags & 1), octets[12:])


def decode_m3ua(octets: bytes) -> bytes | None:
    """The SCCP message in an M3UA message, or None when it carries something else.

    Raises: DecodeError. Spec: RFC 4666 3.1, 3.3.1
    """
    if len(octets) < 8:
        raise DecodeError("an M3UA message that is cut off")
    version, _, kind, type_, length = struct.unpack_from("!BBBBI", octets)
    if version != 1 or not 8 <= length <= len(octets):
        raise DecodeError("no M3UA message of version 1, or one that is cut off")
    if (kind, type_) != _PAYLOAD_DATA:
        return None
    at = 8
    while at + 4 <= length:
        tag, size = struct.unpack_from("!HH", octets, at)
        if size < 4 or at + size > length:
            raise DecodeError("an M3UA parameter that does not fit", offset=at)
        if tag == _PROTOCOL_DATA:
            value = octets[at + 4 : at + size]
            if len(value) < 12:
                raise DecodeError("protocol data that is cut off", offset=at)
            return value[12:] if value[8] == _SCCP else None
        at += (size + 3) & ~3
    return None


def decode_sccp(octets: bytes) -> Unit | None:
    """What a connectionless SCCP message carries, or None when it is of another type.

    Raises: DecodeError. Spec: ITU-T Q.713 4.10 (UDT), 4.18 (XUDT), 4.20 (LUDT)
    """
    if not octets:
        raise DecodeError("an empty SCCP message")
    kind = octets[0]
    if kind == _UDT:
        called, calling, data = (_variable(octets, at) for at in (2, 3, 4))
        return Unit(called, calling, data)
    if kind == _XUDT:
        called, calling, data = (_variable(octets, at) for at in (3, 4, 5))
        return _segment(Unit(called, calling, data), octets, _pointed(octets, 6))
    if kind == _LUDT:
        called, calling = (_variable(octets, at, long=True) for at in (3, 5))
        data = _variable(octets, 7, long=True, wide=True)
        return _segment(Unit(called, calling, data), octets, _pointed(octets, 9, long=True))
    return None


def _pointed(octets: bytes, at: int, *, long: bool = False) -> int:
    """Where a pointer leads to; 0 for nowhere. Spec: ITU-T Q.713 2.3 (pointers count from their own last octet)"""
    size = 2 if long else 1
    if at + size > len(octets):
        raise DecodeError("an SCCP message that is cut off", offset=at)
    pointer = int.from_bytes(octets[at : at + size], "little")
    return at + size - 1 + pointer if pointer else 0


def _variable(octets: bytes, at: int, *, long: bool = False, wide: bool = False) -> bytes:
    """A mandatory variable part, by its pointer; ``wide`` lengths have two octets, the low one first."""
    start, size = _pointed(octets, at, long=long), 2 if wide else 1
    length = int.from_bytes(octets[start : start + size], "little")
    end = start + size + length
    if not start or start + size > len(octets) or end > len(octets):
        raise DecodeError("an SCCP parameter that does not fit", offset=at)
    return octets[start + size : end]


def _segment(unit: Unit, octets: bytes, at: int) -> Unit:
    """The unit with what its optional part says of segmentation. Spec: ITU-T Q.713 3.17"""
    while at and at < len(octets) and octets[at] != _END_OF_OPTIONAL:
        if at + 2 > len(octets) or at + 2 + octets[at + 1] > len(octets):
            raise DecodeError("an optional SCCP parameter that does not fit", offset=at)
        value = octets[at + 2 : at + 2 + octets[at + 1]]
        if octets[at] == _SEGMENTATION and len(value) == 4:
            first = bool(value[0] & 0x80)
            remaining = value[0] & 0xF
            return unit if first and not remaining else unit._replace(
                reference=value[1:], remaining=remaining, first=first
            )  # fmt: skip
        at += 2 + octets[at + 1]
    return unit


K = TypeVar("K", bound=Hashable)


class Parts(Generic[K]):
    """Messages that come in parts, put together as these follow one another."""

    def __init__(self) -> None:
        self._open: OrderedDict[K, tuple[int, bytes]] = OrderedDict()

    def add(self, key: K, number: int, octets: bytes, *, begins: bool, ends: bool) -> bytes | None:
        """The whole message with this part, or None as long as there is more to come, or when a part is missing."""
        before = self._open.pop(key, None)
        if begins:
            whole = octets
        elif before is None or before[0] + 1 != number:
            return None
        else:
            whole = before[1] + octets
        if ends:
            return whole
        if len(whole) <= MAX_MESSAGE_BYTES:
            self._open[key] = (number, whole)
            if len(self._open) > MAX_PARTS:
                self._open.popitem(last=False)
        return None


class Association:
    """What goes between SIGTRAN ends, message by message; ``ends`` tells one direction of one association."""

    def __init__(self) -> None:
        self._chunks: Parts[tuple[Hashable, int, int]] = Parts()
        self._segments: Parts[tuple[bytes, bytes, bytes]] = Parts()

    def receive(self, ends: Hashable, chunk: Chunk) -> Iterator[Unit]:
        """The unit that is whole with this chunk, if there is one. Raises: DecodeError."""
        if chunk.protocol != M3UA:
            return
        key = (ends, chunk.stream, chunk.sequence)
        message = self._chunks.add(key, chunk.tsn, chunk.octets, begins=chunk.begins, ends=chunk.ends)
        sccp = decode_m3ua(message) if message is not None else None
        unit = decode_sccp(sccp) if sccp is not None else None
        if unit is None:
            return
        if unit.reference:
            whole = self._segments.add(
                (unit.calling, unit.called, unit.reference),
                -unit.remaining,
                unit.octets,
                begins=unit.first,
                ends=unit.remaining == 0,
            )
            if whole is None:
                return
            unit = unit._replace(octets=whole)
        yield unit
