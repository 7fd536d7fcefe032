"""Where everything lies in Redis, and its encoding.

Keys of one subscriber share a hash tag, so one script on one node can check and write them together. What leads to a
subscriber (identities), the ordered list of subscribers and the log have tags of their own.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
import struct
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

import msgspec

from gateway.fleet.device import Device
from gateway.fleet.mirror import Mirror
from gateway.fleet.operation import Operation
from gateway.fleet.subscriber import Subscriber

SCHEMA_VERSION = 5
"""2: households are found by their kinds. 3: by software too, and they are packed with more in mind. 4: by version,
attributes and when a device was last seen, which lies with the index. 5: by the networks of all SIMs.

What the gateway before this one cannot read is written only once none of those is connected any more.
"""
BUCKETS = 65_536
"""Hashes that identities are spread over. Up to some two million devices each stays small enough for the encoding in
which an entry costs no more than its text (``hash-max-listpack-entries``)."""
SHARDS = 16
"""Sorted sets that the ids of subscribers, and the ends of what expires, are spread over."""
STAMP_BYTES = 8
HEAD_BYTES = 20

Kind = Literal["home", "mirror", "session", "pending", "final", "ephemeral", "record", "claim", "claims"]
_HEADED = frozenset({"mirror", "session", "ephemeral", "record"})


Command = tuple[str | bytes | int, ...]
"""A Redis command: verb, key, arguments. ``LOG``, ``LOGAT``, ``JOIN`` and ``LEAVE`` are what scripts add."""


class Address(NamedTuple):
    """One cell: a string key, or a field of a hash. The kind decides its encoding."""

    kind: Kind
    key: str
    field: str = ""


class Head(NamedTuple):
    """What precedes the octets of a mirror, session, ephemeral value or record, whose ``end`` is when it is due."""

    revision: int
    end: int = 0


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


Pending = tuple[tuple[int, Operation], ...]
"""Operations without a final status, each with its number."""

_decode_home = msgspec.msgpack.Decoder(Home).decode
_decode_pending = msgspec.msgpack.Decoder(Pending).decode
_decode_mirror = msgspec.msgpack.Decoder(Mirror).decode
_decode_claims = msgspec.msgpack.Decoder(tuple[str, ...]).decode
decode_final = msgspec.msgpack.Decoder(tuple[int, Operation]).decode
encode = msgspec.msgpack.Encoder().encode

_WINDOW_BITS = 12
_MEMORY_LEVEL = 4
# Households are packed with these in mind, and cannot be read without: a change is a new SCHEMA_VERSION.
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
_SINCE_3 = b"\x07"
"""Precedes what is packed with ``_RECORDS``. No DEFLATE stream begins so: this type of block is reserved."""
_PACKER = zlib.compressobj(1, zlib.DEFLATED, -_WINDOW_BITS, _MEMORY_LEVEL, zdict=_RECORDS)
"""Begins every packing: nearly all of a household is names of fields and what devices of one model say alike. A copy of
it costs half of what one that reads those records anew does."""
_HEAD = struct.Struct(">Iq")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_integer(at: datetime) -> int:
    """Microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def to_datetime(microseconds: int) -> datetime:
    """The reverse of ``to_integer``."""
    return _EPOCH + microseconds * _MICROSECOND


class Keys:
    """The names of all keys below one namespace."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.log = f"{namespace}e{{log}}"
        self.transactions = f"{namespace}t{{log}}"
        self.schema = f"{namespace}v{{log}}"

    def home(self, subscriber_id: str) -> Address:
        return _home(self.namespace, subscriber_id)

    def home_of(self, device_id: str) -> Address:
        """The household of a device."""
        return _cells_of_device(self.namespace, device_id)[0]

    def mirror(self, device_id: str) -> Address:
        return Address("mirror", self._of_device("m", device_id))

    def session(self, device_id: str) -> Address:
        return _cells_of_device(self.namespace, device_id)[1]

    def pending(self, device_id: str) -> Address:
        return _cells_of_device(self.namespace, device_id)[2]

    def final(self, device_id: str, operation_id: str) -> Address:
        return Address("final", self._of_device("f", device_id), f"o{operation_id}")

    def trace(self, owner: str, *, proven: bool) -> str:
        """The list of exchanges with a device or subscriber, the newest last."""
        household, _, suffix = owner.partition(".")
        return f"{self.namespace}{'y' if proven else 'w'}{{{_quoted(household)}}}{suffix}"

    @property
    def traced(self) -> str:
        """The list of those whom exchanges were noted of, the newest first, often more than once."""
        return f"{self.namespace}y{{traced}}"

    def trace_number(self, owner: str) -> str:
        """Counts the exchanges of a household, which gives them their order."""
        return f"{self.namespace}n{{{_quoted(owner.partition('.')[0])}}}"

    def ephemeral(self, key: str) -> Address:
        return Address("ephemeral", f"{self.namespace}k{{k{_quoted(key)}}}")

    def record(self, kind: str, record_id: str) -> Address:
        """Records whose kinds agree up to the first dot lie together with the sets that lead to them."""
        return Address("record", f"{self.namespace}r{{r{_quoted(kind.partition('.')[0])}}}{kind}/{record_id}")

    def record_ids(self, kind: str) -> str:
        """The sorted set that has the ids of all records of the kind."""
        return f"{self.namespace}q{{r{_quoted(kind.partition('.')[0])}}}{kind}"

    def record_dues(self, kind: str) -> str:
        """The sorted set that says when each record of the kind is due."""
        return f"{self.namespace}u{{r{_quoted(kind.partition('.')[0])}}}{kind}"

    def identity(self, kind: str, value: str) -> Address:
        """The cell that says whose identity it is. Several devices may claim an IMEI, the last one is the newest."""
        return Address("claims" if kind == "imei" else "claim", *self._bucket(_LETTERS[kind] + value))

    def former_seen(self, device_id: str) -> tuple[str, str]:
        """Hash and field of when the device was last seen, up to schema 3."""
        return self._bucket("t" + device_id)

    def ids(self, subscriber_id: str) -> str:
        """The sorted set that has this subscriber's id."""
        return f"{self.namespace}s{{s{zlib.crc32(subscriber_id.encode()) % SHARDS}}}"

    def all_ids(self) -> list[str]:
        return [f"{self.namespace}s{{s{n}}}" for n in range(SHARDS)]

    def kinds(self, ids: str) -> str:
        """The hash of the kinds among the subscribers of one sorted set of ids, with how many there are of each."""
        return f"{self.namespace}g{{{tag(ids)}}}"

    def of_kind(self, ids: str, kind: bytes) -> str:
        """How the names begin of the sorted sets that have those of them that are of a kind."""
        name = base64.b64encode(hashlib.blake2b(kind, digest_size=9).digest()).decode()
        return f"{self.namespace}g{{{tag(ids)}}}{name}/"

    def ends(self, key: str) -> str:
        """The sorted set that has the end of the session or ephemeral value under this key."""
        return f"{self.namespace}z{{z{zlib.crc32(key.encode()) % SHARDS}}}"

    def all_ends(self) -> list[str]:
        return [f"{self.namespace}z{{z{n}}}" for n in range(SHARDS)]

    def lock(self, group: str) -> str:
        """Says which transaction holds the cells of that hash tag."""
        return f"{self.namespace}l{{{group}}}"

    def decision(self, group: str, transaction: str) -> str:
        """Says what became of a transaction; lies where it is decided."""
        return f"{self.namespace}d{{{group}}}{transaction}"

    def events_of(self, kind: Literal["s", "d"], name: str) -> str:
        """The sorted set of the numbers of the events that name this subscriber or device."""
        return f"{self.namespace}e{{log}}{kind}{name}"

    def _of_device(self, letter: str, device_id: str) -> str:
        subscriber_id, _, suffix = device_id.rpartition(".")
        return f"{self.namespace}{letter}{{{_quoted(subscriber_id)}}}{suffix}"

    def _bucket(self, field: str) -> tuple[str, str]:
        return f"{self.namespace}i{{b{zlib.crc32(field.encode()) % BUCKETS}}}", field


@functools.lru_cache(8192)
def _home(namespace: str, subscriber_id: str) -> Address:
    return Address("home", f"{namespace}h{{{_quoted(subscriber_id)}}}")


@functools.lru_cache(8192)
def _cells_of_device(namespace: str, device_id: str) -> tuple[Address, Address, Address]:
    """Household, session and pending operations: what every message of a device needs."""
    subscriber_id, _, suffix = device_id.rpartition(".")
    home = _home(namespace, subscriber_id)
    end = f"{{{tag(home.key)}}}{suffix}"
    return home, Address("session", f"{namespace}x{end}"), Address("pending", f"{namespace}o{end}")


_HARMLESS = re.compile(r"[^%{}\n]+").fullmatch
_LETTERS = {"imsi": "i", "msisdn": "m", "imei": "e", "loc_uri": "u"}


@functools.lru_cache(4096)
def _quoted(text: str) -> str:
    """The text as a hash tag: never empty, without braces, which end it, and line ends, which end a lock's name."""
    if _HARMLESS(text):
        return text
    return text.replace("%", "%25").replace("{", "%7B").replace("}", "%7D").replace("\n", "%0A") or "%"


def tag(key: str) -> str:
    """The hash tag of a key: the same tag, the same node."""
    return key[key.index("{") + 1 : key.index("}")]


def reading(address: Address) -> tuple[str | int, ...]:
    """The command that reads as much of the cell as a commit needs to know."""
    if address.field:
        return ("HGET", address.key, address.field)
    if address.kind in _HEADED:
        return ("GETRANGE", address.key, 0, HEAD_BYTES - 1)
    return ("GET", address.key)


def parse_cell(address: Address, raw: bytes | None) -> tuple[bytes, Any]:
    """What to compare the cell with before it is written, and its value (None: absent)."""
    if not raw:
        return b"", None
    if address.kind == "claim":
        return raw, raw.decode()
    if address.kind == "claims":
        return raw, _decode_claims(raw)
    if address.kind == "final":
        return raw, decode_final(raw)
    value: Any
    if address.kind in _HEADED:
        value = Head(*_HEAD.unpack_from(raw, STAMP_BYTES))
    else:
        value = (_unpack_home if address.kind == "home" else _decode_pending)(raw[STAMP_BYTES:])
    return raw[:STAMP_BYTES], value


def split_headed(raw: bytes) -> tuple[Head, bytes]:
    """Head and octets of a mirror, session, ephemeral value or record that was read whole."""
    return Head(*_HEAD.unpack_from(raw, STAMP_BYTES)), raw[HEAD_BYTES:]


def encode_headed(stamp: bytes, head: Head, body: bytes) -> bytes:
    return stamp + _HEAD.pack(*head) + body


def pack_mirror(mirror: Mirror) -> bytes:
    """A mirror's octets. It is much the largest record and says the same over and over, so it is compressed."""
    return zlib.compress(encode(mirror), 1)


def unpack_mirror(body: bytes) -> Mirror:
    return _decode_mirror(zlib.decompress(body))


def encode_stamped(stamp: bytes, value: Home | Pending) -> bytes:
    """A household or pending operations."""
    return stamp + (_pack_home(value) if isinstance(value, Home) else encode(value))


def _pack_home(home: Home) -> bytes:
    packer = _PACKER.copy()
    return _SINCE_3 + packer.compress(encode(home)) + packer.flush()


def _unpack_home(packed: bytes) -> Home:
    if packed.startswith(_SINCE_3):
        return _decode_home(zlib.decompressobj(-_WINDOW_BITS, zdict=_RECORDS).decompress(packed[1:]))
    return _decode_home(zlib.decompressobj(-_WINDOW_BITS, zdict=_COMMON).decompress(packed))


def identities_of(home: Home) -> Sequence[tuple[str, str, str]]:
    """Every identity of a household as (kind, value, whose): of the subscriber, then of its devices."""
    found = identities_of_subscriber(home.subscriber)
    for place in home.places:
        found += identities_of_device(place.device)
    return found


def identities_of_subscriber(subscriber: Subscriber) -> list[tuple[str, str, str]]:
    found = [("imsi", imsi, subscriber.id) for imsi in dict.fromkeys(subscriber.imsis) if imsi]
    return found + ([("msisdn", subscriber.msisdn, subscriber.id)] if subscriber.msisdn else [])


def identities_of_device(device: Device) -> list[tuple[str, str, str]]:
    found = [("imei", device.imei, device.id)] if device.imei else []
    if device.omadm is not None and device.omadm.loc_uri:
        found.append(("loc_uri", device.omadm.loc_uri, device.id))
    return found
