"""Operations: protocol-neutral intent on one node of one device, with an id and an outcome."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

Verb = Literal["Get", "Add", "Replace", "Delete", "Copy", "Exec"]


class Operation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One intent. ``value`` is text as in the tree (``bin`` as base64); ``status`` is None until the device answered.

    ``origin`` is ``diff`` for what brings the device to its desired tree, ``queue`` for what an operator asked for,
    ``discover`` for the gateway's own reads. ``results`` are the (URI, value) pairs a Get returned.
    """

    id: str
    verb: Verb
    uri: str
    format: str = ""
    type: str = ""
    value: str | None = None
    source: str = ""
    origin: Literal["diff", "queue", "discover"] = "queue"
    created_at: datetime | None = None
    sent_at: datetime | None = None
    status: int | None = None
    status_at: datetime | None = None
    results: tuple[tuple[str, str], ...] = ()
    attempts: int = 0
