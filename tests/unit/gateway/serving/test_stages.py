"""Requests that came together go through each stage together, and none of them pays for another's failure."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from gateway.serving.stages import Together, next_stage


async def test_all_come_to_the_end_of_a_stage_before_one_begins_the_next() -> None:
    """In the order in which they came, stage by stage."""
    done: list[tuple[str, int]] = []

    async def request(name: str) -> None:
        for stage in range(3):
            done.append((name, stage))
            await next_stage()

    await asyncio.gather(*map(request, "abc"))
    assert done == [(name, stage) for stage in range(3) for name in "abc"]


class _Halves:
    """Halves even numbers, and notes what it was asked at once."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    def __call__(self, numbers: Sequence[int]) -> Sequence[int]:
        self.asked.append(list(numbers))
        odd = [number for number in numbers if number % 2]
        if odd:
            raise ValueError(f"{odd[0]} is odd")
        return [number // 2 for number in numbers]


async def test_what_is_asked_in_one_turn_is_answered_at_once() -> None:
    """Everybody gets what belongs to his question; who asks later is answered later."""
    halves = _Halves()
    together = Together(halves)
    assert await asyncio.gather(*map(together.ask, (4, 8, 6))) == [2, 4, 3]
    assert await together.ask(2) == 1
    assert halves.asked == [[4, 8, 6], [2]]


async def test_who_comes_in_the_next_turn_is_answered_with_those_before() -> None:
    """A turn that brings nobody ends the waiting, and so do some turns that each bring somebody."""
    halves, numbers = _Halves(), range(0, 40, 2)
    together = Together(halves)

    async def one_a_turn(numbers: Sequence[int]) -> list[int]:
        asked = []
        for number in numbers:
            asked.append(together.ask(number))
            await next_stage()
        return list(await asyncio.gather(*asked))

    assert await one_a_turn(numbers[:2]) == [0, 1]
    assert halves.asked == [[0, 2]]
    assert await one_a_turn(numbers) == [number // 2 for number in numbers]
    rows = halves.asked[1:]
    assert [number for row in rows for number in row] == list(numbers)
    assert 1 < len(rows) < len(numbers)


async def test_a_failure_is_the_one_s_that_fails_alone() -> None:
    """The others have their answers."""
    together = Together(_Halves())
    found = await asyncio.gather(*map(together.ask, (4, 7, 6)), return_exceptions=True)
    assert (found[0], found[2]) == (2, 3)
    assert isinstance(found[1], ValueError)
    assert str(found[1]) == "7 is odd"


async def test_one_who_has_gone_keeps_nobody_from_an_answer() -> None:
    """A device that hangs up is not waited for."""
    halves = _Halves()
    together = Together(halves)
    gone, stays = together.ask(4), together.ask(8)
    gone.cancel()
    assert await stays == 4
    assert halves.asked == [[8]]
    with pytest.raises(asyncio.CancelledError):
        await gone
