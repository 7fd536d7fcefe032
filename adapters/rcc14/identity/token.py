"""RCC.14 tokens: computed from a key and a serial number, so that nothing worth stealing is stored.

A token reads ``<device id>.<serial>.<mac>``: it says itself where to look. Only the current serial of a device and the
one before (its replacement may have been lost on the way) are accepted, both for as long as the current one lives.

Spec: RCC.14 TOKEN characteristic
"""

from __future__ import annotations

import binascii
import functools
import hashlib
import hmac
from datetime import datetime

from gateway.fleet.device import Rcc14State

_DAY_SECONDS = 86_400
_MAC_BYTES = 24
_BLOCK_BYTES = 64
_BASE64URL = bytes.maketrans(b"+/", b"-_")


def token_of(device_id: str, serial: int, key: bytes) -> str:
    """The token with that serial; base64url characters, dots and what device ids are made of."""
    body = f"{device_id}.{serial}"
    mac = binascii.b2a_base64(_hmac(key, body.encode())[:_MAC_BYTES], newline=False)
    return f"{body}.{mac.translate(_BASE64URL).decode()}"


def device_of(token: str) -> str:
    """The id of the device a token claims to be for; empty when it is no token of ours."""
    parts = token.rsplit(".", 2)
    return parts[0] if len(parts) == 3 else ""


def is_current(token: str, device_id: str, state: Rcc14State) -> bool:
    """Whether the token claims to be this device's newest; only ``is_valid`` tells whether it is genuine."""
    return token.rpartition(".")[0] == f"{device_id}.{state.token_serial}"


def is_valid(token: str, device_id: str, state: Rcc14State, key: bytes, *, now: datetime, life_seconds: int) -> bool:
    """Whether the token is genuinely this device's, with its newest serial or the one before, and not expired."""
    if remaining_seconds(state, now=now, life_seconds=life_seconds) <= 0:
        return False
    for serial in (state.token_serial, state.token_serial - 1):
        if serial > 0 and hmac.compare_digest(token.encode(), token_of(device_id, serial, key).encode()):
            return True
    return False


def remaining_seconds(state: Rcc14State, *, now: datetime, life_seconds: int) -> int:
    """How long the newest token is still good for; 0 when it has expired or there is none."""
    if state.token_issued_at is None:
        return 0
    age = now - state.token_issued_at
    begun = age.days * _DAY_SECONDS + age.seconds + (age.microseconds > 0)
    return life_seconds - begun if begun < life_seconds else 0


def is_due(state: Rcc14State, *, now: datetime, life_seconds: int) -> bool:
    """Whether a new token should be issued: there is none yet, or half the life of the newest one is over."""
    return remaining_seconds(state, now=now, life_seconds=life_seconds) <= life_seconds / 2


def _hmac(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA-256, a third of the library's price because the key is read once and not for every message.

    Spec: RFC 2104 2, 4
    """
    inner, outer = _begun(key)
    inner, outer = inner.copy(), outer.copy()
    inner.update(message)
    outer.update(inner.digest())
    return outer.digest()


@functools.lru_cache(4)
def _begun(key: bytes) -> tuple[hashlib._Hash, hashlib._Hash]:
    """The inner and the outer hash after the padded key."""
    padded = (hashlib.sha256(key).digest() if len(key) > _BLOCK_BYTES else key).ljust(_BLOCK_BYTES, b"\0")
    inner, outer = (hashlib.sha256(bytes(octet ^ pad for octet in padded)) for pad in (0x36, 0x5C))
    return inner, outer
