"""Answers for callers who may not see who a subscriber is: IMSI, IMEI and MSISDN without their middle."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from gateway.admin.models.base import Model
from gateway.observe.logs import mask

_IDENTITY = re.compile(
    r"(?:(?<![0-9])(?:[0-9]{14,16}|(?:\+|%2[Bb])[0-9]{7,15})|(?:(?<=: )|(?<=(?i:msisdn)=))[0-9]{7,15})(?![0-9])"
)
"""An IMSI, an IMEI or an international MSISDN in the middle of a text.

Networks write an MSISDN without its plus where it is all that a header or a parameter says.
"""
_OCTETS = re.compile(r"(?:[0-9A-Fa-f]{2}){16,}")
"""Octets in hexadecimal, as those of a message in WBXML: what they spell is looked at, not their digits."""


def masked(answer: Model | Sequence[Model]) -> Any:
    """The answer as plain values, in which no text holds a whole identity; keys of tables count as text."""
    return _masked(plain(answer))


def plain(answer: Model | Sequence[Model]) -> Any:
    """The answer as values that JSON has."""
    return (
        answer.model_dump(mode="json") if isinstance(answer, Model) else [one.model_dump(mode="json") for one in answer]
    )


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        if _OCTETS.fullmatch(value):
            octets = _masked_text(bytes.fromhex(value).decode("latin-1")).encode("latin-1").hex()
            return octets.upper() if value.isupper() else octets
        return _masked_text(value)
    if isinstance(value, dict):
        return {_masked(key): _masked(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(one) for one in value]
    return value


def _masked_text(text: str) -> str:
    return _IDENTITY.sub(lambda found: mask(found[0]), text)
