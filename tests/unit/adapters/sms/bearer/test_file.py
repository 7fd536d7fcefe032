"""The bearer for labs: what would have been sent stands in a file."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.sms.bearer.file import FileBearer
from adapters.sms.message import ShortMessage, submission
from gateway.errors import Unavailable
from gateway.fleet.push import OCTETS, Submission

NOW = datetime(2026, 1, 2, tzinfo=UTC)


async def test_each_message_is_a_line_of_json(tmp_path: Path) -> None:
    """In order, with the octets of its user data, for the gateway's user alone to read."""
    file = tmp_path / "sms.jsonl"
    bearer = FileBearer(file, lambda: NOW)
    await bearer.send(submission(ShortMessage("+15550100123", "481592", 37273)), 600)
    await bearer.send(submission(ShortMessage("+15550100124", "Ihr Code")), 600)
    first, second = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    assert first == {
        "at": "2026-01-02T00:00:00+00:00",
        "to": "+15550100123",
        "port": 37273,
        "text": "481592",
        "data_coding": 8,
        "user_data_header": "06050491990000",
        "user_data": "003400380031003500390032",
        "validity_seconds": 600,
    }
    assert (second["port"], second["data_coding"], second["user_data_header"]) == (0, 0, "")
    assert file.stat().st_mode & 0o777 == 0o600


async def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """The message names the file, and does not quote the code."""
    message = submission(ShortMessage("+1555", "481592"))
    with pytest.raises(Unavailable, match=r"sms\.jsonl") as raised:
        await FileBearer(tmp_path / "none" / "sms.jsonl", lambda: NOW).send(message, 600)
    assert "481592" not in str(raised.value)


async def test_octets_are_written_in_hexadecimal(tmp_path: Path) -> None:
    """A push has no text; its header names the port."""
    file = tmp_path / "sms.jsonl"
    header = bytes.fromhex("0605040B8423F0")
    await FileBearer(file, lambda: NOW).send(Submission("+15550100123", OCTETS, header, b"\x01\x06"), 600)
    line = json.loads(file.read_text())
    assert (line["port"], line["text"], line["data_coding"], line["user_data"]) == (2948, "", 4, "0106")
