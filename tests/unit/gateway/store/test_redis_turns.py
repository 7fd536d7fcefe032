"""Commits of one process take turns where they touch the same things."""

from __future__ import annotations

import asyncio

from gateway.store.redis.layout import Address
from gateway.store.redis.turns import Turns

ALICE, BOB = Address("home", "h{alice}"), Address("home", "h{bob}")


async def test_who_comes_alone_waits_for_all_before_and_is_waited_for() -> None:
    """Free cells are taken at once; while somebody comes alone none are free, and those behind keep their order."""
    turns = Turns()
    turns.take({ALICE})
    assert turns.are_free({BOB})
    assert not turns.are_free({ALICE, BOB})
    turns.take({BOB})
    first, second = turns.take_alone(), turns.take_alone()
    assert not turns.are_free({Address("home", "h{carol}")})
    turns.end({ALICE})
    assert not first.done()
    turns.end({BOB})
    assert (first.done(), second.done()) == (True, False)
    turns.end_alone(first)
    assert second.done()
    turns.end_alone(second)
    assert turns.are_free({ALICE, BOB})


async def test_who_gave_up_waiting_holds_up_nobody() -> None:
    """Those behind begin once all before are over, whoever of these is left."""
    turns = Turns()
    turns.take({ALICE})
    first, second = turns.take_alone(), turns.take_alone()
    first.cancel()
    turns.end_alone(first)
    assert not second.done()
    turns.end({ALICE})
    assert second.done()


async def test_the_end_is_when_nobody_has_a_turn() -> None:
    """Closing waits for those under way and for those that wait for them."""
    turns = Turns()
    turns.take({ALICE})
    alone = turns.take_alone()
    finished = asyncio.create_task(turns.finished())
    await asyncio.sleep(0)
    turns.end({ALICE})
    await alone
    await asyncio.sleep(0)
    assert not finished.done()
    turns.end_alone(alone)
    await finished
