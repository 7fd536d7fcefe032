"""Who may not see identities sees none, in whatever form an answer has them."""

from __future__ import annotations

import pytest

from gateway.admin.masking import masked
from gateway.admin.models.base import Model

IMEI = "356938035643809"


class Message(Model):
    """A message as a trace shows it: in words, and its octets."""

    line: str
    raw: str


def test_identities_are_starred_in_text_and_in_octets() -> None:
    """An IMEI in a line, and the same as ASCII among the octets of a WBXML message, which keep their number."""
    # An inline string (03) with the IMEI, as a Source's LocURI has it, and what stands around it in the header.
    octets = b"\x02\xa4\x01\x6a\x00\x67\x57\x03IMEI:" + IMEI.encode() + b"\x00\x01\x01"
    said = masked(Message(line=f"from IMEI:{IMEI}", raw=octets.hex()))
    assert said["line"] == "from IMEI:356*********809"
    starred = octets.replace(IMEI.encode(), b"356*********809")
    assert said["raw"] == starred.hex()
    assert masked(Message(line="", raw=octets.hex().upper()))["raw"] == starred.hex().upper()


def test_octets_without_an_identity_are_left_as_they_are() -> None:
    """A digest is no identity, whatever its digits in hexadecimal look like."""
    digest = "0123456789012345abcdefabcdef0123"
    assert masked(Message(line="", raw=digest))["raw"] == digest


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("X-MSISDN: 15550100001", "X-MSISDN: 155*****001"),
        ("x-up-calling-line-id: 15550100001", "x-up-calling-line-id: 155*****001"),
        ("GET /?vers=0&msisdn=15550100001&rcs=1", "GET /?vers=0&msisdn=155*****001&rcs=1"),
        ("MSISDN=15550100001", "MSISDN=155*****001"),
        ("Content-Length: 4711", "Content-Length: 4711"),
        ("vers=1209600&token=1234567", "vers=1209600&token=1234567"),
    ],
)
def test_a_number_without_its_plus_is_covered_where_it_stands_for_somebody(line: str, shown: str) -> None:
    """Packet cores write numbers so into headers of whatever name; other figures stay as they are."""
    assert masked(Message(line=line, raw=""))["line"] == shown
