"""How long things took: counted in buckets that are exact to a sixty-fourth, and can be added up over processes."""

from __future__ import annotations

from collections import Counter

PRECISION_BITS = 7


class Latencies:
    """Durations by bucket. ``counts`` are microseconds (the lower end of a bucket) and how many were in it."""

    def __init__(self, counts: dict[int, int] | None = None) -> None:
        self.counts = Counter(counts or {})

    def note(self, seconds: float) -> None:
        """Count one."""
        microseconds = max(0, round(seconds * 1_000_000))
        shift = max(0, microseconds.bit_length() - PRECISION_BITS)
        self.counts[microseconds >> shift << shift] += 1

    def add(self, other: Latencies) -> None:
        """Count what another counted."""
        self.counts.update(other.counts)

    def quantile(self, share: float) -> float:
        """The seconds within which that share of all was done; 0 when there were none."""
        wanted = share * self.counts.total()
        passed = 0
        for microseconds in sorted(self.counts):
            passed += self.counts[microseconds]
            if passed >= wanted:
                return microseconds / 1_000_000
        return 0.0
