"""Ways for a short message to leave the gateway."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol

from adapters.sms.message import ShortMessage, encode_user_data
from gateway.errors import Unavailable


class Bearer(Protocol):
    """Something that carries short messages."""

    async def send(self, message: ShortMessage) -> None:
        """Hand the message over; it is on its way when this returns.

        Raises: Unavailable when it could not be handed over, ValueError when it does not fit into one SMS.
        """
        ...


class FileBearer:
    """Writes each message as one line of JSON to a file that only the gateway's user can read: for demos and labs."""

    def __init__(self, file: Path, clock: Callable[[], datetime]) -> None:
        self._file = file
        self._clock = clock

    async def send(self, message: ShortMessage) -> None:
        """Append the message, with the octets that a real bearer would carry."""
        data = encode_user_data(message)
        line = {
            "at": self._clock().isoformat(),
            "to": message.to,
            "port": message.port,
            "text": message.text,
            "data_coding": data.coding,
            "user_data_header": data.header.hex(),
            "user_data": data.text.hex(),
        }
        try:
            self._file.touch(mode=0o600)
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        except OSError as error:
            raise Unavailable(f"cannot write {self._file}: {error.strerror}") from None
