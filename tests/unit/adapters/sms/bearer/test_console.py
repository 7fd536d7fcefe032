"""The bearer for labs at a terminal: what would have been sent is said on standard output."""

from __future__ import annotations

import io
import sys

import pytest

from adapters.sms.bearer.console import ConsoleBearer
from adapters.sms.message import ShortMessage, submission
from gateway.errors import Unavailable
from gateway.fleet.push import OCTETS, Submission


async def test_each_message_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Whom it is for, its port and its text, whatever characters are in that; a push is in hexadecimal."""
    bearer = ConsoleBearer()
    assert await bearer.send(submission(ShortMessage("+15550100123", "481592", 37273)), 600) == ""
    await bearer.send(submission(ShortMessage("+15550100124", "Für Sie:\n481592")), 600)
    await bearer.send(Submission("+15550100125", OCTETS, bytes.fromhex("0605040B8423F0"), b"\x01\x06"), 3600)
    assert capsys.readouterr().out.splitlines() == [
        "SMS to +15550100123, port 37273, good for 600 s: '481592'",
        r"SMS to +15550100124, good for 600 s: 'Für Sie:\n481592'",
        "SMS to +15550100125, port 2948, good for 3600 s: 0106",
    ]


async def test_an_output_that_is_gone_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is told that a message went out that nobody can see; the code is not quoted."""
    with io.TextIOWrapper(io.FileIO("/dev/full", "w"), write_through=True) as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(Unavailable, match="standard output") as raised:
            await ConsoleBearer().send(submission(ShortMessage("+1555", "481592")), 600)
        monkeypatch.undo()
    assert "481592" not in str(raised.value)
