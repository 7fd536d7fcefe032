"""How often a secret may be tried, and by whom, so that nobody guesses it and nobody locks its owner out.

Wrong attempts are counted in three ways. From one address at one name, and from one address at all names, too many are
refused. At one name from everywhere, too many only make each further attempt slow: whoever knows a name can fail at it
from many addresses, and must not keep its owner out by that.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

from gateway.errors import Conflict, TooMany
from gateway.store.protocol import ClaimEphemeral, Store

WINDOW_SECONDS = 900
SLOW_SECONDS = 3.0
PER_NAME_AND_ADDRESS, PER_ADDRESS, PER_NAME = 10, 50, 20


class Limit(NamedTuple):
    """What wrong attempts are counted for, how many there may be in a window, and whether more are refused or slow."""

    counted: str
    most: int
    refuses: bool


def limits(name: str, address: str) -> tuple[Limit, ...]:
    """The limits on attempts at that name from that address."""
    return (
        Limit(f"name {name} from {address}", PER_NAME_AND_ADDRESS, refuses=True),
        *address_limits(address),
        Limit(f"name {name}", PER_NAME, refuses=False),
    )


def address_limits(address: str) -> tuple[Limit, ...]:
    """The limits on attempts from that address where no name is given."""
    return (Limit(f"address {address}", PER_ADDRESS, refuses=True),)


class Attempts:
    """Wrong attempts in a store, in windows of time that follow each other."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def admit(self, bounds: tuple[Limit, ...], now: datetime) -> float:
        """How many seconds the attempt has to be held back before it is looked at.

        Raises: TooMany, with when the next one is permitted.
        """
        seconds = 0.0
        for limit in bounds:
            if not await self._has(limit, limit.most - 1, now):
                continue
            if limit.refuses:
                wait = round((_end(now) - now).total_seconds()) + 1
                raise TooMany(f"too many wrong attempts; wait {-(-wait // 60)} minutes", wait)
            seconds = SLOW_SECONDS
        return seconds

    async def failed(self, bounds: tuple[Limit, ...], now: datetime) -> None:
        """Note that an attempt was wrong."""
        for limit in bounds:
            low, high = 0, limit.most
            while low < high:  # places are taken from the first on, and all end together
                middle = (low + high) // 2
                if await self._has(limit, middle, now):
                    low = middle + 1
                else:
                    high = middle
            for place in range(low, limit.most):
                with suppress(Conflict):  # another attempt took it meanwhile
                    await self._store.commit(ClaimEphemeral(_place(limit, place, now), b"", _end(now), now))
                    break

    async def _has(self, limit: Limit, place: int, now: datetime) -> bool:
        return await self._store.load_ephemeral(_place(limit, place, now), now) is not None


def _end(now: datetime) -> datetime:
    """When the window ends that ``now`` is in."""
    return datetime.fromtimestamp((now.timestamp() // WINDOW_SECONDS + 1) * WINDOW_SECONDS, UTC)


def _place(limit: Limit, place: int, now: datetime) -> str:
    who = hashlib.sha256(limit.counted.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return f"login/{who}/{int(now.timestamp()) // WINDOW_SECONDS}/{place}"
