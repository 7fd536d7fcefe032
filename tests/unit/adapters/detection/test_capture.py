"""Taps of SIGTRAN: what text2pcap wraps and tshark reads, we read alike."""

from __future__ import annotations

import io
import struct
import subprocess
from pathlib import Path

import dpkt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from map_messages import (
    DETECTED,
    IMEISV,
    IMSI,
    MSISDN,
    context,
    encoded,
    invoked,
    packed,
    update_location,
    wrapped,
)

from adapters.detection.capture import Capture
from adapters.detection.sigtran import Association, Chunk, decode_chunk, decode_m3ua, decode_sccp
from gateway.errors import DecodeError
from gateway.fleet.detection import Sighting

REGISTER, VISITED = "15550199001", "15550199002"


def address(digits: str, subsystem: int) -> bytes:
    """A called or calling party: routed by global title, with translation type, plan, encoding and nature.

    Spec: ITU-T Q.713 3.4
    """
    return bytes((0x12, subsystem, 0, 0x11, 4)) + packed(digits).replace(b"\xff", b"\x0f")


HLR, VLR = address(REGISTER, 6), address(VISITED, 7)


def part(octets: bytes) -> bytes:
    return bytes((len(octets),)) + octets


def udt(called: bytes, calling: bytes, data: bytes) -> bytes:
    """Spec: ITU-T Q.713 4.10"""
    pointers = bytes((3, 3 + len(called), 3 + len(called) + len(calling)))
    return b"\x09\x80" + pointers + part(called) + part(calling) + part(data)


def xudt(called: bytes, calling: bytes, data: bytes, segmentation: bytes = b"") -> bytes:
    """Spec: ITU-T Q.713 4.18"""
    optional = b"\x10" + part(segmentation) + b"\0" if segmentation else b""
    end = 4 + len(called) + len(calling) + len(data)
    pointers = bytes((4, 4 + len(called), 4 + len(called) + len(calling), end if optional else 0))
    return b"\x11\x81\x0f" + pointers + part(called) + part(calling) + part(data) + optional


def ludt(called: bytes, calling: bytes, data: bytes) -> bytes:
    """Spec: ITU-T Q.713 4.20"""
    pointers = struct.pack("<HHHH", 7, 6 + len(called), 5 + len(called) + len(calling), 0)
    return b"\x13\x81\x0f" + pointers + part(called) + part(calling) + struct.pack("<H", len(data)) + data


def m3ua(sccp: bytes) -> bytes:
    """Payload data behind a network appearance. Spec: RFC 4666 3.3.1"""
    data = struct.pack("!IIBBBB", 1, 2, 3, 2, 0, 0) + sccp
    body = struct.pack("!HHI", 0x0200, 8, 1) + struct.pack("!HH", 0x0210, 4 + len(data)) + data
    body += bytes(-len(body) % 4)
    return struct.pack("!BBBBI", 1, 0, 1, 1, 8 + len(body)) + body


def captured(folder: Path, messages: list[bytes], *options: str) -> Path:
    """A capture of these M3UA messages, each in a packet that text2pcap makes around it."""
    dump = folder / "packets.txt"
    dump.write_text("".join("000000 " + message.hex(" ") + "\n\n" for message in messages))
    file = folder / "tap.pcap"
    command = ["text2pcap", "-q", *options, "-S", "2905,2905,3", str(dump), str(file)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return file


def tshark(file: Path) -> list[tuple[str, str]]:
    """IMSI and IMEISV of each packet as tshark reads them."""
    fields = ["-T", "fields", "-E", "separator=;", "-e", "e212.imsi", "-e", "gsm_map.ms.imeisv"]
    command = ["tshark", "-r", str(file), *fields]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    rows = [line.split(";") for line in printed.splitlines()]
    return [(imsi, imeisv) for imsi, imeisv in rows]


def read(file: Path) -> list[Sighting]:
    with file.open("rb") as octets:
        return list(Capture(octets))


ATTACH = invoked(2, update_location(**DETECTED))


@pytest.mark.parametrize("options", [(), ("-4", "192.0.2.1,192.0.2.2"), ("-6", "2001:db8::1,2001:db8::2"), ("-n",)])
@pytest.mark.parametrize("wrap", [udt, xudt, ludt])
def test_an_attach_is_read_as_tshark_reads_it(tmp_path: Path, wrap: type, options: tuple[str, ...]) -> None:
    """In each connectionless message of SCCP, over IPv4 and IPv6, in pcap and pcapng."""
    file = captured(tmp_path, [m3ua(wrap(HLR, VLR, ATTACH))], *options)
    (sighting,) = read(file)
    assert (sighting.imsi, sighting.imei, sighting.source) == (IMSI, IMEISV, "map")
    assert sighting.seen_at is not None
    ((imsi, imeisv),) = tshark(file)
    assert imsi == IMSI
    assert imeisv == packed(IMEISV).hex()


def test_a_message_in_segments_is_put_together(tmp_path: Path) -> None:
    """Two XUDT with a local reference; another message between them does no harm (ITU-T Q.713 3.17)."""
    half = len(ATTACH) // 2
    first = xudt(HLR, VLR, ATTACH[:half], bytes.fromhex("C1 00 00 07"))
    last = xudt(HLR, VLR, ATTACH[half:], bytes.fromhex("40 00 00 07"))
    between = udt(VLR, HLR, invoked(44, wrapped(0x30, b"")))
    file = captured(tmp_path, [m3ua(one) for one in (first, between, last)])
    assert [(one.imsi, one.imei) for one in read(file)] == [(IMSI, IMEISV)]
    assert tshark(file)[2] == (IMSI, packed(IMEISV).hex())


def test_a_register_answers_for_the_sim_that_the_transaction_began_with(tmp_path: Path) -> None:
    """Inside a location update the subscription comes without the IMSI (3GPP TS 29.002 8.8.1)."""
    subscription = encoded(
        "InsertSubscriberDataArg",
        {
            "msisdn": b"\x91" + packed(MSISDN),
            "gprsSubscriptionData": {"completeDataListIncluded": 0, "gprsDataList": [context(1, "ims")]},
        },
    )
    operation = bytes((2, 1, 1, 2, 1, 7)) + subscription
    answer = wrapped(
        0x65, wrapped(0x48, b"\5\6\7\x08") + wrapped(0x49, b"\1\2\3\4") + wrapped(0x6C, wrapped(0xA1, operation))
    )
    other = address("15550199003", 7)
    messages = [udt(HLR, VLR, ATTACH), udt(other, HLR, answer), udt(VLR, HLR, answer)]
    attach, stranger, told = read(captured(tmp_path, [m3ua(one) for one in messages]))
    assert attach.imei == IMEISV
    assert (stranger.imsi, stranger.msisdn) == ("", f"+{MSISDN}")
    assert (told.imsi, told.msisdn, told.apns) == (IMSI, f"+{MSISDN}", ("ims",))


def test_what_is_no_sigtran_is_passed_over(tmp_path: Path) -> None:
    """Management messages, other protocols, and messages that are broken: the rest counts."""
    up = struct.pack("!BBBBI", 1, 0, 3, 1, 8)
    broken = m3ua(udt(HLR, VLR, ATTACH[:-4]))
    file = captured(tmp_path, [up, broken, m3ua(udt(HLR, VLR, ATTACH)), b"\x02\0\0\0\0\0\0\x08"])
    with file.open("rb") as octets:
        capture = Capture(octets)
        assert [one.imsi for one in capture] == [IMSI]
    assert capture.broken == 2


def test_what_is_no_capture_is_refused(tmp_path: Path) -> None:
    """And so is one of a link layer that nobody taps SIGTRAN on."""
    with pytest.raises(DecodeError, match="pcap"):
        Capture(io.BytesIO(b"not a capture, and longer than the head of one"))
    written = io.BytesIO()
    dpkt.pcap.Writer(written, linktype=147).writepkt(b"x", 0)
    with pytest.raises(DecodeError, match="147"):
        Capture(io.BytesIO(written.getvalue()))
    file = captured(tmp_path, [m3ua(udt(HLR, VLR, ATTACH))])
    cut = file.read_bytes()[:-10]
    with pytest.raises(DecodeError, match="breaks off"):
        list(Capture(io.BytesIO(cut)))


def test_chunks_in_fragments_are_put_together() -> None:
    """By stream and sequence, in the order of their numbers; one that is missing ends the message (RFC 9260 3.3.1)."""
    message = m3ua(udt(HLR, VLR, ATTACH))

    def fragments(*numbers: int) -> list[bytes]:
        association, found = Association(), []
        for number in numbers:
            octets = message[number * 40 : number * 40 + 40] if number < 2 else message[80:]
            chunk = Chunk(100 + number, 1, 7, 3, number == 0, number == 2, octets)
            found += [unit.octets for unit in association.receive("ends", chunk)]
        return found

    assert fragments(0, 1, 2) == [ATTACH]
    assert fragments(0, 2) == fragments(1, 2) == []
    chunk = decode_chunk(2, bytes.fromhex("00000064 0001 0007 00000003") + b"x")
    assert chunk == Chunk(100, 1, 7, 3, True, False, b"x")


@given(st.binary(max_size=200))
def test_any_octets_are_a_message_or_a_decode_error(octets: bytes) -> None:
    """Nothing from a tap can do harm."""
    for decode in (decode_m3ua, decode_sccp, lambda one: decode_chunk(3, one)):
        try:
            decode(octets)
        except DecodeError:
            continue


@given(st.data())
def test_damaged_captures_are_sightings_or_a_decode_error(data: st.DataObject) -> None:
    """The same for a whole file."""
    written = io.BytesIO()
    sctp = struct.pack("!HHII", 2905, 2905, 0, 0)
    message = m3ua(udt(HLR, VLR, ATTACH))
    chunk = struct.pack("!BBHIHHI", 0, 3, 16 + len(message), 1, 0, 0, 3) + message
    packet = bytes(dpkt.ip.IP(src=b"\1\2\3\4", dst=b"\4\3\2\1", p=132, data=sctp + chunk))
    dpkt.pcap.Writer(written, linktype=101).writepkt(packet, 0)
    octets = bytearray(written.getvalue())
    for at in data.draw(st.lists(st.integers(0, len(octets) - 1), max_size=4)):
        octets[at] = data.draw(st.integers(0, 255))
    try:
        list(Capture(io.BytesIO(bytes(octets))))
    except DecodeError:
        return
