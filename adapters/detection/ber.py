"""BER values cut down to what a schema names.

MAP's types are extensible: releases append fields, and most of them say nothing about who is in which phone. A schema
therefore states what is wanted, and everything else is left out before it is applied.

Spec: ITU-T X.690 8.1 (identifier, length and end-of-contents octets)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from pyasn1.codec.ber import decoder
from pyasn1.codec.native import encoder
from pyasn1.error import PyAsn1Error
from pyasn1.type import base, tag, univ

from gateway.errors import DecodeError, LimitExceeded

MAX_BYTES = 1 << 16
MAX_DEPTH = 24
MAX_VALUES = 5000

_CONSTRUCTED = 0x20
_INDEFINITE = 0x80
_LONG_TAG = 0x1F
_END = b"\0\0"


class Value(NamedTuple):
    """One encoded value: its identifier octets, and its contents without end-of-contents octets."""

    identifier: bytes
    contents: bytes
    end: int

    @property
    def is_constructed(self) -> bool:
        """True when the contents are values themselves."""
        return bool(self.identifier[0] & _CONSTRUCTED)


def decode(octets: bytes, schema: base.Asn1Type) -> Any:
    """The value that the schema describes: fields by name, without those that are absent; lists, octets, numbers.

    What the schema does not name is passed over.

    Raises: DecodeError when the octets are no BER or not of that type, LimitExceeded past the bounds.
    """
    if len(octets) > MAX_BYTES:
        raise LimitExceeded(f"{len(octets)} octets of BER, more than {MAX_BYTES}")
    value = read(octets, 0)
    if octets[value.end :].strip(b"\0"):
        raise DecodeError("octets after the value", offset=value.end)
    try:
        decoded, rest = decoder.decode(_cut(value, schema, 0), asn1Spec=schema)
    except PyAsn1Error as error:
        raise DecodeError(f"not a {type(schema).__name__}: {str(error).partition(' at ')[0][:120]}") from None
    if rest:
        raise DecodeError("octets after the value")
    return encoder.encode(decoded)


def read(octets: bytes, start: int, depth: int = 0) -> Value:
    """The value that begins there. Raises: DecodeError, LimitExceeded."""
    at = start + 1
    if start >= len(octets):
        raise DecodeError("the value is cut off", offset=start)
    if octets[start] & _LONG_TAG == _LONG_TAG:
        while at < len(octets) and octets[at] & 0x80:
            at += 1
        at += 1
    identifier = octets[start:at]
    if at >= len(octets):
        raise DecodeError("the value is cut off", offset=start)
    length, at = octets[at], at + 1
    if length == _INDEFINITE:
        return _read_indefinite(octets, identifier, at, depth)
    if length > _INDEFINITE:
        count = length - _INDEFINITE
        if count > 3:
            raise LimitExceeded(f"a length of {count} octets", offset=at)
        length, at = int.from_bytes(octets[at : at + count]), at + count
    if at + length > len(octets):
        raise DecodeError("the value is cut off", offset=start)
    return Value(identifier, octets[at : at + length], at + length)


def inner(value: Value, depth: int = 0) -> Iterator[Value]:
    """The values inside a constructed one. Raises: DecodeError, LimitExceeded."""
    at, count = 0, 0
    while at < len(value.contents):
        one = read(value.contents, at, depth + 1)
        yield one
        at, count = one.end, count + 1
        if count > MAX_VALUES:
            raise LimitExceeded(f"more than {MAX_VALUES} values in one")


def _read_indefinite(octets: bytes, identifier: bytes, at: int, depth: int) -> Value:
    if not identifier[0] & _CONSTRUCTED:
        raise DecodeError("a primitive value of indefinite length", offset=at)
    if depth >= MAX_DEPTH:
        raise LimitExceeded(f"values nested more than {MAX_DEPTH} deep", offset=at)
    start, count = at, 0
    while octets[at : at + 2] != _END:
        at, count = read(octets, at, depth + 1).end, count + 1
        if count > MAX_VALUES:
            raise LimitExceeded(f"more than {MAX_VALUES} values in one", offset=at)
    return Value(identifier, octets[start:at], at + 2)


def _cut(value: Value, schema: base.Asn1Type, depth: int) -> bytes:
    """The value with definite lengths, without what the schema does not name."""
    if depth > MAX_DEPTH:
        raise LimitExceeded(f"values nested more than {MAX_DEPTH} deep")
    contents = value.contents
    if isinstance(schema, univ.Choice):
        fields = [field.asn1Object for field in schema.componentType.namedTypes]
        schema = next((field for field in fields if _has_tag(field, value)), schema)
    if value.is_constructed:
        contents = b"".join(_kept(value, schema, depth))
    return value.identifier + _length(len(contents)) + contents


def _kept(value: Value, schema: base.Asn1Type, depth: int) -> Iterator[bytes]:
    if isinstance(schema, univ.SequenceOf) and schema.componentType is not None:
        for one in inner(value, depth):
            yield _cut(one, schema.componentType, depth + 1)
        return
    if not isinstance(schema, univ.Sequence):
        yield value.contents
        return
    named = [field.asn1Object for field in schema.componentType.namedTypes]
    for one in inner(value, depth):
        # Universal tags may repeat in a sequence, so each takes the next field of its tag.
        place = next((number for number, field in enumerate(named) if _has_tag(field, one)), None)
        if place is not None:
            yield _cut(one, named.pop(place), depth + 1)


def _has_tag(schema: base.Asn1Type, value: Value) -> bool:
    if isinstance(schema, univ.Any):
        return True
    if isinstance(schema, univ.Choice):
        return any(_has_tag(field.asn1Object, value) for field in schema.componentType.namedTypes)
    outer: tag.Tag = schema.tagSet[-1]
    return len(value.identifier) == 1 and value.identifier[0] & ~_CONSTRUCTED == outer.tagClass | outer.tagId


def _length(length: int) -> bytes:
    if length < _INDEFINITE:
        return bytes((length,))
    octets = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes((_INDEFINITE | len(octets),)) + octets
