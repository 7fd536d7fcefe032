"""Short messages as plain values, and the user data they become.

Spec: 3GPP TS 23.038 6.2.1 (GSM 7 bit default alphabet), TS 23.040 9.2.3.24.4 (application port addressing), RCC.14 2.3
"""

from __future__ import annotations

from typing import NamedTuple

from adapters.sms.pdu import Ports, encode_parts
from gateway.fleet.push import Submission

DCS_GSM7 = 0x00
DCS_UCS2 = 0x08
MAX_SEPTETS = 160
MAX_OCTETS = 140
PORT_HEADER_BYTES = 7

_ALPHABET = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPE = 0x1B
_SEPTETS = {character: bytes([code]) for code, character in enumerate(_ALPHABET) if code != _ESCAPE} | {
    character: bytes([_ESCAPE, code])
    for character, code in {
        "\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40, "€": 0x65,
    }.items()
}  # fmt: skip


class ShortMessage(NamedTuple):
    """Text for one number (``+`` and digits): for an application on that port of the phone, or with 0 for its user."""

    to: str
    text: str
    port: int = 0


class UserData(NamedTuple):
    """What goes into the message: the data coding scheme, the header (empty: none) and the coded text.

    In the 7 bit alphabet the text is one septet to an octet: packing is the bearer's, where its link asks for it.
    """

    coding: int
    header: bytes
    text: bytes


def encode_user_data(message: ShortMessage) -> UserData:
    """The message as one SMS: text for an application in UTF-16, for people in the 7 bit alphabet if that has it all.

    Raises: ValueError when it does not fit into one SMS.
    """
    if message.port:
        parts = encode_parts(message.text.encode("utf-16-be"), reference=0, ports=Ports(message.port, 0))
        if len(parts) > 1:
            raise ValueError(f"takes {len(parts)} SMS")
        return UserData(DCS_UCS2, parts[0][:PORT_HEADER_BYTES], parts[0][PORT_HEADER_BYTES:])
    septets = [_SEPTETS.get(character) for character in message.text]
    if None in septets:
        return _fitting(UserData(DCS_UCS2, b"", message.text.encode("utf-16-be")), MAX_OCTETS)
    return _fitting(UserData(DCS_GSM7, b"", b"".join(filter(None, septets))), MAX_SEPTETS)


def _fitting(data: UserData, most: int) -> UserData:
    size = len(data.header) + len(data.text)
    if size > most:
        raise ValueError(f"takes {size} of the {most} {'octets' if data.coding == DCS_UCS2 else 'septets'} of one SMS")
    return data


def submission(message: ShortMessage) -> Submission:
    """The message for a bearer.

    Raises: ValueError when it does not fit into one SMS.
    """
    data = encode_user_data(message)
    return Submission(message.to, data.coding, data.header, data.text, message.text)
