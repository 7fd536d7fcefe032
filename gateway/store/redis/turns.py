"""Commits of one process that touch the same things take effect in the order in which they were asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Collection


class Turns:
    """Who has to wait for whom. A commit that says nothing of what it touches comes alone."""

    def __init__(self) -> None:
        self._last: dict[str, asyncio.Future[None]] = {}
        self._alone: asyncio.Future[None] | None = None
        self._open: dict[asyncio.Future[None], None] = {}

    def is_taken(self, names: Collection[str]) -> bool:
        """Whether an unfinished turn touches one of these, or may touch anything."""
        return self._alone is not None or any(name in self._last for name in names)

    def take(self, names: Collection[str] | None) -> tuple[asyncio.Future[None], list[asyncio.Future[None]]]:
        """A turn, and those to await before it begins. ``None`` touches anything."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if names is None:
            before = list(self._open)
            self._alone = turn
        else:
            before = [self._last[name] for name in names if name in self._last]
            if self._alone is not None:
                before.append(self._alone)
            for name in names:
                self._last[name] = turn
        self._open[turn] = None
        return turn, before

    def end(self, turn: asyncio.Future[None], names: Collection[str] | None) -> None:
        """Let those behind go on."""
        turn.set_result(None)
        del self._open[turn]
        if names is None:
            if self._alone is turn:
                self._alone = None
        else:
            for name in names:
                if self._last.get(name) is turn:
                    del self._last[name]

    async def finished(self) -> None:
        """Returns when no turn is open."""
        while self._open:
            await asyncio.wait(list(self._open))
