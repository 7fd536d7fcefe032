"""Logs: one line per event, identities masked, and nothing of a secret."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Literal

import pytest

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
