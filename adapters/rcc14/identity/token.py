"""RCC.14 tokens: computed from a key and a serial number, so that nothing worth stealing is stored.

A token reads ``<device id>.<serial>.<mac>``: it says itself where to look. Only the current serial of a device and the
one before (its replacement may have been lost on the way) are accepted, and only while they are young enough.

Spec: RCC.14 TOKEN characteristic
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime, timedelta

from gateway.fleet.device import Rcc14State

_MAC_BYTES = 24


def token_of(device_id: str, serial: int, key: bytes) -> str:
    """The token with that serial; base64url characters, dots and what device ids are made of."""
    body = f"{device_id}.{serial}"
    mac = hmac.digest(key, body.encode(), hashlib.sha256)[:_MAC_BYTES]
    return f"{body}.{base64.urlsafe_b64encode(mac).decode()}"


def device_of(token: str) -> str:
    """The id of the device a token claims to be for; empty when it is no token of ours."""
    parts = token.rsplit(".", 2)
    return parts[0] if len(parts) == 3 else ""


def is_valid(token: str, device_id: str, state: Rcc14State, key: bytes, *, now: datetime, life_seconds: int) -> bool:
    """Whether the device's token is genuine, current and not expired."""
    if not state.token_serial or state.token_issued_at is None:
        return False
    if now >= state.token_issued_at + timedelta(seconds=life_seconds):
        return False
    serial = token.rsplit(".", 2)[1]
    if serial not in (str(state.token_serial), str(state.token_serial - 1)) or serial == "0":
        return False
    return hmac.compare_digest(token.encode(), token_of(device_id, int(serial), key).encode())


def is_due(state: Rcc14State, *, now: datetime, life_seconds: int) -> bool:
    """Whether a new token should be issued: there is none yet, or half the life of the current one is over."""
    return state.token_issued_at is None or now >= state.token_issued_at + timedelta(seconds=life_seconds / 2)
