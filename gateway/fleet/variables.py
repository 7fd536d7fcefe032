"""Templates of values, and the variables of a subscriber and device that fill them.

A template is text with ``{name}`` where a variable goes; ``{{`` and ``}}`` are literal braces.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterable, Mapping
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

GIVEN = frozenset(
    {
        *ACCOUNT,
        *IMS_CREDENTIAL,
        "home_domain",
        "imei",
        "impi",
        "impu",
        "imsi",
        "manufacturer",
        "mcc",
        "mnc",
        "model",
        "msisdn",
        "plan",
        "plmn",
        "software",
        "tel",
        "tenant",
        "uuid",
    }
)
"""The variables the gateway itself gives; an attribute of that name is not used, but for the identities."""

_IDENTITIES = ("home_domain", "impi", "impu")


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


def variables_of(subscriber: Subscriber, device: Device, plmns: Iterable[str]) -> dict[str, str]:
    """The variables of this subscriber and device; what is not known of them is not there.

    How long the MNC in the IMSI is, the subscriber's attribute ``mnc_digits`` tells, else ``plmns``, the operator's
    networks (MCC and MNC together), of which the longest that fits counts, else the country. ``mnc`` always has three
    digits, ``plmn`` is as long as it is. Of several SIMs it is that in the device that counts. The attributes
    ``home_domain``, ``impi`` and ``impu`` go before what is derived. ``uuid`` is stable for each device.

    Spec: 3GPP TS 23.003 13.2, 13.3 (home network domain, private identity), 13.4 (public identity)
    """
    variables = {name: value for name, value in subscriber.attributes.items() if name not in GIVEN}
    for name, value in (
        ("tenant", subscriber.tenant),
        ("plan", subscriber.plan),
        ("imei", device.imei),
        ("manufacturer", device.manufacturer),
        ("model", device.model),
        ("software", device.software),
    ):
        if value:
            variables[name] = value
    imsi = sim_of(subscriber, device)
    number = subscriber.msisdn.removeprefix("+")
    if number:
        variables["msisdn"] = f"+{number}"
        variables["tel"] = f"tel:+{number}"
    if imsi:
        variables["imsi"] = imsi
        variables["mcc"] = imsi[:3]
    variables["uuid"] = _uuid(device.id)
    plmn = _plmn(imsi, subscriber.attributes.get("mnc_digits", ""), plmns)
    if plmn:
        mnc = plmn[3:].zfill(3)
        home_domain = f"ims.mnc{mnc}.mcc{plmn[:3]}.3gppnetwork.org"
        variables["plmn"] = plmn
        variables["mnc"] = mnc
        variables["home_domain"] = home_domain
        variables["impi"] = f"{imsi}@{home_domain}"
        variables["impu"] = f"sip:+{number}@{home_domain}" if number else f"sip:{imsi}@{home_domain}"
    variables |= {name: subscriber.attributes[name] for name in _IDENTITIES if subscriber.attributes.get(name)}
    return variables


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
def _uuid(device_id: str) -> str:
    """A UUID made from the device's id.

    Spec: RFC 9562 5.8
    """
    octets = bytearray(hashlib.sha256(f"mogate device {device_id}".encode()).digest()[:16])
    octets[6], octets[8] = octets[6] & 0x0F | 0x80, octets[8] & 0x3F | 0x80
    digits = octets.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
