"""Sightings out of a capture of SIGTRAN traffic: pcap or pcapng files with MAP over TCAP, SCCP, M3UA and SCTP.

Pure but for the file it is given.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO

import dpkt
from dpkt.pcap import DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_NULL, DLT_RAW, UniversalReader
from msgspec.structs import replace

from adapters.detection.map_add import decode_transaction
from adapters.detection.sigtran import Association, Unit, decode_chunk
from gateway.errors import DecodeError
from gateway.fleet.detection import Sighting

MAX_TRANSACTIONS = 100_000
"""Open transactions of which it is remembered whose they are; the oldest make room."""
DATA = 0
_RAW = (DLT_RAW, 12, 14)

_LINKS = {
    DLT_EN10MB: dpkt.ethernet.Ethernet,
    DLT_LINUX_SLL: dpkt.sll.SLL,
    DLT_LINUX_SLL2: dpkt.sll2.SLL2,
    DLT_NULL: dpkt.loopback.Loopback,
}
_BROKEN = (dpkt.Error, struct.error, ValueError, IndexError, KeyError, AttributeError, TypeError)
"""What dpkt raises for packets and files that are not what they say."""


class Capture:
    """The sightings in one capture, in the order of its packets; ``broken`` counts messages that could not be read."""

    def __init__(self, file: BinaryIO) -> None:
        """Raises: DecodeError when this is no capture, or one of a link layer that is not known."""
        try:
            self._packets = UniversalReader(file)
        except (*_BROKEN, EOFError) as error:
            raise DecodeError(f"no pcap and no pcapng file: {error}") from None
        self._link = self._packets.datalink()
        if self._link not in _LINKS and self._link not in _RAW:
            raise DecodeError(f"a capture of link type {self._link}; Ethernet, Linux cooked and raw IP can be read")
        self._association = Association()
        self._whose: OrderedDict[tuple[bytes, bytes], str] = OrderedDict()
        self.broken = 0

    def __iter__(self) -> Iterator[Sighting]:
        try:
            for seconds, octets in self._packets:
                seen_at = datetime.fromtimestamp(float(seconds), UTC)
                for unit in self._units(octets):
                    for sighting in self._sightings(unit):
                        yield replace(sighting, seen_at=seen_at)
        except (*_BROKEN, EOFError, OverflowError, OSError) as error:
            raise DecodeError(f"the capture breaks off: {error}") from None

    def _units(self, octets: bytes) -> list[Unit]:
        units: list[Unit] = []
        try:
            packet = _ip(octets) if self._link in _RAW else _LINKS[self._link](octets).data
            sctp = getattr(packet, "data", None)
            if not isinstance(sctp, dpkt.sctp.SCTP):
                return []
            ends = (packet.src, packet.dst, sctp.sport, sctp.dport)
            for chunk in sctp.chunks:
                if chunk.type == DATA:
                    units += self._association.receive(ends, decode_chunk(chunk.flags, bytes(chunk.data)))
        except (DecodeError, *_BROKEN):
            self.broken += 1
        return units

    def _sightings(self, unit: Unit) -> list[Sighting]:
        """What a message tells, with the IMSI that an earlier one of its transaction gave."""
        try:
            heard = decode_transaction(unit.octets)
        except DecodeError:
            self.broken += 1
            return []
        # Whoever opened the transaction is called by that name from then on.
        imsi = self._whose.get((heard.dtid, unit.called), "") if heard.dtid else ""
        told = next((sighting.imsi for sighting in heard.sightings if sighting.imsi), "")
        if heard.otid and not heard.dtid and told:
            self._whose[heard.otid, unit.calling] = told
            if len(self._whose) > MAX_TRANSACTIONS:
                self._whose.popitem(last=False)
        named = [sighting if sighting.imsi else replace(sighting, imsi=imsi) for sighting in heard.sightings]
        return [sighting for sighting in named if sighting.imsi or sighting.msisdn]


def _ip(octets: bytes) -> dpkt.ip.IP | dpkt.ip6.IP6:
    return dpkt.ip6.IP6(octets) if octets and octets[0] >> 4 == 6 else dpkt.ip.IP(octets)
