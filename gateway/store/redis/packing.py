"""How households and reported trees are packed in Redis, which is most of what a device takes there.

What nearly all of them say, names of fields and of nodes, is in dictionaries. A value cannot be read without the one it
was packed with, so each form stays as it is for ever, down to the octet; its first octet says which it is.
"""

from __future__ import annotations

import base64
import importlib.resources
import threading
import zlib
from typing import Any

import msgspec
import zstandard

from gateway.fleet.device import Device
from gateway.fleet.mirror import Mirror
from gateway.fleet.subscriber import Subscriber

encode = msgspec.msgpack.Encoder().encode


class Place(msgspec.Struct, array_like=True, frozen=True):
    """A device in its household. ``operations`` counts those ever created, which gives them their order."""

    device: Device
    operations: int = 0


class Home(msgspec.Struct, array_like=True, frozen=True):
    """A subscriber with all devices in the order they were first seen: one value, because they are read together."""

    subscriber: Subscriber
    places: tuple[Place, ...] = ()

    def place(self, device_id: str) -> Place | None:
        """The place of that device."""
        for place in self.places:
            if place.device.id == device_id:
                return place
        return None


_decode_home = msgspec.msgpack.Decoder(Home).decode
_decode_mirror = msgspec.msgpack.Decoder(Mirror).decode

_COMMON = encode(
    {
        "terminal_vendor": "", "terminal_model": "", "terminal_sw_version": "", "client_vendor": "",
        "client_version": "",
        "rcs_version": "", "rcs_profile": "UP_2.4", "rcs_state": "", "friendly_device_name": "", "vers": "0",
        "default_sms_app": "1", "SMS_port": "0", "token": "", "IMSI": "", "IMEI": "", "app": "ap2001",
        "provisioning_version": "5.0", "groups": [], "attributes": {}, "overrides": {}, "tenant": "", "state": 1,
        "server": {"name": "mogate", "secret": b"", "nonce": b"", "previous_nonce": b""}, "auth": "md5",
        "urn:oma:mo:ext-3gpp-ims:1.0": "./3GPP_IMS", "urn:oma:mo:ext-3gpp-nas-config:1.0": "./NAS_Config",
        "urn:oma:mo:ext-3gpp-andsf:1.0": "./ANDSF", "urn:oma:mo:oma-dm-devinfo:1.0": "./DevInfo", "RCS": "./RCS",
        "refused_verbs": [], "failed_attempts": 0, "described": b"", "synced": "", "account_serial": 1,
        "account_made_at": "", "last_session_at": "2026-01-01T00:00:00.000000Z", "software": "", "friendly_name": "",
        "unknown": {}, "reported_version": 1, "reported_at": "2026-01-01T00:00:00.000000Z", "sent_version": 1,
        "sent_at": "2026-01-01T00:00:00.000000Z", "token_serial": 1, "token_issued_at": "2026-01-01T00:00:00.000000Z",
        "digest": b"", "key": "", "version": 1, "parameters": {}, "traced_until": "", "content_revision": 1,
        "id": "", "imsis": [""], "msisdn": "+1555", "plan": "premium", "revision": 1, "imei": "35",
        "manufacturer": "", "model": "", "rcc14": {"version": 1, "digest": b""},
        "omadm": {"loc_uri": "IMEI:35", "client": {"name": "", "secret": b""}, "roots": {}},
    }
)  # fmt: skip
_AT = msgspec.msgpack.Ext(-1, b"\0\0\0\0k\0\0\0")
# Records as they are encoded, in the order of their fields: what stands next to each other is found in one piece.
_RECORDS = _COMMON + encode(
    [
        {
            "tenant": "", "overrides": {}, "attributes": {}, "state": 1, "application_states": {}, "pushes": [],
            "registrations": [], "apns": [], "apns_at": _AT, "since": _AT, "sqn": 1, "content_revision": 1,
        },
        {
            "auth": "md5", "server_auth": "md5", "certificate": "", "resync_at": _AT, "serializes": True,
            "names_sought": [], "read_back_at": _AT, "refused_verbs": [], "account_serial": 1, "account_made_at": _AT,
            "pending": [], "edition": "", "disproved": [], "jobs": [],
        },
        {
            "id": "", "imei": "35", "manufacturer": "", "model": "", "software": "",
            "rcc14": {
                "version": 1, "contents": {"": {"version": 1, "digest": b"", "key": ""}}, "sent_version": 1,
                "sent_at": _AT, "reported_version": 1, "reported_at": _AT, "token_serial": 1, "token_issued_at": _AT,
                "parameters": {
                    "rcs_profile": "UP_2.4", "rcs_version": "11.0", "provisioning_version": "5.0", "rcs_state": "0",
                    "client_vendor": "", "client_version": "RCSAndrd-1.0", "default_sms_app": "1",
                    "terminal_vendor": "", "terminal_model": "", "terminal_sw_version": "", "token": "",
                    "friendly_device_name": "",
                },
                "imsi": "00101",
            },
            "revision": 1,
        },
        {
            "id": "", "imsis": ["00101"], "msisdn": "+1", "plan": "premium", "groups": [""],
            "sims": {"00101": {"keys": b""}}, "seen": {"00101": {"imei": "35", "imei_at": _AT}}, "revision": 1,
        },
        {
            "id": "", "imei": "35", "manufacturer": "", "model": "",
            "omadm": {
                "loc_uri": "IMEI:35",
                "client": {"name": "IMEI:35", "secret": b"", "nonce": b"", "previous_nonce": b""},
                "server": {"name": "mogate", "secret": b"", "nonce": b"", "previous_nonce": b""},
                "large_objects": True, "uri_limits": [0, 0, 0],
                "roots": {
                    "devdetail": "./DevDetail", "devinfo": "./DevInfo", "fumo": "./FUMO", "lawmo": "./LAWMO",
                    "scomo": "./SCOMO", "urn:oma:mo:ext-3gpp-ims:1.0": "./3GPP_IMS",
                },
                "roots_sought": True, "synced": ".1.1.00101", "described": b"", "last_session_at": _AT,
            },
            "revision": 1,
        },
    ]
)  # fmt: skip

_SINCE_3, _SINCE_6 = b"\x07", b"\x06"
"""Precede what is packed with ``_RECORDS``, and what Zstandard packs. No DEFLATE stream begins so, because this type of
block is reserved, and none of zlib."""
_WINDOW_BITS = 12
_PACKER = zlib.compressobj(1, zlib.DEFLATED, -_WINDOW_BITS, 4, zdict=_RECORDS)
"""A copy of it costs half of what one that reads those records anew does."""

# How often what occurs between the words of _RECORDS, of 1,200 households: `ZDICT_finalizeDictionary` made it of those.
_STATISTICS = base64.b85decode(
    "H>5D^%?y=&Fc8SB0}pfD7;i-2q!jBnQe8u$TeWO}HKYH_Bt<+FHrqnhYGjg9$|SQvdxl=n0+Ry(034D;!!gAH00bb$ld7E&O2_~J"
    "9To<#7|Q|x1~32s04xB20RRA400000q^A>1hq5pjA_f2e0AO$n002b50ssI20RR911ONa42mk;8"
)
_MOST_OCTETS = 1 << 26
"""No more is unpacked, whatever a frame says of itself."""


def _known_tree() -> bytes:
    """The nodes of the shipped profiles, of which the trees of most phones consist, as mirrors tell of them."""
    text = importlib.resources.files(__package__).joinpath("nodes.txt").read_text()
    facts = {}
    for line in text.splitlines():
        form, uri = line.split()
        fact: dict[str, Any] = {"format": form}
        if uri.startswith("./Dev"):
            facts[uri] = fact | {"type": "text/plain", "read": "", "read_at": _AT, "source": uri.split("/")[1]}
        elif form == "node":
            facts[uri] = fact | {"verb": "Add", "sent_at": _AT, "status": 200, "status_at": _AT, "acknowledged_at": _AT}
        else:
            value = {"bool": "true", "int": "0"}.get(form, "")
            facts[uri] = fact | {
                "type": "text/plain", "verb": "Add", "sent": value, "sent_at": _AT, "status": 200, "status_at": _AT,
                "acknowledged": value, "acknowledged_at": _AT,
            }  # fmt: skip
    return encode({"device_id": "", "facts": facts})


class _Zstandard(threading.local):
    """Packs and unpacks with one dictionary. Each thread has its own, because its memory is used again and again."""

    def __init__(self, words: zstandard.ZstdCompressionDict, how: zstandard.ZstdCompressionParameters) -> None:
        self._packer = zstandard.ZstdCompressor(dict_data=words, compression_params=how)
        self._unpacker = zstandard.ZstdDecompressor(dict_data=words, format=zstandard.FORMAT_ZSTD1_MAGICLESS)

    def pack(self, octets: bytes) -> bytes:
        return _SINCE_6 + self._packer.compress(octets)

    def unpack(self, packed: bytes) -> bytes:
        """Raises: ZstdError, also when the content would be larger than any value is."""
        frame = packed[1:]
        size = zstandard.get_frame_parameters(frame, zstandard.FORMAT_ZSTD1_MAGICLESS).content_size
        if size > _MOST_OCTETS:
            raise zstandard.ZstdError(f"{size} octets are too many")
        return self._unpacker.decompress(frame)


def _zstandard(words: bytes, kind: int, level: int, usual_octets: int) -> _Zstandard:
    dictionary = zstandard.ZstdCompressionDict(words, dict_type=kind)
    parameters = zstandard.ZstdCompressionParameters.from_level(
        level,
        source_size=usual_octets,
        dict_size=len(words),
        format=zstandard.FORMAT_ZSTD1_MAGICLESS,
        write_content_size=True,
        write_checksum=False,
        write_dict_id=False,
    )
    dictionary.precompute_compress(compression_params=parameters)
    return _Zstandard(dictionary, parameters)


_HOMES = _zstandard(_STATISTICS + _RECORDS, zstandard.DICT_TYPE_FULLDICT, 4, 4_000)
_LARGE_HOMES = _zstandard(_STATISTICS + _RECORDS, zstandard.DICT_TYPE_FULLDICT, 3, 4_000)
"""For half the time, and some 20 octets more than ``_HOMES`` would need."""
_LARGE_OCTETS = 1_000
"""More than a phone alone has, which would not fit the allocator's 512 with those: a household of several devices."""
_MIRRORS = _zstandard(_known_tree(), zstandard.DICT_TYPE_RAWCONTENT, 4, 30_000)


def pack_home(home: Home, schema: int) -> bytes:
    """A household's octets, as gateways of that schema can read them."""
    if schema >= 6:
        octets = encode(home)
        return (_LARGE_HOMES if len(octets) > _LARGE_OCTETS else _HOMES).pack(octets)
    packer = _PACKER.copy()
    return _SINCE_3 + packer.compress(encode(home)) + packer.flush()


def unpack_home(packed: bytes) -> Home:
    """The household, in whichever form it is."""
    if packed.startswith(_SINCE_6):
        return _decode_home(_HOMES.unpack(packed))
    if packed.startswith(_SINCE_3):
        return _decode_home(zlib.decompressobj(-_WINDOW_BITS, zdict=_RECORDS).decompress(packed[1:]))
    return _decode_home(zlib.decompressobj(-_WINDOW_BITS, zdict=_COMMON).decompress(packed))


def pack_mirror(mirror: Mirror, schema: int) -> bytes:
    """A mirror's octets, as gateways of that schema can read them. It is much the largest record."""
    return _MIRRORS.pack(encode(mirror)) if schema >= 6 else zlib.compress(encode(mirror), 1)


def unpack_mirror(packed: bytes) -> Mirror:
    """The mirror, in whichever form it is."""
    return _decode_mirror(_MIRRORS.unpack(packed) if packed.startswith(_SINCE_6) else zlib.decompress(packed))
