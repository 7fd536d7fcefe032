"""Whether a request is from somebody who is waited for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.errors import ConfigError
from gateway.fleet.awaited import Awaited, Claims, Kind, Wait, imei_in, parse_networks

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
CLAIMS = Claims("192.0.2.7", "351234560000017", "001010000000009", " 15550100009", "ann.1")


@pytest.mark.parametrize(
    ("kind", "value", "is_of"),
    [
        ("imei", "351234560000017", True),
        ("imei", "351234560000025", False),
        ("imei", "3512345600000102", True),
        ("imsi", "001010000000009", True),
        ("imsi", "00101000000000", False),
        ("msisdn", "+15550100009", True),
        ("msisdn", "+1555010000", False),
        ("address", "192.0.2.0/24", True),
        ("address", "192.0.3.0/24,2001:db8::/32", False),
    ],
)
def test_each_kind_is_compared_as_it_is_written(kind: Kind, value: str, is_of: bool) -> None:
    """An IMEI by its first 14 digits, whatever check digit or software version follows; a number with or without plus.

    TS 23.003 6.2
    """
    wait = Wait(id="w", kind=kind, value=value, by="user:eve", until=NOW + timedelta(minutes=1))
    networks = parse_networks(value) if kind == "address" else ()
    assert Awaited(wait, networks).is_of(CLAIMS, NOW) == is_of
    assert not Awaited(wait, networks).is_of(CLAIMS, NOW + timedelta(minutes=1))
    assert not Awaited(wait, networks).is_of(Claims(), NOW)


def test_who_it_is_by_now_counts_too() -> None:
    """A device, or any device of a subscriber, though the request does not say which SIM is in it."""
    wait = Wait(id="w", kind="imsi", value="001010000000001", by="", until=NOW + timedelta(minutes=1))
    for owner, is_of in (("ann.1", True), ("ann", True), ("bea.1", False), ("", False)):
        assert Awaited(wait, owners=frozenset({"ann"})).is_of(Claims(owner=owner), NOW) == is_of


@pytest.mark.parametrize(
    ("loc_uri", "imei"),
    [("IMEI:351234560000017", "351234560000017"), ("urn:imei:35123456-000001-7", ""), ("MEID:A0000000002329", "")],
)
def test_the_imei_of_a_loc_uri(loc_uri: str, imei: str) -> None:
    """The digits that stand in it in one piece, where those are an IMEI's."""
    assert imei_in(loc_uri) == imei


def test_what_is_no_network_is_named() -> None:
    """With an example of one."""
    with pytest.raises(ConfigError, match=r"192\.0\.2\.7 or 2001:db8::/64"):
        parse_networks("192.0.2.300")
