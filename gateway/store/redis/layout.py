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
from typing import Any, Literal, NamedTuple

import msgspec

from gateway.fleet.device import Device
from gateway.fleet.operation import Operation
from gateway.fleet.subscriber import Subscriber
from gateway.store.redis.packing import Home, encode, pack_home, unpack_home

SCHEMA_VERSION = 6
"""2: households are found by their kinds. 3: by software too, and they are packed with more in mind. 4: by version,
attributes and when a device was last seen, which lies with the index. 5: by the networks of all SIMs. 6: households
and reported trees are packed by Zstandard.

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


Pending = tuple[tuple[int, Operation], ...]
"""Operations without a final status, each with its number."""

_decode_pending = msgspec.msgpack.Decoder(Pending).decode
_decode_claims = msgspec.msgpack.Decoder(tuple[str, ...]).decode
decode_final = msgspec.msgpack.Decoder(tuple[int, Operation]).decode

_HEAD = struct.Struct(">Iq")


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

    def contact(self, device_id: str) -> tuple[Address, Address, Address]:
        """Household, session and pending operations of a device, which share a tag."""
        return _cells_of_device(self.namespace, device_id)

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
        value = (unpack_home if address.kind == "home" else _decode_pending)(raw[STAMP_BYTES:])
    return raw[:STAMP_BYTES], value


def split_headed(raw: bytes) -> tuple[Head, bytes]:
    """Head and octets of a mirror, session, ephemeral value or record that was read whole."""
    return Head(*_HEAD.unpack_from(raw, STAMP_BYTES)), raw[HEAD_BYTES:]


def encode_headed(stamp: bytes, head: Head, body: bytes) -> bytes:
    return stamp + _HEAD.pack(*head) + body


def encode_stamped(stamp: bytes, value: Home | Pending, schema: int) -> bytes:
    """A household or pending operations, as gateways of that schema can read it."""
    return stamp + (pack_home(value, schema) if isinstance(value, Home) else encode(value))


def identities_of(home: Home) -> Sequence[tuple[str, str, str]]:
    """Every identity of a household as (kind, value, whose): of the subscriber, then of its devices."""
    found = identities_of_subscriber(home.subscriber)
    for place in home.places:
        found += identities_of_device(place.device)
    return found


def identities_of_subscriber(subscriber: Subscriber) -> list[tuple[str, str, str]]:
    found = [("imsi", imsi, subscriber.id) for imsi in dict.fromkeys(subscriber.imsis) if imsi]
    return found + ([("msisdn", subscriber.msisdn, subscriber.id)] if subscriber.msisdn else [])


def are_known_alike(one: Device, other: Device) -> bool:
    """Whether two records of a device have the same identities."""
    return one.imei == other.imei and _loc_uri(one) == _loc_uri(other)


def identities_of_device(device: Device) -> list[tuple[str, str, str]]:
    found = [("imei", device.imei, device.id)] if device.imei else []
    if loc_uri := _loc_uri(device):
        found.append(("loc_uri", loc_uri, device.id))
    return found


def _loc_uri(device: Device) -> str:
    return device.omadm.loc_uri if device.omadm is not None else ""
