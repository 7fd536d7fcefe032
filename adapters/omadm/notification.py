"""Package 0: the notification that makes a device call the gateway, signed for that device alone.

Spec: OMA-TS-DM_Notification-V1_2 6
"""

from __future__ import annotations

import base64
import enum
import hashlib
import hmac
from typing import Literal, NamedTuple

from adapters.sms.wsp import Push
from gateway.errors import DecodeError, LimitExceeded

VERSION = 11
"""What a DM 1.2 notification says: version 1.1, times ten."""

MAX_BYTES = 1024
MAX_SERVER_ID_BYTES = 255

ResyncForm = Literal["octets", "text"]
RESYNC_NONCES: dict[ResyncForm, bytes] = {"octets": bytes(4), "text": b"0x00000000"}
"""The nonce for a device that lost its own, as the standard is read: four zero octets, or the characters."""

_DIGEST_BYTES = 16
_HEADER_BYTES = 24


class UiMode(enum.IntEnum):
    """Whether the user is told, or asked, before the session."""

    NOT_SPECIFIED = 0
    BACKGROUND = 1
    INFORMATIVE = 2
    USER_INTERACTION = 3


class Initiator(enum.IntEnum):
    """Who wants the session."""

    USER = 0
    SERVER = 1


class Notification(NamedTuple):
    """What a notification says. ``future_use`` are the 27 bits that mean nothing yet."""

    session_id: int
    server_id: str
    ui_mode: UiMode = UiMode.NOT_SPECIFIED
    initiator: Initiator = Initiator.SERVER
    version: int = VERSION
    future_use: int = 0
    vendor: bytes = b""


def encode_notification(notification: Notification, account_digest: str, nonce: bytes) -> bytes:
    """The octets, with the digest that only gateway and device can make.

    ``account_digest`` is that of the server's credentials (``B64(MD5(server id ":" password))``), ``nonce`` the raw
    octets of the server's nonce.

    Raises: ValueError when a field does not fit its width.
    Spec: OMA-TS-DM_Notification-V1_2 6.1, 6.2
    """
    server_id = notification.server_id.encode()
    if not 1 <= notification.session_id <= 0xFFFF or not 0 <= notification.version < 1 << 10:
        raise ValueError("a session id is 1 to 65535 and a version 0 to 1023")
    if not 1 <= len(server_id) <= MAX_SERVER_ID_BYTES or not 0 <= notification.future_use < 1 << 27:
        raise ValueError(f"a server id is 1 to {MAX_SERVER_ID_BYTES} octets, and future use 27 bits")
    bits = notification.version << 30 | notification.ui_mode << 28 | notification.initiator << 27
    bits |= notification.future_use
    trigger = bits.to_bytes(5) + notification.session_id.to_bytes(2) + bytes((len(server_id),))
    trigger += server_id + notification.vendor
    return _digest(trigger, account_digest, nonce) + trigger


def decode_notification(octets: bytes) -> Notification:
    """What the octets say, whoever wrote them: see ``is_authentic``.

    Raises: DecodeError; LimitExceeded over 1024 octets.
    """
    if len(octets) > MAX_BYTES:
        raise LimitExceeded(f"a notification of {len(octets)} octets, more than {MAX_BYTES}")
    if len(octets) <= _HEADER_BYTES:
        raise DecodeError("a notification ends within its header", len(octets))
    bits = int.from_bytes(octets[16:21])
    session_id, length = int.from_bytes(octets[21:23]), octets[23]
    end = _HEADER_BYTES + length
    if not length or end > len(octets):
        raise DecodeError(f"a server id of {length} octets in {len(octets) - _HEADER_BYTES}", 23)
    try:
        server_id = octets[_HEADER_BYTES:end].decode()
    except UnicodeDecodeError:
        raise DecodeError("the server id is not UTF-8", _HEADER_BYTES) from None
    return Notification(
        session_id=session_id,
        server_id=server_id,
        ui_mode=UiMode(bits >> 28 & 3),
        initiator=Initiator(bits >> 27 & 1),
        version=bits >> 30,
        future_use=bits & (1 << 27) - 1,
        vendor=octets[end:],
    )


def is_authentic(octets: bytes, account_digest: str, nonce: bytes) -> bool:
    """Whether the digest was made with these credentials and this nonce."""
    expected = _digest(octets[_DIGEST_BYTES:], account_digest, nonce)
    return hmac.compare_digest(octets[:_DIGEST_BYTES], expected)


def push(octets: bytes) -> Push:
    """The push that carries a notification to a phone. Spec: OMA-TS-DM_Notification-V1_2 7"""
    return Push("application/vnd.syncml.notification", octets, application_id="x-wap-application:syncml.dm")


def _digest(trigger: bytes, account_digest: str, nonce: bytes) -> bytes:
    inner = base64.b64encode(_md5(trigger))
    return _md5(account_digest.encode() + b":" + nonce + b":" + inner)


def _md5(octets: bytes) -> bytes:
    return hashlib.md5(octets, usedforsecurity=False).digest()
