"""Templates of values, and the variables of a subscriber and device that fill them.

A template is text with ``{name}`` where a variable goes; ``{{`` and ``}}`` are literal braces.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from gateway.fleet.account import AUTH_TYPE_NAMES, server_auth
from gateway.fleet.device import Device, sim_of
from gateway.fleet.mnc import mnc_digits
from gateway.fleet.subscriber import Subscriber

_BRACES = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}|[{}]")

ACCOUNT = frozenset(f"dm_{side}_{what}" for side in ("client", "server") for what in ("name", "secret", "auth"))
"""The variables of a device's OMA DM account. They are secrets: only a document on its way to the device has them."""

CHOICES = {
    "dm_client_auth": tuple(AUTH_TYPE_NAMES.values()),
    "dm_server_auth": tuple(AUTH_TYPE_NAMES[server_auth(auth)] for auth in AUTH_TYPE_NAMES),
}
"""Variables that have one of few values: they may fill a node whole that permits all of those."""

IMS_CREDENTIAL = frozenset({"ims_username", "ims_realm", "ims_password"})
"""The variables of a device's Digest credential for IMS; as those of an account, they are in documents alone."""


class Slot(NamedTuple):
    """The place of one variable in a template."""

    name: str


@functools.lru_cache(4096)
def parse_template(text: str) -> tuple[str | Slot, ...]:
    """The template's literal texts and slots, in order; no literal is empty.

    Raises: ValueError when a brace opens or closes no name.
    """
    pieces: list[str | Slot] = []
    literal, end = "", 0
    for match in _BRACES.finditer(text):
        literal += text[end : match.start()]
        end = match.end()
        token, name = match[0], match[1]
        if name:
            pieces += [literal, Slot(name)] if literal else [Slot(name)]
            literal = ""
        elif len(token) == 2:
            literal += token[0]
        else:
            raise ValueError(f"{text!r} has a lone {token!r}; a variable is {{name}}, a literal brace is written twice")
    literal += text[end:]
    return (*pieces, literal) if literal else tuple(pieces)


def slots(text: str) -> tuple[str, ...]:
    """The names of the template's variables, each once, in order.

    Raises: ValueError as ``parse_template`` does.
    """
    if "{" not in text and "}" not in text:
        return ()
    return tuple(dict.fromkeys(piece.name for piece in parse_template(text) if isinstance(piece, Slot)))


def fill(text: str, variables: Mapping[str, str]) -> str:
    """The template's text with every variable in its place.

    Raises: KeyError naming the first variable that is not there; ValueError as ``parse_template`` does.
    """
    if "{" not in text and "}" not in text:
        return text
    return "".join([variables[piece.name] if isinstance(piece, Slot) else piece for piece in parse_template(text)])


def escape(text: str) -> str:
    """The template that stands for exactly this text."""
    return text.replace("{", "{{").replace("}", "}}")


def _plmn(imsi: str, digits: str, plmns: Iterable[str]) -> str:
    if not imsi:
        return ""
    if digits in ("2", "3"):
        return imsi[: 3 + int(digits)]
    return _network(imsi[:6], tuple(plmns))


@functools.lru_cache(4096)
def _network(beginning: str, plmns: tuple[str, ...]) -> str:
    """The network of an IMSI that begins so."""
    fitting = [plmn for plmn in plmns if beginning.startswith(plmn)]
    return max(fitting, key=len, default=beginning[: 3 + mnc_digits(beginning[:3])])


@functools.lru_cache(4096)
def _home_domain(plmn: str) -> str:
    return plmn and f"ims.mnc{plmn[3:].zfill(3)}.mcc{plmn[:3]}.3gppnetwork.org"


@functools.lru_cache(4096)
def _uuid(device_id: str) -> str:
    """A UUID made from the device's id.

    Spec: RFC 9562 5.8
    """
    octets = bytearray(hashlib.sha256(f"mogate device {device_id}".encode()).digest()[:16])
    octets[6], octets[8] = octets[6] & 0x0F | 0x80, octets[8] & 0x3F | 0x80
    digits = octets.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


class _Whose(NamedTuple):
    """What variables are made of: the records, the IMSI of the SIM in the device, its network and its domain, and
    the digits of the number; a text that is not known is empty."""

    subscriber: Subscriber
    device: Device
    imsi: str
    plmn: str
    domain: str
    number: str


_Giver = Callable[[_Whose], str]


def _own(name: str, derived: _Giver) -> _Giver:
    """What derives an identity, unless the subscriber has an attribute of that name."""
    return lambda whose: whose.subscriber.attributes.get(name) or derived(whose)


def _impu(whose: _Whose) -> str:
    user = f"+{whose.number}" if whose.number else whose.imsi
    return f"sip:{user}@{whose.domain}" if whose.plmn else ""


_GIVERS: Mapping[str, _Giver] = {
    "tenant": lambda whose: whose.subscriber.tenant,
    "plan": lambda whose: whose.subscriber.plan,
    "imei": lambda whose: whose.device.imei,
    "manufacturer": lambda whose: whose.device.manufacturer,
    "model": lambda whose: whose.device.model,
    "software": lambda whose: whose.device.software,
    "msisdn": lambda whose: whose.number and f"+{whose.number}",
    "tel": lambda whose: whose.number and f"tel:+{whose.number}",
    "imsi": lambda whose: whose.imsi,
    "mcc": lambda whose: whose.imsi[:3],
    "uuid": lambda whose: _uuid(whose.device.id),
    "plmn": lambda whose: whose.plmn,
    "mnc": lambda whose: whose.plmn and whose.plmn[3:].zfill(3),
    "home_domain": _own("home_domain", lambda whose: whose.domain),
    "impi": _own("impi", lambda whose: whose.plmn and f"{whose.imsi}@{whose.domain}"),
    "impu": _own("impu", _impu),
}

GIVEN = frozenset({*ACCOUNT, *IMS_CREDENTIAL, *_GIVERS})
"""The variables the gateway itself gives; an attribute of that name is not used, but for the identities."""


def variables_of(
    subscriber: Subscriber, device: Device, plmns: Iterable[str], names: frozenset[str] | None = None
) -> dict[str, str]:
    """The variables of this subscriber and device, or those of these names; what is not known of them is not there.

    How long the MNC in the IMSI is, the subscriber's attribute ``mnc_digits`` tells, else ``plmns``, the operator's
    networks (MCC and MNC together), of which the longest that fits counts, else the country. ``mnc`` always has three
    digits, ``plmn`` is as long as it is. Of several SIMs it is that in the device that counts. The attributes
    ``home_domain``, ``impi`` and ``impu`` go before what is derived. ``uuid`` is stable for each device.

    Spec: 3GPP TS 23.003 13.2, 13.3 (home network domain, private identity), 13.4 (public identity)
    """
    attributes, imsi = subscriber.attributes, sim_of(subscriber, device)
    plmn = _plmn(imsi, attributes.get("mnc_digits", ""), plmns)
    whose = _Whose(subscriber, device, imsi, plmn, _home_domain(plmn), subscriber.msisdn.removeprefix("+"))
    variables = {}
    for name, giver in _givers(frozenset((*attributes, *_GIVERS)) if names is None else names):
        if giver is None:
            if name in attributes:
                variables[name] = attributes[name]
        elif text := giver(whose):
            variables[name] = text
    return variables


@functools.lru_cache(4096)
def _givers(names: frozenset[str]) -> tuple[tuple[str, _Giver | None], ...]:
    """What gives each of the variables that are not secret; None for an attribute of the subscriber's."""
    return tuple([(name, _GIVERS.get(name)) for name in names if name in _GIVERS or name not in GIVEN])
