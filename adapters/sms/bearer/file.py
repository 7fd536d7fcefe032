"""The bearer for demos and labs: what would have been sent stands in a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from adapters.sms.pdu import decode_part
from gateway.errors import Unavailable
from gateway.fleet.push import Submission

SMS_FILE = "sms.jsonl"


class FileBearer:
    """Writes each message as one line of JSON to a file that only the gateway's user can read."""

    channel = "file"

    def __init__(self, file: Path, clock: Callable[[], datetime]) -> None:
        self._file = file
        self._clock = clock

    async def send(self, message: Submission, validity_seconds: int, *, receipt: bool = False) -> str:
        """Append the message, with the octets that a real bearer would carry; no receipt will come for it."""
        ports = decode_part(message.header).ports if message.header else None
        line = {
            "at": self._clock().isoformat(),
            "to": message.to,
            "port": ports.destination if ports else 0,
            "text": message.text,
            "data_coding": message.coding,
            "user_data_header": message.header.hex(),
            "user_data": message.body.hex(),
            "validity_seconds": validity_seconds,
        }
        try:
            self._file.touch(mode=0o600)
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        except OSError as error:
            raise Unavailable(f"cannot write {self._file}: {error.strerror}") from None
        return ""
