"""Where a request comes from, and whose word counts on that."""

from __future__ import annotations

import ipaddress

import pytest

from gateway.peers import client_address, is_trusted

GATEWAYS = (ipaddress.ip_network("192.0.2.0/28"), ipaddress.ip_network("2001:db8:1::/48"))
PROXIES = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("2001:db8:9::/48"))


@pytest.mark.parametrize(
    ("peer", "trusted"),
    [
        ("192.0.2.0", True),
        ("192.0.2.15", True),
        ("192.0.2.16", False),
        ("::ffff:192.0.2.7", True),
        ("::ffff:192.0.2.17", False),
        ("::192.0.2.7", False),
        ("2001:db8:1::9", True),
        ("2001:db8:2::9", False),
        ("127.0.0.1", False),
        ("", False),
        ("gateway.example", False),
        ("192.0.2.7, 203.0.113.1", False),
    ],
)
def test_only_listed_networks_are_trusted(peer: str, trusted: bool) -> None:
    """The immediate peer's address decides; an IPv4-mapped one is the IPv4 one."""
    assert is_trusted(peer, GATEWAYS) is trusted
    assert not is_trusted(peer, ())


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.5", [], "203.0.113.5"),
        ("203.0.113.5", ["198.51.100.1"], "203.0.113.5"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1", "198.51.100.1,10.0.0.2"], "198.51.100.1"),
        ("2001:db8:9::1", ["2001:db8:1::7"], "2001:db8:1::7"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.1"),
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
    ],
)
def test_the_address_of_the_client(peer: str, forwarded: list[str], address: str) -> None:
    """The last hop that is none of the listed proxies; a stranger's word on where it comes from is not taken."""
    assert client_address(peer, forwarded, PROXIES) == address
