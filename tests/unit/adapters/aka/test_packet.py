"""EAP-AKA packets: octets written after RFC 4187, and everything that is none of them."""

from __future__ import annotations

import pytest

from adapters.aka.packet import At, Packet, checkcode, decode_packet, encode_packet, is_mac_right, sized, unsized
from gateway.errors import DecodeError, LimitExceeded

# RFC 4187 8.1: code, identifier, length; type 23, subtype, two reserved; attributes in units of four octets.
IDENTITY_REQUEST = bytes.fromhex("0107000c170500000a010000")
SYNCHRONIZATION = bytes.fromhex("02010018170400000404" + "ab" * 14)


def test_packets_are_the_octets_of_the_specification() -> None:
    """An identity request and a synchronisation failure, which has no reserved octets (RFC 4187 9.1, 9.6)."""
    assert encode_packet(Packet(1, 7, 23, 5, ((At.PERMANENT_ID_REQ, bytes(2)),))) == IDENTITY_REQUEST
    assert decode_packet(IDENTITY_REQUEST) == Packet(1, 7, 23, 5, ((10, bytes(2)),))
    assert decode_packet(SYNCHRONIZATION).get(At.AUTS) == b"\xab" * 14
    assert encode_packet(decode_packet(SYNCHRONIZATION)) == SYNCHRONIZATION
    assert decode_packet(b"\x02\x09\x00\x06\x03\x32") == Packet(2, 9, 3, data=b"\x32")
    assert decode_packet(b"\x03\x09\x00\x04") == Packet(3, 9)


@pytest.mark.parametrize("kind", [23, 50])
def test_a_mac_covers_the_whole_packet(kind: int) -> None:
    """It is the last attribute that is written, and a change of any octet is noticed (RFC 4187 10.15, RFC 9048 3.4)."""
    octets = encode_packet(Packet(1, 7, kind, 1, ((At.RAND, bytes(18)),)), b"k" * 16)
    assert octets[-20:-16] == bytes([11, 5, 0, 0])
    assert is_mac_right(octets, decode_packet(octets), b"k" * 16)
    for position in range(len(octets)):
        altered = octets[:position] + bytes([octets[position] ^ 1]) + octets[position + 1 :]
        try:
            packet = decode_packet(altered)
        except DecodeError:
            continue
        assert not is_mac_right(altered, packet, b"k" * 16), position
    assert not is_mac_right(octets, decode_packet(octets), b"x" * 16)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x01\x07\x00",
        b"\x01\x07\x00\x05",
        b"\x01\x07\x00\x06\x17\x01",
        b"\x01\x07\x00\x09\x17\x05\x00\x00\x0a",
        b"\x01\x07\x00\x0c\x17\x05\x00\x00\x0a\x00\x00\x00",
        b"\x01\x07\x00\x0c\x17\x05\x00\x00\x0a\x02\x00\x00",
        b"\x01\x07\x00\x0c\x17\x05\x00\x00\x7f\x01\x00\x00",
    ],
)
def test_what_is_no_packet_is_said(octets: bytes) -> None:
    """Lengths that do not fit, and attributes that must be understood and are not (RFC 4187 8.1)."""
    with pytest.raises(DecodeError):
        decode_packet(octets)


def test_packets_are_bounded() -> None:
    """In size, and in the number of attributes; unknown ones from 128 on are carried along."""
    skippable = b"\xc8\x01\x00\x00"
    many = b"\x01\x07\x00\x8c\x17\x05\x00\x00" + skippable * 33
    with pytest.raises(LimitExceeded):
        decode_packet(many)
    assert len(decode_packet(b"\x01\x07\x00\x88" + many[4:-4]).attributes) == 32
    with pytest.raises(LimitExceeded):
        decode_packet(b"\x01\x07\x10\x01" + bytes(4093))


def test_values_with_a_length_are_padded() -> None:
    """To a multiple of four; a length beyond the value is refused (RFC 4187 10.5)."""
    assert sized(b"abc") == b"\x00\x03abc\x00"
    assert unsized(b"\x00\x03abc\x00") == b"abc"
    with pytest.raises(DecodeError):
        unsized(b"\x00\x05abc\x00")


def test_a_checkcode_without_messages_is_empty() -> None:
    """Else it is their hash, SHA-1 in AKA and SHA-256 in AKA' (RFC 4187 10.13, RFC 9048 3.2)."""
    assert checkcode(23, b"") == bytes(2)
    assert (len(checkcode(23, b"x")), len(checkcode(50, b"x"))) == (22, 34)
