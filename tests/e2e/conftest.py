"""The gateway that end-to-end tests talk to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from live_gateway import Gateway, serving


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """A fresh gateway with the demo operator, serving."""
    with serving(tmp_path) as one:
        yield one
