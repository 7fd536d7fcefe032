"""Compare-and-set that was lost to another writer: read anew and tried again, after a pause that grows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from gateway.errors import Conflict, MogateError

TRIES = 8
PAUSE_SECONDS = 0.01

T = TypeVar("T")


async def try_again(change: Callable[[], Awaitable[T]], in_vain: MogateError) -> T:
    """What the change gives, which reads, decides and commits, once it is not refused with Conflict.

    Raises: ``in_vain`` when others are quicker again and again.
    """
    for attempt in range(TRIES):
        try:
            return await change()
        except Conflict:
            await asyncio.sleep(PAUSE_SECONDS * attempt)
    raise in_vain
