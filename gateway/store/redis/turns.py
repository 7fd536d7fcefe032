"""Commits of one process that touch the same things take effect in the order in which they were asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from gateway.store.redis.layout import Address


class Turns:
    """Who has to wait for whom. A commit to cells that nobody else is writing waits for nothing and makes no future.

    Any other comes alone: once all before it are over, and those that are asked for meanwhile come after it, alone too.
    """

    def __init__(self) -> None:
        self._taken: set[Address] = set()
        self._alone: dict[asyncio.Future[None], None] = {}

    def are_free(self, cells: Collection[Address]) -> bool:
        """Whether no unfinished turn touches one of these, or comes alone."""
        return not self._alone and self._taken.isdisjoint(cells)

    def take(self, cells: Collection[Address]) -> None:
        """Begin a turn to cells that are free."""
        self._taken.update(cells)

    def end(self, cells: Collection[Address]) -> None:
        """That turn is over."""
        self._taken.difference_update(cells)
        self._begin_next()

    def take_alone(self) -> asyncio.Future[None]:
        """A turn to any cells; it begins when this is done."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._alone[turn] = None
        self._begin_next()
        return turn

    def end_alone(self, turn: asyncio.Future[None]) -> None:
        """That turn is over, or nobody waits for it any more."""
        del self._alone[turn]
        self._begin_next()

    async def finished(self) -> None:
        """Returns when all turns that were asked for are over."""
        turn = self.take_alone()
        try:
            await turn
        finally:
            self.end_alone(turn)

    def _begin_next(self) -> None:
        if self._alone and not self._taken:
            first = next(iter(self._alone))
            if not first.done():
                first.set_result(None)
