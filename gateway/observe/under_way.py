"""Sessions under way, counted where they begin and end and not asked of any store.

A session may begin in one process and end in another: each counts what it sees by the moment at which the session
began, which both know, and the sum over all processes is right. One that is never ended stops counting by its age.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

LONGEST_SECONDS = 900


class UnderWay(Collector):
    """A gauge of sessions that began within ``LONGEST_SECONDS`` and have not ended."""

    def __init__(self, name: str, documentation: str, clock: Callable[[], float] = time.time) -> None:
        self._name = name
        self._documentation = documentation
        self._clock = clock
        self._by_beginning: defaultdict[int, int] = defaultdict(int)

    def began(self, at: datetime) -> None:
        """Count one that begins."""
        self._add(at, 1)

    def ended(self, began_at: datetime) -> None:
        """Count one that ends, wherever it began."""
        self._add(began_at, -1)

    def collect(self) -> Iterable[Metric]:
        self._forget()
        return (GaugeMetricFamily(self._name, self._documentation, value=sum(self._by_beginning.values())),)

    def _add(self, began_at: datetime, number: int) -> None:
        self._by_beginning[int(began_at.timestamp())] += number
        if len(self._by_beginning) > 2 * LONGEST_SECONDS:  # nobody asks
            self._forget()

    def _forget(self) -> None:
        oldest = self._clock() - LONGEST_SECONDS
        for second in [second for second in self._by_beginning if second < oldest]:
            del self._by_beginning[second]
