"""Who is waited for, to be traced from their first contact on, and whether a request is from them."""

from __future__ import annotations

import ipaddress
import re
from datetime import datetime
from typing import Literal, NamedTuple, get_args

import msgspec

from gateway.errors import ConfigError
from gateway.peers import Network, is_trusted

IMEI_DIGITS = 14
"""What an IMEI has without check digit and software version."""

Kind = Literal["imei", "imsi", "msisdn", "address"]
KINDS: tuple[Kind, ...] = get_args(Kind)


_IMEI = re.compile("(?<![0-9])[0-9]{14,16}(?![0-9])")


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """Whom somebody waits for: a value of that kind, for an address a network. ``by`` is who said so."""

    id: str
    kind: Kind
    value: str
    by: str
    until: datetime

    @property
    def owner(self) -> str:
        """Under whom the trace is kept: no subscriber or device can be called so."""
        return f"awaited/{self.id}"


class Claims(NamedTuple):
    """Whom a request says that it is from, and whom it was taken for: ``owner`` is a device, else a subscriber."""

    address: str = ""
    imei: str = ""
    imsi: str = ""
    msisdn: str = ""
    owner: str = ""


class Awaited(NamedTuple):
    """One who is waited for, ready to be compared: ``owners`` are the subscriber and devices that this is by now."""

    wait: Wait
    networks: tuple[Network, ...] = ()
    owners: frozenset[str] = frozenset()

    def is_of(self, claims: Claims, now: datetime) -> bool:
        """Whether these may be who is waited for."""
        kind, value = self.wait.kind, self.wait.value
        if now >= self.wait.until:
            return False
        if claims.owner and not self.owners.isdisjoint((claims.owner, claims.owner.rpartition(".")[0])):
            return True
        if kind == "imei":
            return len(claims.imei) >= IMEI_DIGITS and claims.imei[:IMEI_DIGITS] == value[:IMEI_DIGITS]
        if kind == "imsi":
            return claims.imsi == value
        if kind == "msisdn":
            return claims.msisdn.lstrip("+ ") == value.removeprefix("+")
        return is_trusted(claims.address, self.networks)


def imei_in(loc_uri: str) -> str:
    """The IMEI that a phone's ``Source/LocURI`` has, or ""."""
    found = _IMEI.search(loc_uri)
    return found[0] if found else ""


def parse_networks(text: str) -> tuple[Network, ...]:
    """Networks or addresses, with commas between. Raises: ConfigError."""
    try:
        return tuple(ipaddress.ip_network(one.strip(), strict=False) for one in text.split(","))
    except ValueError as error:
        raise ConfigError(f"{error}; write for example 192.0.2.7 or 2001:db8::/64", key="value") from None
