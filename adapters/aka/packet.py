"""EAP packets of the methods AKA and AKA', and their attributes.

Spec: RFC 3748 4 (EAP), RFC 4187 8 and 10 (EAP-AKA), RFC 9048 3 (EAP-AKA')
"""

from __future__ import annotations

import enum
import hashlib
import hmac
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from gateway.errors import DecodeError, LimitExceeded

MAX_PACKET_BYTES = 4096
MAX_ATTRIBUTES = 32


class Code(enum.IntEnum):
    """The kinds of EAP packets."""

    REQUEST = 1
    RESPONSE = 2
    SUCCESS = 3
    FAILURE = 4


class Type(enum.IntEnum):
    """The EAP methods that matter here."""

    IDENTITY = 1
    NAK = 3
    AKA = 23
    AKA_PRIME = 50


class Subtype(enum.IntEnum):
    """The messages of AKA and AKA'."""

    CHALLENGE = 1
    AUTHENTICATION_REJECT = 2
    SYNCHRONIZATION_FAILURE = 4
    IDENTITY = 5
    NOTIFICATION = 12
    REAUTHENTICATION = 13
    CLIENT_ERROR = 14


class At(enum.IntEnum):
    """Attributes; from 128 on those that a receiver may skip."""

    RAND = 1
    AUTN = 2
    RES = 3
    AUTS = 4
    PADDING = 6
    PERMANENT_ID_REQ = 10
    MAC = 11
    NOTIFICATION = 12
    ANY_ID_REQ = 13
    IDENTITY = 14
    FULLAUTH_ID_REQ = 17
    COUNTER = 19
    COUNTER_TOO_SMALL = 20
    NONCE_S = 21
    CLIENT_ERROR_CODE = 22
    KDF_INPUT = 23
    KDF = 24
    IV = 129
    ENCR_DATA = 130
    NEXT_PSEUDONYM = 132
    NEXT_REAUTH_ID = 133
    CHECKCODE = 134
    RESULT_IND = 135
    BIDDING = 136


FIRST_SKIPPABLE = 128
_KNOWN = frozenset(At)
_MAC_BYTES = 16
_BLOCK_BYTES = 16
_HEADER_BYTES = 8


class Packet(NamedTuple):
    """One EAP packet. ``subtype`` and ``attributes`` are AKA's and AKA's alone; ``data`` is of all other methods.

    An attribute's value is what follows its length: two octets of its own and what comes after them. Attributes keep
    their order, and one that occurs twice its first value but for AT_KDF.
    """

    code: int
    identifier: int
    type: int = 0
    subtype: int = 0
    attributes: tuple[tuple[int, bytes], ...] = ()
    data: bytes = b""

    def get(self, attribute: At) -> bytes | None:
        """The value of that attribute, or None."""
        return next((value for kind, value in self.attributes if kind == attribute), None)


def decode_packet(octets: bytes) -> Packet:
    """The packet that the octets are.

    Raises: DecodeError when they are none, or hold an attribute that must be understood and is not.
    """
    if len(octets) > MAX_PACKET_BYTES:
        raise LimitExceeded(f"an EAP packet of {len(octets)} octets")
    if len(octets) < 4 or int.from_bytes(octets[2:4]) != len(octets):
        raise DecodeError("the EAP packet is not as long as it says")
    code, identifier = octets[0], octets[1]
    if len(octets) == 4:
        return Packet(code, identifier)
    kind = octets[4]
    if kind not in (Type.AKA, Type.AKA_PRIME):
        return Packet(code, identifier, kind, data=octets[5:])
    if len(octets) < _HEADER_BYTES:
        raise DecodeError("the EAP-AKA packet has no subtype")
    return Packet(code, identifier, kind, octets[5], _decode_attributes(octets, _HEADER_BYTES))


def _decode_attributes(octets: bytes, position: int = 0) -> tuple[tuple[int, bytes], ...]:
    found: list[tuple[int, bytes]] = []
    while position < len(octets):
        kind, size = octets[position], 4 * octets[position + 1] if position + 1 < len(octets) else 0
        if not size or position + size > len(octets):
            raise DecodeError("an attribute is not as long as it says", position)
        if kind < FIRST_SKIPPABLE and kind not in _KNOWN:
            raise DecodeError(f"attribute {kind} is not understood", position)
        found.append((kind, octets[position + 2 : position + size]))
        if len(found) > MAX_ATTRIBUTES:
            raise LimitExceeded("too many attributes", position)
        position += size
    return tuple(found)


def encode_packet(packet: Packet, k_aut: bytes = b"", *, covers: bytes = b"") -> bytes:
    """The packet's octets; with a key, an AT_MAC over them, and what it ``covers`` too, is its last attribute."""
    if packet.type not in (Type.AKA, Type.AKA_PRIME):
        body = (bytes([packet.type]) if packet.type else b"") + packet.data
    else:
        body = bytes([packet.type, packet.subtype, 0, 0]) + b"".join(_encode(*one) for one in packet.attributes)
        if k_aut:
            body += _encode(At.MAC, bytes(2 + _MAC_BYTES))
    octets = bytes([packet.code, packet.identifier]) + (4 + len(body)).to_bytes(2) + body
    return octets[:-_MAC_BYTES] + _mac(octets + covers, packet.type, k_aut) if k_aut else octets


def is_mac_right(octets: bytes, packet: Packet, k_aut: bytes, *, covers: bytes = b"") -> bool:
    """Whether the packet carries an AT_MAC, and the right one; compared in constant time."""
    position = _HEADER_BYTES
    for kind, value in packet.attributes:
        if kind == At.MAC and len(value) == 2 + _MAC_BYTES:
            start = position + 4
            blank = octets[:start] + bytes(_MAC_BYTES) + octets[start + _MAC_BYTES :]
            return hmac.compare_digest(_mac(blank + covers, packet.type, k_aut), value[2:])
        position += 2 + len(value)
    return False


def encrypted(k_encr: bytes, iv: bytes, *attributes: tuple[int, bytes]) -> tuple[tuple[int, bytes], ...]:
    """AT_IV and AT_ENCR_DATA that carry these attributes.

    Spec: RFC 4187 10.12
    """
    clear = b"".join(_encode(*one) for one in attributes)
    if lacking := -len(clear) % _BLOCK_BYTES:
        clear += _encode(At.PADDING, bytes(lacking - 2))
    encryptor = Cipher(AES(k_encr), CBC(iv)).encryptor()
    return (At.IV, bytes(2) + iv), (At.ENCR_DATA, bytes(2) + encryptor.update(clear))


def decrypted(packet: Packet, k_encr: bytes) -> Packet:
    """The packet with the attributes that its AT_ENCR_DATA carries, and no others.

    Raises: DecodeError when it carries none.
    """
    iv, hidden = (packet.get(At.IV) or b"")[2:], (packet.get(At.ENCR_DATA) or b"")[2:]
    if len(iv) != _BLOCK_BYTES or not hidden or len(hidden) % _BLOCK_BYTES:
        raise DecodeError("the encrypted attributes are not whole blocks with a vector to begin with")
    clear = Cipher(AES(k_encr), CBC(iv)).decryptor().update(hidden)
    return packet._replace(attributes=_decode_attributes(clear))


def _mac(octets: bytes, kind: int, k_aut: bytes) -> bytes:
    digest = hashlib.sha1 if kind == Type.AKA else hashlib.sha256
    return hmac.digest(k_aut, octets, digest)[:_MAC_BYTES]


def _encode(kind: int, value: bytes) -> bytes:
    return bytes([kind, (2 + len(value)) // 4]) + value


def sized(text: bytes, size: int | None = None) -> bytes:
    """An attribute value that begins with its length (in octets unless told) and is padded to a multiple of four."""
    return (len(text) if size is None else size).to_bytes(2) + text + bytes(-len(text) % 4)


def unsized(value: bytes) -> bytes:
    """What such a value holds.

    Raises: DecodeError when it says to be longer than it is.
    """
    size = int.from_bytes(value[:2])
    if size > len(value) - 2:
        raise DecodeError("an attribute's content is not as long as it says")
    return value[2 : 2 + size]


def checkcode(kind: int, messages: bytes) -> bytes:
    """The value of AT_CHECKCODE over the AKA-Identity messages that went before; without any only its two octets."""
    if not messages:
        return bytes(2)
    digest = hashlib.sha1 if kind == Type.AKA else hashlib.sha256
    return bytes(2) + digest(messages).digest()
