"""Logs: one line per event, identities masked, and nothing of a secret."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.observe import logs
from gateway.observe.logs import mask

# A process of its own: logging is set up once, for the whole process.
PROGRAM = """\
import logging, sys
from gateway.observe import logs
logs.configure(identities=sys.argv[1], form=sys.argv[2])
log = logs.logger()
log.info("seen", imsi="001010000000001", msisdn="+15550100001", imei="001015000000015", device="alice.1", ms=1.5)
log.info("asked", route="/subscribers/+15550100001", what="no IMEI:001015000000015 here", fault="123456789012")
log.debug("whispered")
logging.getLogger("aiohttp.server").warning("peer %s", "001010000000001")
try:
    raise ValueError("of 001010000000001")
except ValueError:
    log.exception("request_failed")
    logging.getLogger("asyncio").exception("loop")
"""


# What is on standard error at moments of a loop that is busy, and of one that dies.
LOOP_PROGRAM = """\
import asyncio, os, sys, time
from gateway.observe import logs
logs.configure(identities="masked", form="json")
log = logs.logger()
async def main():
    log.info("first")
    began = time.time()
    log.info("second", began=began, octets=os.fsdecode(b"no\\xfftext"))
    noted = time.time()
    while time.time() < noted + 0.001:
        pass
    print(os.fstat(2).st_size)
    log.warning("third", noted=noted)
    print(os.fstat(2).st_size)
    log.info("fourth")
    await asyncio.sleep(0)
    print(os.fstat(2).st_size)
    log.info("fifth")
    raise SystemExit(3)
asyncio.run(main())
"""


def logged(identities: Literal["masked", "plain"], form: Literal["json", "console"] = "json") -> str:
    command = [sys.executable, "-c", PROGRAM, identities, form]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize(
    ("identity", "masked"),
    [
        ("001010000000001", "001*********001"),
        ("+15550100001", "+15******001"),
        ("12345678", "********"),
        ("1", "*"),
        ("", ""),
    ],
)
def test_a_masked_identity_keeps_its_ends_only(identity: str, masked: str) -> None:
    """Enough is left to tell two apart, too little to call one; short ones keep nothing."""
    assert mask(identity) == masked


def test_every_event_is_one_line_of_json() -> None:
    """Each line has a level, a time in UTC and the event; libraries' own words and tracebacks come the same way."""
    events: list[dict[str, Any]] = [json.loads(line) for line in logged("masked").splitlines()]
    assert [event["event"] for event in events] == [
        "seen",
        "asked",
        "library_said",
        "request_failed",
        "library_said",
    ]
    assert all(event["timestamp"].endswith("Z") and event["level"] for event in events)
    assert [event["level"] for event in events] == ["info", "info", "warning", "error", "error"]
    assert "Traceback" in events[3]["exception"]
    assert "Traceback" in events[4]["exception"]
    assert (events[0]["device"], events[0]["ms"], events[1]["fault"]) == ("alice.1", 1.5, "123456789012")


@pytest.mark.parametrize("form", ["json", "console"])
def test_identities_are_masked_unless_the_operator_wants_them(form: Literal["json", "console"]) -> None:
    """By name of the field, and in the middle of texts and tracebacks; with "plain" they are written in full."""
    identities = ("001010000000001", "15550100001", "001015000000015")
    masked, plain = logged("masked", form), logged("plain", form)
    for identity in identities:
        assert identity not in masked
        assert identity in plain
    assert "001*********001" in masked


def test_lines_are_written_in_order_and_none_is_lost(tmp_path: Path) -> None:
    """Lines go out together when the loop has dealt with what is at hand; a warning, and the end, wait for nothing.

    Each has the time at which it was noted, and one that is no text keeps no other from being written."""
    file = tmp_path / "log"
    with file.open("wb") as stderr:
        command = [sys.executable, "-c", LOOP_PROGRAM]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=stderr, text=True, check=False, timeout=60)
    assert done.returncode == 3
    lines = file.read_bytes().splitlines(keepends=True)
    events = ["first", "second", "third", "fourth", "fifth"]
    assert [json.loads(line)["event"] for line in lines] == events
    second, third = map(json.loads, lines[1:3])
    assert second["began"] - 1e-6 <= datetime.fromisoformat(second["timestamp"]).timestamp() <= third["noted"]
    assert second["octets"] == r"no\udcfftext"
    ends = [0, sum(map(len, lines[:3])), sum(map(len, lines[:4]))]
    assert [int(size) for size in done.stdout.split()] == ends


@given(
    before=st.text('ax+%2B0123456789 "', max_size=20),
    number=st.from_regex(r"[0-9]{14,16}|(\+|%2[Bb])[0-9]{7,15}", fullmatch=True),
    after=st.text('ax+%2B "', max_size=20),
)
def test_no_surroundings_hide_a_number(before: str, number: str, after: str) -> None:
    """An IMSI, IMEI or international number is masked wherever it stands apart from other digits."""
    line = f"{before}/{number}/{after}".encode()
    masked = logs._mask_numbers(line)
    assert f"/{number}/".encode() not in masked
    assert len(masked) == len(line)
