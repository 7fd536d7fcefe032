"""Who the packet core says is calling: identities written into headers by the operator's own gateway.

Believed only on a listener that says so, and only from the peers it lists.

Spec: RCC.14 2.2.1 (configuration over 3GPP access)
"""

from __future__ import annotations

import enum
import functools
import ipaddress
import re
from collections.abc import Sequence
from typing import NamedTuple

from adapters.rcc14.messages import parse_msisdn
from gateway.errors import DecodeError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_IMSI = re.compile("[0-9]{6,15}", re.ASCII)


class Worth(enum.StrEnum):
    """What the headers of one request are worth."""

    TRUSTED = "trusted"
    MISSING = "missing"
    UNTRUSTED_SOURCE = "untrusted_source"
    MALFORMED = "malformed"


class Enrichment(NamedTuple):
    """The identities of an enriched request; both empty unless ``worth`` is TRUSTED."""

    worth: Worth
    imsi: str = ""
    msisdn: str = ""


@functools.lru_cache(maxsize=4096)
def is_trusted(peer: str, gateways: tuple[Network, ...]) -> bool:
    """Whether the immediate peer's address is inside one of the networks; an IPv4-mapped address counts as IPv4."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in gateways)


def read_enrichment(
    peer: str, imsis: Sequence[str], msisdns: Sequence[str], gateways: tuple[Network, ...]
) -> Enrichment:
    """The identity that one plain-leg request proves; ``imsis`` and ``msisdns`` are all values of those headers.

    A header that occurs twice proves nothing: one of the two may have come from the phone.
    """
    if not imsis and not msisdns:
        return Enrichment(Worth.MISSING)
    if not is_trusted(peer, gateways):
        return Enrichment(Worth.UNTRUSTED_SOURCE)
    if len(imsis) > 1 or len(msisdns) > 1:
        return Enrichment(Worth.MALFORMED)
    imsi, number = "".join(imsis).strip(), "".join(msisdns).strip()
    if not imsi and not number:
        return Enrichment(Worth.MISSING)
    try:
        msisdn = parse_msisdn(number) if number else ""
    except DecodeError:
        return Enrichment(Worth.MALFORMED)
    if imsi and not _IMSI.fullmatch(imsi):
        return Enrichment(Worth.MALFORMED)
    return Enrichment(Worth.TRUSTED, imsi, msisdn)
