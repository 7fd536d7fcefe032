"""One-time passwords as values: codes, what is kept of them, and what the SMS says."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime

import pytest

from adapters.rcc14.identity.otp import Waiting, digest_code, is_code, limit_keys, make_code, write_message
from adapters.rcc14.messages import Request
from adapters.sms.message import ShortMessage

NOW = datetime(2026, 1, 2, tzinfo=UTC)
KEY = b"k" * 32
TEXTS = {"en": "{code} is it. {page}", "de": "{code} ist es."}


@pytest.mark.parametrize(
    ("octets", "digits", "code"), [(bytes(16), 6, "000000"), (b"\xff" * 16, 6, "211455"), (b"\x01\x00", 8, "00000256")]
)
def test_a_code_has_all_its_digits(octets: bytes, digits: int, code: str) -> None:
    """The last decimal digits of a random number, leading zeros with them."""
    assert make_code(octets, digits) == code


def test_what_is_kept_is_not_the_code() -> None:
    """A keyed digest, bound to the client's cookie: a stolen store does not tell the code, though it is short."""
    kept = digest_code("481592", "cookie", KEY)
    assert kept == hmac.new(KEY, b"cookie.481592", hashlib.sha256).digest()
    assert len({kept, digest_code("481592", "other", KEY), digest_code("481592", "cookie", b"x" * 32)}) == 3


@pytest.mark.parametrize(
    ("given", "cookie", "subscriber", "right"),
    [
        ("481592", "cookie", "ann", True),
        (" 481592\n", "cookie", "ann", True),
        ("481593", "cookie", "ann", False),
        ("", "cookie", "ann", False),
        ("481592", "another", "ann", False),
        ("481592", "cookie", "", False),
    ],
)
def test_a_code_is_right_for_one_client(given: str, cookie: str, subscriber: str, right: bool) -> None:
    """With another cookie it is wrong, and for a number that is nobody's none is right."""
    waiting = Waiting(subscriber, Request(), digest_code("481592", "cookie", KEY), NOW)
    assert is_code(given, cookie, waiting, KEY) is right


@pytest.mark.parametrize(
    ("port", "accept", "message"),
    [
        (37273, "de", ShortMessage("+1", "481592", 37273)),
        (0, "de-AT", ShortMessage("+1", "481592 ist es.")),
        (0, "fr", ShortMessage("+1", "481592 is it. https://a/verify")),
    ],
)
def test_applications_get_the_bare_code_and_people_words(port: int, accept: str, message: ShortMessage) -> None:
    """On a port nothing but the code; on port 0 the operator's words in the client's language (RCC.14 2.3)."""
    assert write_message("481592", "+1", port, TEXTS, accept, "https://a/verify") == message


def test_places_tell_nothing_of_their_subject() -> None:
    """As many as asked for, different for each purpose and subject, and without the subject in them."""
    keys = (
        limit_keys("msisdn", "+15550100001", 3)
        + limit_keys("imsi", "+15550100001", 3)
        + limit_keys("imsi", "\ud800", 1)
    )
    assert len(set(keys)) == 7
    assert not any("5550100001" in key for key in keys)
