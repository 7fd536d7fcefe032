"""How often something may happen for one client before it is told so: a bounded memory of counts.

Kept in each process: it slows down loops, it is no lock.
"""

from __future__ import annotations

from collections import OrderedDict

MAX_REMEMBERED = 50_000


class Guard:
    """Counts by key. At most ``limit`` in ``seconds`` from the first; times are the caller's, in seconds."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def wait(self, key: str, at: float) -> float:
        """Count one; 0 while it is within the limit, else the seconds until the count starts anew."""
        began, count = self._counts.get(key, (at, 0))
        if at - began >= self._seconds:
            began, count = at, 0
        self._counts[key] = (began, count + 1)
        self._counts.move_to_end(key)
        if len(self._counts) > MAX_REMEMBERED:
            self._counts.popitem(last=False)
        return 0 if count < self._limit else began + self._seconds - at
