"""Answers for callers who may not see who a subscriber is: IMSI, IMEI and MSISDN without their middle."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from gateway.admin.models.base import Model
from gateway.observe.logs import mask

_IDENTITY = re.compile(r"(?<![0-9])(?:[0-9]{14,16}|(?:\+|%2[Bb])[0-9]{7,15})(?![0-9])")
"""An IMSI, an IMEI or an international MSISDN in the middle of a text."""


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
        return _IDENTITY.sub(lambda found: mask(found[0]), value)
    if isinstance(value, dict):
        return {_masked(key): _masked(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(one) for one in value]
    return value
