"""Devices that should call."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.admin.models.base import Model


class NewReach(Model):
    """That a device should call, for this ``reason``.

    ``within_seconds`` spreads the moment at which it is first pushed to; ``deadline_seconds`` is after how long it is
    given up (absent: as the settings have it). ``protocol`` is the one it should call by, where it speaks several.
    """

    reason: Annotated[str, Field(min_length=1, max_length=200)] = "asked for by an operator"
    within_seconds: Annotated[int, Field(ge=0, le=31_536_000)] = 0
    deadline_seconds: Annotated[int, Field(ge=1, le=31_536_000)] | None = None
    protocol: Literal["", "omadm", "rcc14"] = ""


class ReachView(Model):
    """A device that should call: ``waiting`` for its turn, ``pushed``, ``contacted`` when it called but is not done.

    ``way`` and ``push`` are of the newest attempt: "rcscfg", "dm_notify", "bootstrap", "cp", or "wait" for its own
    call. ``due_at`` is when it is looked at next. ``why`` is the newest thing that went wrong.
    """

    device_id: str
    state: str
    reason: str
    protocol: str
    way: str
    push: str
    attempts: int
    ordered_at: datetime
    pushed_at: datetime | None
    called_at: datetime | None
    deadline_at: datetime
    why: str
