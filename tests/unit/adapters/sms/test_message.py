"""Short messages become the octets that TS 23.038 and TS 23.040 describe."""

from __future__ import annotations

import pytest

from adapters.sms.message import ShortMessage, UserData, encode_user_data

NUMBER = "+15550100123"


@pytest.mark.parametrize(
    ("port", "text", "header", "octets"),
    [
        (37273, "481592", "06050491990000", "003400380031003500390032"),
        (1, "a", "06050400010000", "0061"),
        (65535, "Ω", "060504ffff0000", "03a9"),
    ],
)
def test_a_code_for_an_application_is_port_addressed(port: int, text: str, header: str, octets: str) -> None:
    """16 bit ports in the header, the text in UTF-16 and nothing else (TS 23.040 9.2.3.24.4; RCC.14 2.3)."""
    data = encode_user_data(ShortMessage(NUMBER, text, port))
    assert data == UserData(0x08, bytes.fromhex(header), bytes.fromhex(octets))


@pytest.mark.parametrize(
    ("text", "coding", "octets"),
    [
        ("481592", 0x00, b"481592"),
        ("Code: {1}", 0x00, b"Code: \x1b\x281\x1b\x29"),
        ("@£$_àé€", 0x00, bytes([0, 1, 2, 0x11, 0x7F, 5, 0x1B, 0x65])),
        ("ÄÖÑÜ§¿", 0x00, bytes([0x5B, 0x5C, 0x5D, 0x5E, 0x5F, 0x60])),
        ("код", 0x08, "код".encode("utf-16-be")),
        ("\x1b", 0x08, b"\x00\x1b"),
    ],
)
def test_text_for_people_is_in_the_7_bit_alphabet_if_that_has_it(text: str, coding: int, octets: bytes) -> None:
    """Without a header; one character that is not in the alphabet makes all of it UCS-2 (TS 23.038 6.2.1)."""
    assert encode_user_data(ShortMessage(NUMBER, text)) == UserData(coding, b"", octets)


@pytest.mark.parametrize(("fits", "port"), [("x" * 160, 0), ("{" * 80, 0), ("я" * 70, 0), ("1" * 66, 37273)])
def test_a_message_is_one_sms_or_none(fits: str, port: int) -> None:
    """160 septets, 70 UCS-2 characters, or 66 behind a port header (TS 23.040 9.2.3.16)."""
    encode_user_data(ShortMessage(NUMBER, fits, port))
    with pytest.raises(ValueError, match="SMS"):
        encode_user_data(ShortMessage(NUMBER, fits + fits[0], port))
