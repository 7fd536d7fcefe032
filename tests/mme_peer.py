"""A Diameter peer written from the specifications, not with the library of the EIR: what an MME says, octet by octet.

Spec: RFC 6733 3, 4, 5.3; 3GPP TS 29.272 7.2.19
"""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

VENDOR = 10415
S13 = 16777252
CAPABILITIES, ME_IDENTITY_CHECK = 257, 324
REQUEST, PROXIABLE = 0x80, 0x40


def avp(code: int, value: bytes | int | str, vendor: int = 0) -> bytes:
    data = struct.pack("!I", value) if isinstance(value, int) else value.encode() if isinstance(value, str) else value
    head = 12 if vendor else 8
    flags = 0x40 | (0x80 if vendor else 0)
    octets = struct.pack("!IB", code, flags) + (head + len(data)).to_bytes(3)
    return octets + (struct.pack("!I", vendor) if vendor else b"") + data + bytes(-len(data) % 4)


def message(code: int, application: int, flags: int, avps: bytes, number: int) -> bytes:
    head = bytes((1,)) + (20 + len(avps)).to_bytes(3) + bytes((flags,)) + code.to_bytes(3)
    return head + struct.pack("!III", application, number, number) + avps


class Answer(NamedTuple):
    """The AVPs of an answer by (vendor, code); groups as they stand."""

    code: int
    avps: dict[tuple[int, int], bytes]

    def number(self, code: int, vendor: int = 0) -> int | None:
        value = self.avps.get((vendor, code))
        return None if value is None else struct.unpack("!I", value)[0]


def avps_of(octets: bytes) -> dict[tuple[int, int], bytes]:
    found, at = {}, 0
    while at < len(octets):
        code, flags = struct.unpack_from("!IB", octets, at)
        length = int.from_bytes(octets[at + 5 : at + 8])
        vendor = struct.unpack_from("!I", octets, at + 8)[0] if flags & 0x80 else 0
        found[vendor, code] = octets[at + (12 if vendor else 8) : at + length]
        at += (length + 3) & ~3
    return found


class Mme:
    """One connection of an MME to an EIR."""

    def __init__(self, port: int, host: str = "mme.example.net") -> None:
        self._origin = avp(264, host) + avp(296, "example.net")
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._number = 0

    def close(self) -> None:
        self._socket.close()

    def introduce(self) -> Answer:
        """Capabilities exchange, with S13 as a vendor's application."""
        application = avp(260, avp(266, VENDOR) + avp(258, S13))
        avps = self._origin + avp(257, b"\0\1\x7f\0\0\1") + avp(266, VENDOR) + avp(269, "MME") + avp(265, VENDOR)
        return self.ask(CAPABILITIES, 0, REQUEST, avps + application)

    def check(self, imei: str, imsi: str = "", software: str = "", realm: str = "mogate.example") -> Answer:
        """An ME-Identity-Check."""
        terminal = avp(1402, imei, VENDOR) + (avp(1403, software, VENDOR) if software else b"")
        avps = avp(263, f"mme.example.net;1;{self._number}") + avp(277, 1) + self._origin + avp(283, realm)
        avps += avp(1401, terminal, VENDOR) + (avp(1, imsi) if imsi else b"")
        return self.ask(ME_IDENTITY_CHECK, S13, REQUEST | PROXIABLE, avps)

    def ask(self, code: int, application: int, flags: int, avps: bytes) -> Answer:
        self._number += 1
        self._socket.sendall(message(code, application, flags, avps, self._number))
        head = self._read(20)
        body = self._read(int.from_bytes(head[1:4]) - 20)
        assert not head[4] & REQUEST
        assert struct.unpack("!I", head[12:16])[0] == self._number
        return Answer(int.from_bytes(head[5:8]), avps_of(body))

    def _read(self, count: int) -> bytes:
        octets = b""
        while len(octets) < count:
            part = self._socket.recv(count - len(octets))
            assert part, "the EIR closed the connection"
            octets += part
        return octets
