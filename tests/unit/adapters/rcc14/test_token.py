"""Tokens: genuine against OpenSSL's HMAC, and good for one device, two serials and a limited time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from adapters.rcc14.identity.token import device_of, is_current, is_due, is_valid, remaining_seconds, token_of
from gateway.fleet.device import Rcc14State

KEY = b"k" * 32
LIFE = 1000
ISSUED = datetime(2026, 1, 2, tzinfo=UTC)
SECOND = Rcc14State(token_serial=2, token_issued_at=ISSUED)
NEVER = Rcc14State()

# printf alice.1.1 | openssl dgst -sha256 -hmac kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk -binary | head -c 24 | openssl base64
FIRST_TOKEN = "alice.1.1.5toNDlPnvoY96Vq4B7Bvz4UbiAoM4a00"
SECOND_TOKEN = "alice.1.2.GrS8JeY8BBsv5dyizCdLeVutaem9lVke"
OTHERS_TOKEN = "alice.2.1.1UjdE5r4HoEIl6XT-GEzbbo4oFY-P_Cz"


def after(seconds: float) -> datetime:
    return ISSUED + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("device_id", "serial", "token"),
    [("alice.1", 1, FIRST_TOKEN), ("alice.1", 2, SECOND_TOKEN), ("alice.2", 1, OTHERS_TOKEN)],
)
def test_a_token_is_computed_from_device_serial_and_key(device_id: str, serial: int, token: str) -> None:
    """The MAC is HMAC-SHA-256 as OpenSSL has it; nothing in a token needs percent-encoding (RCC.14 TOKEN)."""
    assert token_of(device_id, serial, KEY) == token
    assert device_of(token) == device_id


@pytest.mark.parametrize("text", ["", ".", "alice", "alice.1", "1.MAC"])
def test_what_is_no_token_is_nobodys(text: str) -> None:
    """Fewer than three parts name no device."""
    assert device_of(text) == ""


@pytest.mark.parametrize(
    ("token", "serial", "valid"),
    [
        (FIRST_TOKEN, 1, True),
        (FIRST_TOKEN, 2, True),
        (FIRST_TOKEN, 3, False),
        (SECOND_TOKEN, 1, False),
        (SECOND_TOKEN, 2, True),
        (token_of("alice.1", 0, KEY), 1, False),
        (token_of("alice.1", -1, KEY), 0, False),
        (OTHERS_TOKEN, 1, False),
        (OTHERS_TOKEN.replace("alice.2", "alice.1"), 1, False),
        (FIRST_TOKEN.replace("alice.1.1", "alice.1.2"), 2, False),
        (FIRST_TOKEN.lower(), 1, False),
        (FIRST_TOKEN[:-1], 1, False),
        (FIRST_TOKEN + "A", 1, False),
        (FIRST_TOKEN + " ", 1, False),
        (token_of("alice.1", 1, b"another key" * 3), 1, False),
        ("alice.1.1.", 1, False),
        ("älice", 1, False),
        ("", 1, False),
    ],
)
def test_only_the_newest_token_and_the_one_before_are_good(token: str, serial: int, valid: bool) -> None:
    """Any other serial, device, key or character makes it worthless."""
    state = Rcc14State(token_serial=serial, token_issued_at=ISSUED)
    assert is_valid(token, "alice.1", state, KEY, now=ISSUED, life_seconds=LIFE) is valid


@pytest.mark.parametrize(
    ("seconds", "left", "due"),
    [
        (0, 1000, False),
        (0.5, 999, False),
        (499, 501, False),
        (500, 500, True),
        (999, 1, True),
        (999.1, 0, True),
        (1000, 0, True),
        (5000, 0, True),
    ],
)
def test_a_token_ages(seconds: float, left: int, due: bool) -> None:
    """It is replaced from half its life on and refused from its end on; what is stated is never more than is left."""
    assert remaining_seconds(SECOND, now=after(seconds), life_seconds=LIFE) == left
    assert is_due(SECOND, now=after(seconds), life_seconds=LIFE) is due
    for token in (SECOND_TOKEN, FIRST_TOKEN):
        assert is_valid(token, "alice.1", SECOND, KEY, now=after(seconds), life_seconds=LIFE) is (left > 0)


def test_a_device_without_a_token_is_due_one() -> None:
    """Before the first is issued none is good."""
    assert is_due(NEVER, now=ISSUED, life_seconds=LIFE)
    assert remaining_seconds(NEVER, now=ISSUED, life_seconds=LIFE) == 0
    assert not is_valid(FIRST_TOKEN, "alice.1", NEVER, KEY, now=ISSUED, life_seconds=LIFE)


@pytest.mark.parametrize(
    ("token", "current"),
    [(SECOND_TOKEN, True), (FIRST_TOKEN, False), (token_of("alice.2", 2, KEY), False), ("2", False), ("", False)],
)
def test_only_this_devices_newest_is_current(token: str, current: bool) -> None:
    """A client that shows any other needs the newest one."""
    assert is_current(token, "alice.1", SECOND) is current
