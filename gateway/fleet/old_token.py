"""Tokens that another RCC.14 server gave: whose each is, under a name that does not tell the token.

Pure.

Spec: RCC.14 TOKEN
"""

from __future__ import annotations

import hashlib

import msgspec


class OldToken(msgspec.Struct, frozen=True):
    """Whose the token is; with ``imei`` it counts for that phone alone."""

    subscriber_id: str
    imei: str = ""


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(OldToken).decode


def key_of(token: str) -> str:
    """Under which name it is kept whose the token is."""
    return f"rcc14-old-token:{hashlib.sha256(token.encode('utf-8', 'replace')).hexdigest()}"
