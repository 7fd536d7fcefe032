"""What use cases are tried on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.sealing import Sealer
from gateway.store.sqlite import SqliteStore


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """An empty store in a file of the test's own."""
    store = SqliteStore.open(tmp_path / "mogate.db")
    yield store
    await store.close()


@pytest.fixture
def sealer() -> Sealer:
    """What seals with a key that everybody knows."""
    return Sealer(bytes(32))
