"""Delivery receipts as SMSCs write them."""

from __future__ import annotations

import pytest

from adapters.sms.receipt import MESSAGE_STATE, RECEIPTED_MESSAGE_ID, decode_receipt, is_receipt
from gateway.errors import DecodeError
from gateway.fleet.push import Fate, Receipt

TEXT = "id:0123456789 sub:001 dlvrd:001 submit date:0809011130 done date:0809011131 stat:{} err:{} text:hello"


@pytest.mark.parametrize(
    ("esm_class", "receipt"), [(0x04, True), (0x44, True), (0x00, False), (0x08, False), (0x20, False)]
)
def test_a_receipt_is_told_from_a_message(esm_class: int, receipt: bool) -> None:
    """By bits 5 to 2 of esm_class. SMPP 3.4 5.2.12"""
    assert is_receipt(esm_class) is receipt


@pytest.mark.parametrize(
    ("state", "error", "fate", "why"),
    [
        ("DELIVRD", "000", Fate.DELIVERED, "DELIVRD"),
        ("EXPIRED", "000", Fate.EXPIRED, "EXPIRED"),
        ("UNDELIV", "001", Fate.FAILED, "UNDELIV, error 001"),
        ("REJECTD", "0", Fate.FAILED, "REJECTD"),
        ("ACCEPTD", "000", None, "ACCEPTD"),
    ],
)
def test_the_text_of_a_receipt(state: str, error: str, fate: Fate | None, why: str) -> None:
    """SMPP 3.4 Appendix B"""
    assert decode_receipt(TEXT.format(state, error).encode(), {}) == Receipt("0123456789", fate, why)


def test_parameters_go_before_the_text() -> None:
    """receipted_message_id is a C-octet string, message_state an octet. SMPP 3.4 5.3.2.12, 5.3.2.35"""
    parameters = {RECEIPTED_MESSAGE_ID: b"abc\0", MESSAGE_STATE: b"\x02"}
    assert decode_receipt(b"whatever", parameters) == Receipt("abc", Fate.DELIVERED, "DELIVRD")


def test_ids_in_the_other_form() -> None:
    """What receipts write in hexadecimal is the same number."""
    assert decode_receipt(b"id:1F stat:DELIVRD", {}, "hexadecimal").message_id == "31"
    assert decode_receipt(b"id:xyz stat:DELIVRD", {}, "hexadecimal").message_id == "xyz"


@pytest.mark.parametrize(
    "text", [b"", b"stat:DELIVRD", b"id:1", b"id:1 stat:SOMETHING", b"id: stat:DELIVRD", b"\xff" * 600]
)
def test_what_says_nothing_is_refused(text: bytes) -> None:
    """No message, or no state."""
    with pytest.raises(DecodeError):
        decode_receipt(text, {})
