"""How busy the process is: requests under way, and how late the event loop wakes up.

A front end asks ``is_overloaded`` before it works for a request; the answer costs nothing.
"""

from __future__ import annotations

import asyncio
import random

from gateway.observe import metrics

PERIOD_SECONDS = 0.25


class Load:
    """The load of one process. Whoever serves adds 1 to ``in_flight`` for as long as a request is under way."""

    def __init__(self, *, max_in_flight: int, max_lag_seconds: float) -> None:
        self._max_in_flight = max_in_flight
        self._max_lag_seconds = max_lag_seconds
        self.in_flight = 0
        self.lag_seconds = 0.0

    @property
    def is_overloaded(self) -> bool:
        """Whether a request that comes now should be turned away.

        The later the loop is, the fewer are taken, but never none: who turns everybody away, and is late by that,
        serves nobody any more.
        """
        if self.in_flight > self._max_in_flight:
            return True
        late = self.lag_seconds > self._max_lag_seconds
        return late and random.random() * self.lag_seconds > self._max_lag_seconds  # noqa: S311 - as in spread

    @property
    def is_swamped(self) -> bool:
        """Whether not even that should be looked at which belongs to something begun before."""
        return self.in_flight > 2 * self._max_in_flight

    async def watch(self) -> None:
        """Measure for ever."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + PERIOD_SECONDS
            await asyncio.sleep(PERIOD_SECONDS)
            self.lag_seconds = max(0.0, loop.time() - due)
            metrics.loop_lag_seconds.set(self.lag_seconds)
            metrics.in_flight.set(self.in_flight)


def spread(seconds: int) -> int:
    """Seconds for Retry-After: not the same for all who are turned away together."""
    return seconds + random.randrange(seconds + 1)  # noqa: S311 - spreads, hides nothing
