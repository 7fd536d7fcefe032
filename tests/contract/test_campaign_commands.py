"""What people say of a campaign in the middle of many starts, over every store."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from campaign_lab import TERMS, Lab

from gateway.fleet.campaign import CampaignState, Content, Target

MANY = 20_000


@contextlib.asynccontextmanager
async def time_going_by(lab: Lab) -> AsyncIterator[None]:
    """The clock goes on as clocks do, faster than any store can start devices."""

    async def go_on() -> None:
        while True:
            lab.now += timedelta(seconds=0.01)
            await asyncio.sleep(0.005)

    going = asyncio.create_task(go_on())
    yield
    going.cancel()


@pytest.mark.parametrize("elsewhere", [False, True], ids=["the process at work", "another process"])
async def test_a_command_gets_its_turn_in_the_middle_of_many_starts(lab: Lab, elsewhere: bool) -> None:
    """Whichever process is told, and however fast devices are started: pause, resume and stop are taken at once."""
    working = await lab.begin()
    ids = tuple(f"x{number:05}" for number in range(MANY))
    told = await lab.begin() if elsewhere else working
    async with time_going_by(lab), asyncio.timeout(30):
        made = await working.create(
            name="x", target=Target(devices=ids), content=Content(refresh="omadm"), groups=[], **TERMS
        )
        for count in range(5):
            begun = (await told.load(made.id)).started
            while (await told.load(made.id)).started < begun + 20:  # noqa: ASYNC110 - the store tells nobody
                await asyncio.sleep(0.01)
            paused = await told.pause(made.id)
            assert (paused.state, paused.started < MANY) == (CampaignState.PAUSED, True), count
            await told.resume(made.id)
        stopped = await told.stop(made.id)
        assert (await working.load(made.id)).started == stopped.started < MANY
