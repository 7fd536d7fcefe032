"""The admin API's route for metrics: those that somebody wants to see, as values."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from math import isfinite

from gateway.admin.models.metrics import SeriesView
from gateway.admin.routes import Call, Route

_SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")


class MetricsRoutes:
    """What is counted, from ``scrape``, which gives it as text; who watches it is told every so many seconds."""

    def __init__(self, scrape: Callable[[], Awaitable[bytes]], watch_seconds: float = 5.0) -> None:
        self._scrape = scrape
        self._watch_seconds = watch_seconds
        self._reading: asyncio.Task[str] | None = None
        self._read_at = 0.0

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        # Metrics have no identities in them: whoever sees events may see them, also of one tenant alone.
        return (
            Route(
                "GET", "/metrics", self.list_metrics, "What is counted and measured, as /metrics exports it",
                gives=SeriesView, many=True, needs="events:read", confined=True, watch_seconds=self._watch_seconds,
                query={"name": "only those whose name begins so; several by commas"},
            ),
        )  # fmt: skip

    async def list_metrics(self, call: Call) -> Sequence[SeriesView]:
        """The newest values."""
        wanted = tuple(call.query.get("name", "").split(","))
        return [
            SeriesView(name=found[1], labels=_labels(found[2] or ""), value=value)
            for line in (await self._exposition()).splitlines()
            if line.startswith(wanted) and (found := _SAMPLE.fullmatch(line)) and isfinite(value := float(found[3]))
        ]

    async def _exposition(self) -> str:
        """The metrics as text: many readers share one that is a moment old."""
        now = asyncio.get_running_loop().time()
        if self._reading is None or now - self._read_at > self._watch_seconds / 2:
            self._read_at = now
            self._reading = asyncio.create_task(self._read())
        return await asyncio.shield(self._reading)

    async def _read(self) -> str:
        return (await self._scrape()).decode()


def _labels(text: str) -> dict[str, str]:
    return {
        name: _ESCAPED.sub(lambda found: "\n" if found[1] == "n" else found[1], value)
        for name, value in _LABEL.findall(text)
    }
