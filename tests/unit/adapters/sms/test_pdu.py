"""Octets in short messages: sizes, parts, and what is refused."""

import pytest
from tshark import dissect

from adapters.sms.pdu import Part, Ports, decode_part, decode_parts, encode_parts, semi_octets
from gateway.errors import ConfigError, DecodeError, LimitExceeded

SINGLE = "06 05 04 0B84 23F0"


@pytest.mark.parametrize(
    ("size", "wide", "sizes"),
    [
        (0, False, [7]),
        (133, False, [140]),
        (134, False, [140, 18]),
        (256, False, [140, 140]),
        (500, False, [140, 140, 140, 128]),
        (254, True, [140, 140]),
        (255, True, [140, 140, 14]),
    ],
)
def test_sizes(size: int, wide: bool, sizes: list[int]) -> None:
    """A single message takes 133 octets, each part 128 or, with a wide reference, 127. Spec: 3GPP TS 23.040 9.2.3.24"""
    assert [len(part) for part in encode_parts(bytes(size), reference=1, wide=wide)] == sizes


def test_headers() -> None:
    """The port element stands in every part, the reference in every part of several."""
    assert encode_parts(b"x", reference=7) == (bytes.fromhex(SINGLE) + b"x",)
    parts = encode_parts(bytes(300), reference=0x1234, ports=Ports(49999, 1))
    assert [part[:12].hex() for part in parts] == [f"0b0504c34f0001000334030{number}" for number in (1, 2, 3)]
    wide = encode_parts(bytes(200), reference=0x1234, wide=True)
    assert [part[:13].hex() for part in wide] == [f"0c05040b8423f008041234020{number}" for number in (1, 2)]


def test_the_longest_message() -> None:
    """255 parts are sent, more never."""
    assert len(encode_parts(bytes(255 * 128), reference=1)) == 255
    with pytest.raises(ConfigError, match="256 short messages, and 255 is the most"):
        encode_parts(bytes(255 * 128 + 1), reference=1)


def test_parts_come_in_any_order() -> None:
    """And may come twice, as networks deliver them."""
    first, second, third = encode_parts(bytes(range(256)) + b"end", reference=5)
    whole = decode_parts([third, first, second, first])
    assert whole.payload == bytes(range(256)) + b"end"
    assert whole.ports == Ports(2948, 9200)
    with pytest.raises(DecodeError, match="missing: 2 of 3"):
        decode_parts([first, third])
    with pytest.raises(DecodeError, match="missing: 1 of 1"):
        decode_parts([])
    with pytest.raises(DecodeError, match="different messages"):
        decode_parts([first, encode_parts(bytes(300), reference=6)[1]])
    with pytest.raises(DecodeError, match="different messages"):
        decode_parts([first, first[:-1] + b"?"])


def test_what_other_senders_write() -> None:
    """Unknown elements are passed over; the elements come in any order; a message may have no ports."""
    assert decode_part(bytes.fromhex("0B 70 01 AA 00 03 07 02 01 24 01 00 78")) == Part(b"x", None, 7, 2, 1)


@pytest.mark.parametrize(
    ("octets", "says"),
    [
        ("", "within its header"),
        ("06 05 04 0B", "within its header"),
        ("02 05 04 78", "wrong length"),
        ("05 05 03 0B84 23 78", "wrong length"),
        ("01 05 78", "wrong length"),
        ("05 00 03 01 02 03 78", "part 3 of 2"),
        ("05 00 03 01 02 00 78", "part 0 of 2"),
        ("05 00 03 01 00 00 78", "part 0 of 0"),
    ],
)
def test_bad_headers(octets: str, says: str) -> None:
    """A header that contradicts itself is refused."""
    with pytest.raises(DecodeError, match=says):
        decode_part(bytes.fromhex(octets))


def test_a_short_message_has_140_octets() -> None:
    """Anything longer is none."""
    with pytest.raises(LimitExceeded):
        decode_part(bytes(141))


@pytest.mark.parametrize("wide", [False, True])
def test_tshark_puts_the_parts_together(wide: bool) -> None:
    """An independent dissector finds ports, reference and the whole payload in our parts."""
    found = dissect(encode_parts(b"\x01\x06\x01\xb6" + bytes(300), reference=0x1FF, wide=wide))
    assert "[Reassembled Short Message length: 304]" in found
    assert f"Message identifier: {0x1FF if wide else 0xFF}" in found
    assert found.count("(2948)") == 3
    assert found.count("(9200)") == 3


@pytest.mark.parametrize("imsi", ["", "12345", "0010112345678951", "00101x", "٠٠١٠١١"])
def test_what_is_no_imsi(imsi: str) -> None:
    """An IMSI has 6 to 15 digits."""
    with pytest.raises(ValueError, match="6 to 15 digits"):
        semi_octets(imsi)
