"""What every way of proving an identity ends in, and what limits how often it may be tried."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from adapters.rcc14.messages import Request
from gateway.errors import Conflict
from gateway.fleet.device import Device
from gateway.store.protocol import ClaimEphemeral, Household, Store, Write


class Proof(NamedTuple):
    """Whose request this is.

    ``asked`` is the request to answer, which may be one that this one only completes. ``spends`` are writes that use
    the proof up: they belong into the commit that answers. ``device`` is set where the proof is one device's.
    """

    household: Household
    asked: Request
    spends: tuple[Write, ...] = ()
    device: Device | None = None
    by: str = ""


def cookie_key(cookie: str) -> str:
    """Where the subscriber is kept whom a cookie proves."""
    return f"rcc14-cookie:{cookie}"


async def claim(store: Store, keys: Sequence[str], value: bytes, *, now: datetime, seconds: int) -> bool:
    """Take one of the places for that long; False when all of them are taken."""
    for key in keys:
        if await store.load_ephemeral(key, now) is None:
            try:
                await store.commit(ClaimEphemeral(key, value, now + timedelta(seconds=seconds), now))
            except Conflict:
                continue
            return True
    return False
