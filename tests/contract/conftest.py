"""The stores under contract. A new store joins with one opener; the suite runs unchanged."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from campaign_lab import Lab, labs
from stores import OPENERS

from gateway.store.protocol import Store

OpenStore = Callable[[], Awaitable[Store]]


@pytest.fixture(params=OPENERS)
async def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenStore]:
    """Opens one more handle to the state of this test, as another process would; all are closed in the end."""
    opened: list[Store] = []

    async def open_one() -> Store:
        store = await OPENERS[request.param](tmp_path)
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        await store.close()


@pytest.fixture
async def store(open_store: OpenStore) -> Store:
    return await open_store()


@pytest.fixture
async def lab(open_store: OpenStore, tmp_path: Path) -> AsyncIterator[Lab]:
    async with labs(open_store, tmp_path) as one:
        yield one
