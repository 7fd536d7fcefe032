"""Digest credentials for IMS: one for each device, computed, and known to the HSS by its digest."""

from __future__ import annotations

import pytest

from gateway.fleet.device import Device, Rcc14State
from gateway.ims_credentials import ImsCredential, ImsCredentials, with_new_credential
from gateway.sealing import Sealer

DOMAIN = "ims.mnc001.mcc001.3gppnetwork.org"
VARIABLES = {"uuid": "0a1b", "home_domain": DOMAIN}
CREDENTIALS = ImsCredentials(Sealer(bytes(32)))


def test_ha1_is_that_of_the_rfc() -> None:
    """The example of RFC 2617 3.5, whose H(A1) is printed by many tools."""
    credential = ImsCredential("Mufasa", "testrealm@host.com", "Circle Of Life")
    assert credential.ha1 == "939e7578ed9e3c518a452acee763bce9"


def test_each_device_and_serial_has_its_own() -> None:
    """Who knows one device's password, or an old one of it, knows no other; the same one is computed again."""
    tablet = Device(id="ann.2", rcc14=Rcc14State(additional=True))
    assert CREDENTIALS.credential(tablet, VARIABLES) is None
    first, second = with_new_credential(tablet), with_new_credential(with_new_credential(tablet))
    watch = with_new_credential(Device(id="ann.3"))
    made = [CREDENTIALS.credential(device, VARIABLES) for device in (first, second, watch)]
    assert len({one.password for one in made if one}) == 3
    assert CREDENTIALS.credential(first, VARIABLES) == made[0]
    assert made[0] is not None
    assert (made[0].username, made[0].realm) == (f"0a1b@{DOMAIN}", DOMAIN)
    assert len(made[0].password) == 24
    assert second.content_revision == 3


@pytest.mark.parametrize("key", [bytes(32), b"\x01" * 32])
def test_it_is_the_gateways_key_that_makes_it(key: bytes) -> None:
    """Another gateway's key makes other passwords."""
    device = with_new_credential(Device(id="ann.2"))
    other = ImsCredentials(Sealer(key)).credential(device, VARIABLES)
    assert (other == CREDENTIALS.credential(device, VARIABLES)) is (key == bytes(32))


def test_without_a_home_domain_there_is_none() -> None:
    """A realm is the subscriber's home domain; who has none cannot register."""
    assert CREDENTIALS.credential(with_new_credential(Device(id="ann.2")), {"uuid": "0a1b"}) is None
