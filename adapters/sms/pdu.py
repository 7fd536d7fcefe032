"""Octets of an application in short messages: port numbers, and parts where one message does not hold them.

What a bearer needs of one part is its user data (header and payload), with TP-UDHI set, TP-PID 0 and 8-bit TP-DCS.

Spec: 3GPP TS 23.040 9.2.3.24 (user data header), 9.1.2.3 (semi-octets); WAP-259-WDP (ports)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from gateway.errors import ConfigError, DecodeError, LimitExceeded

ImsiForm = Literal["semi-octets", "digits"]

MAX_USER_DATA_BYTES = 140
MAX_PARTS = 255
PUSH_PORT = 2948
WSP_PORT = 9200

_CONCATENATION, _PORTS, _WIDE_CONCATENATION = 0x00, 0x05, 0x08
_LENGTHS = {_CONCATENATION: 3, _PORTS: 4, _WIDE_CONCATENATION: 4}


class Ports(NamedTuple):
    """The application ports of a short message; connectionless push by default."""

    destination: int = PUSH_PORT
    source: int = WSP_PORT


class Part(NamedTuple):
    """One short message taken apart. A message that is not in parts is number 1 of 1, with reference 0."""

    payload: bytes
    ports: Ports | None
    reference: int = 0
    total: int = 1
    number: int = 1


def encode_parts(payload: bytes, *, reference: int, ports: Ports = Ports(), wide: bool = False) -> tuple[bytes, ...]:  # noqa: B008 - immutable
    """The user data of each short message that carries the payload; one message when that holds it.

    ``reference`` tells the parts of one message from those of another, and should differ between messages to one
    phone; ``wide`` gives it 16 bits instead of 8.

    Raises: ConfigError when even 255 parts do not hold it.
    Spec: 3GPP TS 23.040 9.2.3.24.1, 9.2.3.24.4, 9.2.3.24.8
    """
    addressed = bytes((_PORTS, 4)) + ports.destination.to_bytes(2) + ports.source.to_bytes(2)
    single = bytes((len(addressed),)) + addressed
    if len(single) + len(payload) <= MAX_USER_DATA_BYTES:
        return (single + payload,)
    marker = bytes((_WIDE_CONCATENATION, 4)) if wide else bytes((_CONCATENATION, 3))
    marker += (reference & 0xFFFF).to_bytes(2) if wide else bytes((reference & 0xFF,))
    room = MAX_USER_DATA_BYTES - len(single) - len(marker) - 2
    chunks = [payload[start : start + room] for start in range(0, len(payload), room)]
    if len(chunks) > MAX_PARTS:
        raise ConfigError(
            f"{len(payload)} octets take {len(chunks)} short messages, and {MAX_PARTS} is the most; send less"
        )
    header = bytes((len(addressed) + len(marker) + 2,)) + addressed + marker
    return tuple(header + bytes((len(chunks), number)) + chunk for number, chunk in enumerate(chunks, 1))


def decode_part(user_data: bytes) -> Part:
    """One short message's user data, which must begin with a header. Elements that say something else are passed over.

    Raises: DecodeError; LimitExceeded for more octets than a short message has.
    """
    if len(user_data) > MAX_USER_DATA_BYTES:
        raise LimitExceeded(f"user data of {len(user_data)} octets, more than {MAX_USER_DATA_BYTES}")
    if not user_data or user_data[0] >= len(user_data):
        raise DecodeError("the user data ends within its header", len(user_data))
    end = user_data[0] + 1
    part = Part(user_data[end:], None)
    pos = 1
    while pos < end:
        kind, length = user_data[pos], user_data[pos + 1] if pos + 1 < end else MAX_USER_DATA_BYTES
        value = user_data[pos + 2 : pos + 2 + length]
        if pos + 2 + length > end or len(value) != _LENGTHS.get(kind, length):
            raise DecodeError(f"element {kind:#04x} of the header has a wrong length", pos)
        if kind == _PORTS:
            part = part._replace(ports=Ports(int.from_bytes(value[:2]), int.from_bytes(value[2:])))
        elif kind in (_CONCATENATION, _WIDE_CONCATENATION):
            part = part._replace(reference=int.from_bytes(value[:-2]), total=value[-2], number=value[-1])
            if not 1 <= part.number <= part.total:
                raise DecodeError(f"part {part.number} of {part.total}", pos)
        pos += 2 + length
    return part


def decode_parts(messages: Sequence[bytes]) -> Part:
    """The payload of one message from the user data of all its parts, in any order, repeated ones included.

    Raises: DecodeError when a part is missing, or belongs to another message.
    """
    parts: dict[int, Part] = {}
    for message in messages[: 2 * MAX_PARTS]:
        part = decode_part(message)
        known = parts.setdefault(part.number, part)
        first = next(iter(parts.values()))
        if known != part or part[1:4] != first[1:4]:
            raise DecodeError("the parts belong to different messages")
    total = next(iter(parts.values())).total if parts else 1
    missing = [str(number) for number in range(1, total + 1) if number not in parts]
    if missing:
        raise DecodeError(f"parts are missing: {', '.join(missing)} of {total}")
    return parts[1]._replace(payload=b"".join(parts[number].payload for number in range(1, total + 1)))


def semi_octets(imsi: str) -> bytes:
    """The IMSI as a SIM keeps it: a digit that tells its parity, then the digits, two to an octet, low half first.

    Raises: ValueError when it is not 6 to 15 digits.
    Spec: 3GPP TS 51.011 10.3.2 (EF_IMSI without its length), 3GPP TS 23.040 9.1.2.3
    """
    if not (imsi.isascii() and imsi.isdecimal() and 6 <= len(imsi) <= 15):
        raise ValueError("an IMSI is 6 to 15 digits")
    digits = f"9{imsi}" if len(imsi) % 2 else f"1{imsi}F"
    return bytes(int(digits[at + 1] + digits[at], 16) for at in range(0, len(digits), 2))


def imsi_octets(imsi: str, form: ImsiForm) -> bytes:
    """The IMSI as it stands in the key of a MAC: as a SIM keeps it, or as its digits, which a few old phones want."""
    return semi_octets(imsi) if form == "semi-octets" else imsi.encode("ascii")
