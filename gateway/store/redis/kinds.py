"""The kinds of subscribers and devices that there are, by which a search finds households.

Millions of subscribers are of a few kinds: alike in tenant, plan, groups, network and state; and so are devices, in
maker, model, TAC, software and role. A kind is kept as the octets of a record that has nothing else, so what matches
records matches kinds. Versions of the configuration and attributes are nobody's kind: they change with every delivery,
or are everybody's own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from gateway.fleet.device import Device, Rcc14State
from gateway.fleet.profile import look_at
from gateway.fleet.search import SEARCHED, Search
from gateway.fleet.subscriber import Subscriber
from gateway.store.redis.layout import Home, Place, encode

_OF_SUBSCRIBERS = frozenset({"tenant", "plan", "group", "plmn"})
_OF_DEVICES = frozenset({"manufacturer", "model", "tac", "role", "software"})
_NOBODY = Subscriber(id="")
_NOTHING = Device(id="")
_ADDITIONAL = Rcc14State(additional=True)
_decode = msgspec.msgpack.Decoder(Subscriber).decode
_decode_device = msgspec.msgpack.Decoder(Device).decode


def kinds_of(home: Home | None) -> list[bytes]:
    """What a household is found by; nothing for one without devices."""
    if home is None or not home.places:
        return []
    kinds = [_kind_of_subscriber(home.subscriber), *(_kind_of_device(place.device) for place in home.places)]
    return list(dict.fromkeys(kinds))


def former_kinds_of(home: Home) -> list[bytes]:
    """The kinds of schema 2 that it is of no more: they did not tell software apart."""
    places = tuple(Place(replace(place.device, software="")) for place in home.places)
    current = kinds_of(home)
    return [kind for kind in kinds_of(Home(home.subscriber, places)) if kind not in current]


def is_of_same_kinds(before: Home, after: Home) -> bool:
    """Whether nothing changed by which the household is found. Most writes change nothing of it, so this is quick."""
    if len(before.places) != len(after.places):
        return False
    if before.subscriber is not after.subscriber and _looks(before.subscriber) != _looks(after.subscriber):
        return False
    return all(
        one is other or _device_looks(one.device) == _device_looks(other.device)
        for one, other in zip(before.places, after.places, strict=True)
    )


def leading(search: Search) -> list[Callable[[bytes], bool]]:
    """For each way to find all whom the search may be for: whether those of a kind are among them."""
    leads: list[Callable[[bytes], bool]] = []
    for names, is_one in ((_OF_SUBSCRIBERS, _is_subscriber), (_OF_DEVICES, _is_device)):
        if asked := [name for name in search.match if name in names]:
            leads.append(functools.partial(_agrees, search, asked, is_one))
    if "state" in search.match:
        leads.append(functools.partial(_agrees, search, ["state"], _may_say_state))
    return leads


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
    return _is_subscriber(kind) or _decode_device(kind[1:]).state is not None


def _looks(subscriber: Subscriber) -> tuple[object, ...]:
    return subscriber.tenant, subscriber.plan, subscriber.groups, subscriber.imsi[:6], subscriber.state


def _device_looks(device: Device) -> tuple[object, ...]:
    return device.manufacturer, device.model, device.tac, device.software, device.role, device.state


def _kind_of_subscriber(one: Subscriber) -> bytes:
    kind = Subscriber(
        id="", imsis=(one.imsi[:6],), tenant=one.tenant, plan=one.plan, groups=one.groups, state=one.state
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
