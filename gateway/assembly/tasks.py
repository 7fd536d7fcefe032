"""Tasks that go on for as long as the gateway serves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine


def go_on(stack: contextlib.AsyncExitStack, work: Coroutine[None, None, None]) -> None:
    """Have that done beside everything else, from now on until the stack closes."""
    stack.push_async_callback(_stop, asyncio.create_task(work))


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
