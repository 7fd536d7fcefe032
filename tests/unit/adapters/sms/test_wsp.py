"""Push units: the headers in the form phones expect, and any other form read."""

import pytest

from adapters.sms.wsp import Push, decode_push, encode_push
from gateway.errors import DecodeError, LimitExceeded

CP = "application/vnd.wap.connectivity-wbxml"
DM = "application/vnd.syncml.dm+wbxml"
NOTIFICATION = "application/vnd.syncml.notification"
SYNCML_DM = "x-wap-application:syncml.dm"
MAC = "94D7EA1BCD78D2324B08474D8CAFE8C4E1739B19"


@pytest.mark.parametrize(
    ("push", "octets"),
    [
        (Push(NOTIFICATION, b"x", application_id=SYNCML_DM), "01 06 03 C4 AF 87 78"),
        (Push(CP, b"x"), "01 06 01 B6 78"),
        (Push(CP, b"x", (("SEC", 3),)), "01 06 04 03 B6 91 83 78"),
        (Push(CP, b"x", (("SEC", 1), ("MAC", MAC))), f"01 06 2F 1F 2D B6 91 81 92 {MAC.encode().hex()} 00 78"),
        (
            Push(DM, b"", (("SEC", 0), ("MAC", MAC)), SYNCML_DM),
            f"01 06 31 1F 2D C2 91 80 92 {MAC.encode().hex()} 00 AF 87",
        ),
    ],
)
def test_forms_of_the_gateway(push: Push, octets: str) -> None:
    """Codes for everything, the type first, SEC before MAC. Spec: WAP-230-WSP 8.4.2"""
    assert encode_push(push) == bytes.fromhex(octets)
    assert decode_push(bytes.fromhex(octets)) == push


@pytest.mark.parametrize(
    ("octets", "push"),
    [
        (b"\x25\x06\x07\x06\xb6\x81\xea\x91\x81\x00", None),
        (b"\x25\x06\x06\x05\xb6\x81\xea\x91\x81body", Push(CP, b"body", (("charset", 106), ("SEC", 1)))),
        (b"\0\x06\x07text/x\0.", Push("text/x", b".")),
        (b"\0\x06\x08\x07\x02\x03\x0a\x92\x22a\0", Push("0x30a", b"", (("MAC", "a"),))),
        (b"\0\x06\x05\xb6\x8d\x01\x05\x80", None),
        (b"\0\x06\x04\xb6\x8d\x01\x05rest", Push(CP, b"rest")),
        (b"\0\x06\x08\xb6X-A\0b\0\xaf", None),
        (b"\0\x06\x04\x03\xb6\x92\0", Push(CP, b"", (("MAC", ""),))),
        (b"\0\x06\x07\xb6X-A\0b\0", Push(CP, b"")),
        (b"\0\x06\x0a\xb6\xafx:app.y\0", Push(CP, b"", application_id="x:app.y")),
        (b"\0\x06\x06\x05\xb6x\0y\0", Push(CP, b"", (("x", "y"),))),
    ],
)
def test_forms_of_others(octets: bytes, push: Push | None) -> None:
    """Types, parameters and applications as text; charset; long integers; headers that are passed over."""
    if push is None:
        with pytest.raises(DecodeError):
            decode_push(octets)
    else:
        assert decode_push(octets) == push


@pytest.mark.parametrize(
    ("octets", "says"),
    [
        ("", "too early"),
        ("01 06", "too early|no end|longer"),
        ("01 05 01 B6", "0x05 is not Push"),
        ("01 06 00", "there are none"),
        ("01 06 05 B6", "run past the end"),
        ("01 06 02 05 B6", "runs past the headers"),
        ("01 06 03 02 B6 91", "too early"),
        ("01 06 03 41 42 43", "no end"),
        ("01 06 03 41 C3 00", "not ASCII"),
        ("01 06 04 B6 8D 05 01", "runs past the headers"),
        ("01 06 8F FF FF FF FF", "."),
    ],
)
def test_bad_pushes(octets: str, says: str) -> None:
    """What is no push is refused."""
    with pytest.raises(DecodeError, match=says):
        decode_push(bytes.fromhex(octets))


def test_headers_are_bounded() -> None:
    """No phone takes more headers than fit into two short messages."""
    with pytest.raises(LimitExceeded):
        decode_push(b"\x01\x06\x82\x01" + b"\xb6" + bytes(300))
