"""What a simulated device keeps between runs, as a real one keeps it in flash."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def load_memory(file: Path) -> dict[str, Any]:
    """What the device kept; empty for one fresh from the factory."""
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}


def save_memory(file: Path, memory: dict[str, Any]) -> None:
    """Keep it; it holds nonces and tokens, so the file is for this user only."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(json.dumps(memory, indent=1), encoding="utf-8")
