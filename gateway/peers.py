"""Whom a request is from: the peer on the connection, or behind proxies of the operator's own whom they heard from."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_FORWARDED = 10


@functools.lru_cache(maxsize=4096)
def is_trusted(peer: str, networks: tuple[Network, ...]) -> bool:
    """Whether the immediate peer's address is inside one of the networks; an IPv4-mapped address counts as IPv4."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in networks)


def client_address(peer: str, forwarded: Sequence[str], proxies: tuple[Network, ...]) -> str:
    """The address of the client: the last one on the way that is none of our proxies'.

    ``forwarded`` are the values of X-Forwarded-For, to which each proxy adds whom it heard from; what is further to
    the left than the first stranger may be made up.
    """
    if not forwarded or not is_trusted(peer, proxies):
        return peer
    hops = [hop.strip() for value in forwarded for hop in value.split(",")]
    for hop in reversed(hops[-MAX_FORWARDED:]):
        if not is_trusted(hop, proxies):
            return hop if _is_address(hop) else peer
    return peer


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
