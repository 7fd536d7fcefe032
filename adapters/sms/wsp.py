"""WSP push units: what a phone's push port takes, and the codes of the headers that pushes of the gateway have.

Spec: WAP-230-WSP 8.2.4 (Push), 8.4 (header encoding)
"""

from __future__ import annotations

from typing import NamedTuple

from adapters.wbxml.codec import decode_uint, encode_uint
from gateway.errors import DecodeError, LimitExceeded

MAX_HEADER_BYTES = 256

CONTENT_TYPES = {
    0x36: "application/vnd.wap.connectivity-wbxml",
    0x42: "application/vnd.syncml.dm+wbxml",
    0x44: "application/vnd.syncml.notification",
}
APPLICATION_IDS = {
    0x05: "x-wap-application:push.syncml",
    0x07: "x-wap-application:syncml.dm",
}
PARAMETERS = {0x01: "charset", 0x11: "SEC", 0x12: "MAC"}

_PUSH = 0x06
_APPLICATION_ID = 0x2F
_SHORT = 0x80
_QUOTE = 0x1F
_LONGEST_SHORT_LENGTH = 30
_TYPE_CODES = {name: code for code, name in CONTENT_TYPES.items()}
_APPLICATION_CODES = {name: code for code, name in APPLICATION_IDS.items()}
_PARAMETER_CODES = {name: code for code, name in PARAMETERS.items()}


class Push(NamedTuple):
    """One push unit.

    ``parameters`` are those of the content type: by name, with a small number or a text. A code that no table names
    reads ``0x…``. ``application_id`` is empty when the header is absent.
    """

    content_type: str
    body: bytes
    parameters: tuple[tuple[str, int | str], ...] = ()
    application_id: str = ""


def encode_push(push: Push, transaction_id: int = 1) -> bytes:
    """The octets of a push unit whose type, parameters and application have codes.

    The content type comes first and the application after it; the order of parameters is kept.

    Spec: WAP-230-WSP 8.2.4.1, 8.4.2.24
    """
    headers = bytes((_TYPE_CODES[push.content_type] | _SHORT,))
    for name, value in push.parameters:
        headers += bytes((_PARAMETER_CODES[name] | _SHORT,))
        headers += bytes((value | _SHORT,)) if isinstance(value, int) else value.encode("ascii") + b"\0"
    if push.parameters:
        quote = b"" if len(headers) <= _LONGEST_SHORT_LENGTH else bytes((_QUOTE,))
        headers = quote + encode_uint(len(headers)) + headers
    if push.application_id:
        headers += bytes((_APPLICATION_ID | _SHORT, _APPLICATION_CODES[push.application_id] | _SHORT))
    return bytes((transaction_id, _PUSH)) + encode_uint(len(headers)) + headers + push.body


def decode_push(octets: bytes) -> Push:
    """The push unit; headers other than the application are passed over.

    Raises: DecodeError; LimitExceeded for headers of more than 256 octets.
    """
    try:
        if octets[1] != _PUSH:
            raise DecodeError(f"PDU type {octets[1]:#04x} is not Push", 1)
        length, start = decode_uint(octets, 2)
        if length > MAX_HEADER_BYTES:
            raise LimitExceeded(f"headers of {length} octets, more than {MAX_HEADER_BYTES}", 2)
        end = start + length
        if not start < end <= len(octets):
            raise DecodeError("the headers run past the end, or there are none", start)
        headers = octets[:end]
        content_type, parameters, pos = _content_type(headers, start)
        application_id = ""
        while pos < end:
            field = headers[pos]
            if field >= _SHORT:
                pos += 1
            else:
                _, pos = _text(headers, pos)
            value, pos = _value(headers, pos)
            if field == _APPLICATION_ID | _SHORT:
                application_id = _named(value, APPLICATION_IDS)
        return Push(content_type, octets[end:], parameters, application_id)
    except IndexError:
        raise DecodeError("the push ends too early", len(octets)) from None


def _content_type(headers: bytes, pos: int) -> tuple[str, tuple[tuple[str, int | str], ...], int]:
    if headers[pos] > _QUOTE:
        media, pos = _value(headers, pos)
        return _named(media, CONTENT_TYPES), (), pos
    length, pos = _length(headers, pos)
    end = pos + length
    if end > len(headers):
        raise DecodeError("the content type runs past the headers", pos)
    inner = headers[:end]
    media, pos = _value(inner, pos)
    parameters = []
    while pos < end:
        name, pos = _value(inner, pos)
        value, pos = _value(inner, pos)
        parameters.append((_named(name, PARAMETERS), value))
    return _named(media, CONTENT_TYPES), tuple(parameters), pos


def _length(octets: bytes, pos: int) -> tuple[int, int]:
    """A value-length and the position behind it."""
    return decode_uint(octets, pos + 1) if octets[pos] == _QUOTE else (octets[pos], pos + 1)


def _value(octets: bytes, pos: int) -> tuple[int | str, int]:
    """A short integer, a long integer or a text (empty for no value at all), and the position behind it."""
    first = octets[pos]
    if not first:
        return "", pos + 1
    if first >= _SHORT:
        return first & ~_SHORT, pos + 1
    if first > _QUOTE:
        return _text(octets, pos)
    length, start = _length(octets, pos)
    if start + length > len(octets):
        raise DecodeError("a value runs past the headers", pos)
    return int.from_bytes(octets[start : start + length]), start + length


def _text(octets: bytes, pos: int) -> tuple[str, int]:
    end = octets.find(b"\0", pos)
    if end < 0:
        raise DecodeError("a text has no end", pos)
    try:
        return octets[pos:end].lstrip(b'\x7f"').decode("ascii"), end + 1
    except UnicodeDecodeError:
        raise DecodeError("a text is not ASCII", pos) from None


def _named(value: int | str, names: dict[int, str]) -> str:
    return value if isinstance(value, str) else names.get(value, f"{value:#04x}")
