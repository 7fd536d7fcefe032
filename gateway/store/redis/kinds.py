"""What the index has of households, and where in it those lie whom a search may be for.

Millions of subscribers are of a few *kinds*: alike in tenant, plan, groups, network and state; and so are devices, in
maker, model, TAC, software and role, again in the version of their configuration, and in a package that they are
given. A kind is kept as the octets of a record that has nothing else, so what matches records matches kinds. The
network is that of the first SIM; those of further ones, which few have, are kinds of their own. Attributes may be
everybody's own: those share a few kinds, in which an entry begins with a digest of name and value. One more kind has
every device, with the time at which it was last seen.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Container, Sequence
from operator import attrgetter
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from gateway.fleet.device import Device, Rcc14State
from gateway.fleet.profile import ATTRIBUTES, look_at
from gateway.fleet.search import NETWORK_DIGITS, SEARCHED, Search, beginnings, terms_of_subscriber
from gateway.fleet.subscriber import Subscriber
from gateway.store.redis.packing import Home, Place, encode
from gateway.store.times import to_integer

SEEN = b"t"
"""The kind of all devices: their ids, with the microseconds at which they were last seen (0: never)."""

_OF_SUBSCRIBERS = frozenset({"tenant", "plan", "group"})
_OF_DEVICES = frozenset({"manufacturer", "model", "tac", "role", "software"})
_NOBODY = Subscriber(id="")
_NOTHING = Device(id="")
_ADDITIONAL = Rcc14State(additional=True)
_VERSION = b"v"
_NETWORK = b"n"
_PACKAGE = b"p"
_ATTRIBUTE = b"a"
_DIGEST_BYTES = 6
_ATTRIBUTE_KINDS = 64
_decode = msgspec.msgpack.Decoder(Subscriber).decode
_decode_device = msgspec.msgpack.Decoder(Device).decode


class Entry(NamedTuple):
    """One entry of the index: what is written among those of a kind."""

    kind: bytes
    member: bytes


class Source(NamedTuple):
    """Entries of a kind: those that begin so, or those whose time is within ``times``.

    Of several ``parts``, which are read one by one, it is one.
    """

    kind: bytes
    prefix: bytes = b""
    times: tuple[int | str, int | str] = ("", "")
    part: int = 0
    parts: int = 1


Lead = Callable[[bytes], bool] | tuple[Source, ...]
"""A way to find all whom a search may be for: whether those of a kind are among them, or the entries themselves."""


def entries_of(home: Home | None) -> list[Entry]:
    """What a household is found by; nothing for one without devices."""
    if home is None or not home.places:
        return []
    subscriber_id = home.subscriber.id.encode()
    found = [Entry(kind, subscriber_id) for kind in _kinds_of(home)]
    for term in _attribute_terms(home.subscriber):
        kind, digest = _place_of_attribute(term)
        found.append(Entry(kind, digest + subscriber_id))
    return found


def former_entries_of(home: Home) -> list[Entry]:
    """The entries of schema 2 that it has no more: they did not tell software apart."""
    places = tuple(Place(replace(place.device, software="")) for place in home.places)
    current = entries_of(home)
    return [entry for entry in entries_of(Home(home.subscriber, places)) if entry not in current]


def is_found_alike(before: Home, after: Home) -> bool:
    """Whether nothing changed by which the household is found. Most writes change nothing of it, so this is quick."""
    if len(before.places) != len(after.places):
        return False
    if before.subscriber is not after.subscriber and _looks(before.subscriber) != _looks(after.subscriber):
        return False
    for one, other in zip(before.places, after.places, strict=True):
        if one is not other and not _look_alike(one.device, other.device):
            return False
    return True


def leading(search: Search) -> list[Lead]:
    """All ways to find whom the search may be for."""
    leads: list[Lead] = []
    for names, is_one in ((_OF_SUBSCRIBERS, _is_subscriber), (_OF_DEVICES, _is_device)):
        if asked := [name for name in search.match if name in names]:
            leads.append(functools.partial(_agrees, search, asked, is_one))
    if "state" in search.match:
        leads.append(functools.partial(_agrees, search, ["state"], _may_say_state))
    networks = search.match.get("plmn", frozenset())
    if networks and all(networks):
        leads.append(functools.partial(_have_sims_of, beginnings(networks)))
    for name, begins in (("version", _VERSION), ("package", _PACKAGE)):
        asked_for = search.match.get(name, frozenset())
        if asked_for and all(asked_for):
            leads.append(frozenset(begins + one.encode() for one in asked_for).__contains__)
    for terms in search.terms():
        if all(term.startswith(f"{ATTRIBUTES}.") for term in terms):
            leads.append(tuple(Source(kind, digest) for kind, digest in map(_place_of_attribute, sorted(terms))))
    if search.asks_when_seen:
        first = 0 if search.seen_since is None else max(1, to_integer(search.seen_since))
        last = "+inf" if search.unseen_since is None else to_integer(search.unseen_since) - 1
        leads.append((Source(SEEN, times=(first, last)),))
    return leads


def _kinds_of(home: Home) -> list[bytes]:
    kinds = [_kind_of_subscriber(home.subscriber)]
    kinds += [_NETWORK + network.encode() for network in _networks(home.subscriber)[1:] if network]
    for place in home.places:
        kinds.append(_kind_of_device(place.device))
        if place.device.rcc14 is not None:
            kinds.append(b"%b%d" % (_VERSION, place.device.rcc14.version))
        kinds += [_PACKAGE + one.encode() for one in _packages_of(place.device)]
    return list(dict.fromkeys(kinds))


def _attribute_terms(subscriber: Subscriber) -> list[str]:
    if not subscriber.attributes:
        return []
    return [term for term in terms_of_subscriber(subscriber) if term.startswith(f"{ATTRIBUTES}.")]


def _place_of_attribute(term: str) -> tuple[bytes, bytes]:
    """The kind that has those with the attribute, and what their entries begin with."""
    digest = hashlib.blake2b(term.encode(), digest_size=_DIGEST_BYTES).digest()
    return b"%b%d" % (_ATTRIBUTE, digest[0] % _ATTRIBUTE_KINDS), digest


def _agrees(search: Search, names: Sequence[str], concerns: Callable[[bytes], bool], kind: bytes) -> bool:
    if not concerns(kind):
        return False
    subscriber = _decode(kind[1:]) if _is_subscriber(kind) else _NOBODY
    device = _decode_device(kind[1:]) if _is_device(kind) else _NOTHING
    return not any(search.match[name].isdisjoint(look_at(name, SEARCHED)(subscriber, device)) for name in names)


def _is_subscriber(kind: bytes) -> bool:
    return kind[:1] == b"s"


def _is_device(kind: bytes) -> bool:
    return kind[:1] == b"d"


def _may_say_state(kind: bytes) -> bool:
    return _is_subscriber(kind) or (_is_device(kind) and _decode_device(kind[1:]).state is not None)


def _have_sims_of(networks: Container[str], kind: bytes) -> bool:
    if _is_subscriber(kind):
        return _decode(kind[1:]).imsi in networks
    return kind[:1] == _NETWORK and kind[1:].decode() in networks


def _networks(subscriber: Subscriber) -> list[str]:
    """How its IMSIs begin, each once, the first SIM's first."""
    return list(dict.fromkeys(imsi[:NETWORK_DIGITS] for imsi in subscriber.imsis))


def _looks(subscriber: Subscriber) -> tuple[object, ...]:
    one = subscriber
    return one.tenant, one.plan, one.groups, _networks(one), one.state, one.attributes


_what_is_looked_at = attrgetter("manufacturer", "model", "imei", "software", "state", "rcc14", "jobs")


def _look_alike(one: Device, other: Device) -> bool:
    # Most are the same in all from which it is worked out.
    return _what_is_looked_at(one) == _what_is_looked_at(other) or _device_looks(one) == _device_looks(other)


def _device_looks(device: Device) -> tuple[object, ...]:
    version = device.rcc14.version if device.rcc14 is not None else None
    packages = _packages_of(device) if device.jobs else ()
    return device.manufacturer, device.model, device.tac, device.software, device.role, device.state, version, packages


def _packages_of(device: Device) -> tuple[str, ...]:
    return look_at("package", SEARCHED)(_NOBODY, device)


def _kind_of_subscriber(one: Subscriber) -> bytes:
    kind = Subscriber(
        id="", imsis=(one.imsi[:NETWORK_DIGITS],), tenant=one.tenant, plan=one.plan, groups=one.groups, state=one.state
    )
    return b"s" + encode(kind)


def _kind_of_device(one: Device) -> bytes:
    rcc14 = _ADDITIONAL if one.role == "additional" else None
    kind = Device(
        id="",
        imei=one.tac,
        manufacturer=one.manufacturer,
        model=one.model,
        software=one.software,
        state=one.state,
        rcc14=rcc14,
    )
    return b"d" + encode(kind)
