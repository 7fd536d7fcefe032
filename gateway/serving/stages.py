"""Requests that came together go through their stages together: all through the first, then all through the next.

A processor has the code at hand that it has just run, and not nearly all that a request runs through: a stage of many
requests costs much less than as many times that stage between others. A request that comes alone waits for nobody.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable, Generator, Sequence
from typing import Generic, NamedTuple, TypeVar

Asked = TypeVar("Asked")
Found = TypeVar("Found")


@types.coroutine
def next_stage() -> Generator[None, None, None]:
    """Go on when all others that are about to run in this turn of the event loop have come as far as they get."""
    yield


class _Waiting(NamedTuple, Generic[Asked, Found]):
    asked: Asked
    future: asyncio.Future[Found]


_MOST_TURNS = 3
"""So many turns of the event loop a row waits for more while more keep coming."""


class Together(Generic[Asked, Found]):
    """What was asked at about the same time, answered in a row.

    The row begins with the first turn of the event loop that brings nobody else, or after some turns.
    ``answer`` gives what it finds for each, in the order of what was asked. Where it fails, they are answered one by
    one, and a failure is the one's that fails alone.
    """

    def __init__(self, answer: Callable[[Sequence[Asked]], Sequence[Found]]) -> None:
        self._answer = answer
        self._waiting: list[_Waiting[Asked, Found]] = []

    def ask(self, asked: Asked) -> asyncio.Future[Found]:
        """What is found for this, or the failure that this ends in."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Found] = loop.create_future()
        self._waiting.append(_Waiting(asked, future))
        if len(self._waiting) == 1:
            loop.call_soon(self._gather, loop, 0, _MOST_TURNS)
        return future

    def _gather(self, loop: asyncio.AbstractEventLoop, known: int, turns: int) -> None:
        """Answer all who wait, unless there are more of them than are ``known`` and some ``turns`` are left."""
        if turns and len(self._waiting) > known:
            loop.call_soon(self._gather, loop, len(self._waiting), turns - 1)
        else:
            self._answer_waiting()

    def _answer_waiting(self) -> None:
        # Whoever asked may have gone.
        waiting, self._waiting = [one for one in self._waiting if not one.future.done()], []
        try:
            found = self._answer([asked for asked, _ in waiting])
        except Exception:  # whose it is, and what, that one is told
            for one in waiting:
                self._answer_alone(one)
            return
        for (_, future), one_found in zip(waiting, found, strict=True):
            future.set_result(one_found)

    def _answer_alone(self, one: _Waiting[Asked, Found]) -> None:
        try:
            (found,) = self._answer([one.asked])
        except Exception as error:
            one.future.set_exception(error)
        else:
            one.future.set_result(found)
