"""The clock on the wall as tests have it: it stands unless it is moved, and one that measures does not see that."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from gateway.outreach.background import Background
from gateway.store.protocol import Store


class WallClock:
    """What has a time of day of its own: ``now``, aware UTC."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._moved = timedelta()

    def ticks(self) -> float:
        """What a clock says that nobody moves, in seconds."""
        return (self.now - self._moved).timestamp()

    def move(self, step: timedelta) -> None:
        """Set the clock on the wall."""
        self.now += step
        self._moved += step

    async def noticed(self, store: Store, times: int = 1, *, done: Sequence[Background] = ()) -> None:
        """Returns when processes have told so often that their clock was moved, and these have done what was under way.

        They begin nothing before a lease has passed.
        """
        async with asyncio.timeout(30):
            # Nobody is told of either, so both are looked at again and again.
            while [event.kind for event in await store.load_events(limit=1000)].count("clock.moved") < times:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            while any(background._tasks for background in done):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
