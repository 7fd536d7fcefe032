"""The clock on the wall as tests have it: it stands unless it is moved, and one that measures does not see that."""

from __future__ import annotations

from datetime import datetime, timedelta


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
