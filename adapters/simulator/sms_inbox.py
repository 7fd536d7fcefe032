"""The short messages of a simulated phone: what the gateway's bearer for labs wrote into its file."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

WAIT_SECONDS = 10
LOOKS_PER_SECOND = 20


class Inbox:
    """Messages to one number from now on."""

    def __init__(self, file: Path, number: str) -> None:
        self._file = file
        self._number = number
        self._heard = len(self._lines())

    async def receive(self) -> dict[str, Any] | None:
        """The next message; None when none comes in time."""
        for _ in range(WAIT_SECONDS * LOOKS_PER_SECOND):
            lines = self._lines()
            for count, line in enumerate(lines[self._heard :], self._heard + 1):
                message: dict[str, Any] = json.loads(line)
                if message["to"] == self._number:
                    self._heard = count
                    return message
            await asyncio.sleep(1 / LOOKS_PER_SECOND)
        return None

    def _lines(self) -> list[str]:
        return self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []
