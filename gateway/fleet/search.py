"""What devices are searched by, and the terms under which a store finds them again.

A term is a facet with one value, as ``model=b7``. Who has none of the terms that a search asks for is not searched for;
who has them may be, and is looked at.

Pure.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from gateway.errors import ConfigError
from gateway.fleet.device import Device
from gateway.fleet.profile import ATTRIBUTES, FACETS, Facet, look_at, sought
from gateway.fleet.subscriber import ServiceState, Subscriber

SEARCHED: Mapping[str, Facet] = {
    **FACETS,
    "state": lambda subscriber, device: (
        (subscriber.state if device.state is None else device.state).name.lower(),
    ),
    "software": lambda _, device: (device.software,),
    "version": lambda _, device: (str(device.rcc14.version) if device.rcc14 else "",),
    "package": lambda _, device: tuple(job.package for job in device.jobs if job.running and job.package),
}  # fmt: skip
"""What can be asked for: what profiles match by, and what they do not. ``version`` is that of the configuration,
``package`` the ids of those that running jobs give the device."""

MAX_TERM_CHARACTERS = 200
_CACHED_TERMS = 2048
NETWORK_DIGITS = 6
_OF_SUBSCRIBER: dict[str, Facet] = {
    **{name: SEARCHED[name] for name in ("tenant", "plan", "group", "state")},
    # Which SIM is in a device neither record says alone, so it is found by the network of any.
    "plmn": lambda subscriber, _: tuple(imsi[:NETWORK_DIGITS] for imsi in subscriber.imsis),
}
_OF_DEVICE = {
    name: SEARCHED[name] for name in ("manufacturer", "model", "tac", "role", "software", "version", "package")
}
_OF_DEVICE_AND_STATE = {**_OF_DEVICE, "state": SEARCHED["state"]}
_SEEN = re.compile(r"seen\s*([<>])\s*(\d{1,6})\s*([mhdw])", re.ASCII)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_NOBODY = Subscriber(id="")
_NOTHING = Device(id="")


class Search(NamedTuple):
    """Devices that have one of the values of each facet.

    With ``seen_since`` only those that were seen then or later, with ``unseen_since`` those that were not.
    """

    match: Mapping[str, frozenset[str]] = {}
    seen_since: datetime | None = None
    unseen_since: datetime | None = None

    def within(self, tenant: str) -> Self:
        """The same among the devices of one tenant; the empty name is all of them."""
        if not tenant:
            return self
        asked = self.match.get("tenant", frozenset({tenant}))
        return self._replace(match={**self.match, "tenant": asked & {tenant}})

    @property
    def asks_when_seen(self) -> bool:
        """Whether it depends on when a device was last seen."""
        return self.seen_since is not None or self.unseen_since is not None

    def finds(self, subscriber: Subscriber, device: Device, seen_at: datetime | None) -> bool:
        """Whether the device is one of them. ``seen_at`` is when it was last seen, None for never."""
        if self.seen_since is not None and (seen_at is None or seen_at < self.seen_since):
            return False
        if self.unseen_since is not None and seen_at is not None and seen_at >= self.unseen_since:
            return False
        return not any(
            values.isdisjoint(look_at(name, SEARCHED)(subscriber, device)) for name, values in self.match.items()
        )

    def terms(self) -> list[frozenset[str]]:
        """For each facet that terms tell of, those of which a household with such a device has at least one."""
        return [
            frozenset(f"{name}={value}" for value in (beginnings(values) if name == "plmn" else values))
            for name, values in self.match.items()
            if all(map(_is_term, values))
        ]


def search_of(match: Mapping[str, Iterable[str]]) -> Search:
    """The search for the devices that a profile with such a match would be for."""
    return Search(sought(match))


def parse_search(text: str, now: datetime) -> Search:
    """The search that ``facet=value;…`` states, with ``seen<30d`` or ``seen>30d`` among it.

    Raises: ConfigError.
    """
    match: dict[str, set[str]] = {}
    search = Search()
    for stated in filter(None, map(str.strip, text.split(";"))):
        name, equals, value = (part.strip() for part in stated.partition("="))
        if seen := _SEEN.fullmatch(stated):
            since = _before(now, int(seen[2]), seen[3])
            search = search._replace(seen_since=since) if seen[1] == "<" else search._replace(unseen_since=since)
        elif re.match(r"seen\b", stated):
            raise ConfigError(
                f"{stated[:60]!r} is no time; write seen<30d for the last thirty days or seen>30d for longer ago, "
                "with m, h, d or w",
                key="match",
            )
        elif not equals:
            raise ConfigError(f"{stated[:60]!r} has no value; write facet=value, as model=B7", key="match")
        elif name not in SEARCHED and not name.startswith(f"{ATTRIBUTES}."):
            known = ", ".join((*SEARCHED, f"{ATTRIBUTES}.NAME", "seen"))
            raise ConfigError(f"there is no such match; there are {known}", key=name)
        else:
            match.setdefault(name, set()).add(value)
    return search._replace(match=sought(match))


def beginnings(networks: Iterable[str]) -> set[str]:
    """How an IMSI of one of these networks may begin: what is five digits long has ten ways to go on."""
    short = [network for network in networks if len(network) == NETWORK_DIGITS - 1]
    return {*networks, *(f"{network}{digit}" for network in short for digit in range(10))}


def terms_of_subscriber(subscriber: Subscriber) -> tuple[str, ...]:
    """The terms that each device of the subscriber has from them, whatever the device is."""
    attributes = {name: look_at(name) for name in (f"{ATTRIBUTES}.{own}" for own in subscriber.attributes)}
    return _terms(_OF_SUBSCRIBER | attributes, subscriber, _NOTHING)


def terms_of_device(device: Device) -> tuple[str, ...]:
    """The terms that the device has from itself."""
    rcc14 = device.rcc14
    if device.jobs or rcc14 is not None:
        return _terms(_OF_DEVICE if device.state is None else _OF_DEVICE_AND_STATE, _NOBODY, device)
    # Every write of a phone asks, nearly always for what was asked before: those of one model have the same.
    return _terms_of_phone(device.manufacturer, device.model, device.tac, device.software, device.state)


@functools.lru_cache(_CACHED_TERMS)
def _terms_of_phone(
    manufacturer: str, model: str, tac: str, software: str, state: ServiceState | None
) -> tuple[str, ...]:
    """Those of a device that speaks no RCC.14 and has no jobs."""
    phone = Device(id="", manufacturer=manufacturer, model=model, imei=tac, software=software, state=state)
    return _terms(_OF_DEVICE if state is None else _OF_DEVICE_AND_STATE, _NOBODY, phone)


def _terms(facets: Mapping[str, Facet], subscriber: Subscriber, device: Device) -> tuple[str, ...]:
    return _format(tuple(facets), tuple([look(subscriber, device) for look in facets.values()]))


@functools.lru_cache(_CACHED_TERMS)
def _format(names: tuple[str, ...], values: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    """The terms of these facets."""
    found = [f"{name}={value}" for name, some in zip(names, values, strict=True) for value in some if _is_term(value)]
    return tuple(dict.fromkeys(found))


def _is_term(value: str) -> bool:
    return 0 < len(value) <= MAX_TERM_CHARACTERS


def _before(now: datetime, count: int, unit: str) -> datetime:
    try:
        return now - timedelta(**{_UNITS[unit]: count})
    except OverflowError:
        raise ConfigError(f"{count}{unit} ago is before all time", key="match") from None
