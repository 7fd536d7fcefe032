"""The account as an APPLICATION, against the vector."""

from pathlib import Path

import pytest

from adapters.omacp.account import application
from adapters.provisioning.document import Characteristic, Parm, parse_document
from adapters.provisioning.mapping import Mapping
from gateway.fleet.account import Account, Login
from gateway.fleet.device import AuthType
from gateway.mo.catalogue import Catalogue

CONFIG = Path(__file__).parents[4] / "config"
MAPPING = Mapping.load(CONFIG / "mapping", Catalogue.load(CONFIG / "mo", identifiers={}))
VECTOR = Path(__file__).parents[3] / "vectors" / "provisioning" / "cp-account.xml"
ACCOUNT = Account(
    server_id="mdm.example.org",
    name="Example MDM",
    address="https://mdm.example.org/dm",
    auth="md5",
    client=Login("IMEI:004400112233447", "dev-secret-01", bytes(range(0x10, 0x20))),
    server=Login("mdm.example.org", "srv-secret-01", bytes(range(0xA0, 0xB0))),
)


def levels(account: Account) -> dict[str, dict[str, str]]:
    """The credentials of an account by their level."""
    found = [dict(one.parms) for one in application(MAPPING, account).characteristics if one.type == "APPAUTH"]
    return {one.pop("AAUTHLEVEL"): one for one in found}


def test_the_vector() -> None:
    """The account of the vector, and INIT, which makes the client start. Spec: OMA-SUP-ac_w7_dm-V1_0"""
    expected = parse_document(VECTOR.read_bytes()).characteristics[-1]
    made = application(MAPPING, ACCOUNT, nap_ids=["NAP1"])
    assert made == expected._replace(parms=(*expected.parms, Parm("INIT", "")))


def test_proxies_come_before_access_points() -> None:
    """TO-PROXY and TO-NAPID are told by identifier."""
    parms = application(MAPPING, ACCOUNT, nap_ids=["n"], proxy_ids=["p", "q"]).parms
    assert parms[3:] == (("TO-PROXY", "p"), ("TO-PROXY", "q"), ("TO-NAPID", "n"), ("INIT", ""))


@pytest.mark.parametrize(
    ("auth", "client", "server"), [("basic", "BASIC", "DIGEST"), ("md5", "DIGEST", "DIGEST"), ("mac", "HMAC", "HMAC")]
)
def test_ways_to_prove_oneself(auth: AuthType, client: str, server: str) -> None:
    """The server never sends its password; a password needs no nonce. Spec: OMA-TS-DM_StdObj-V1_2 5.3"""
    found = levels(ACCOUNT._replace(auth=auth))
    assert (found["APPSRV"]["AAUTHTYPE"], found["CLIENT"]["AAUTHTYPE"]) == (client, server)
    assert ("AAUTHDATA" in found["APPSRV"], "AAUTHDATA" in found["CLIENT"]) == (auth != "basic", True)


@pytest.mark.parametrize(
    ("address", "port"),
    [("https://a/dm", "443"), ("http://a/dm", "80"), ("https://a:8443/dm", "8443"), ("http://[::1]:8080/", "8080")],
)
def test_the_port_is_that_of_the_address(address: str, port: str) -> None:
    """PORTNBR says what the URL says, or its scheme."""
    address_of = application(MAPPING, ACCOUNT._replace(address=address)).characteristics[0]
    assert address_of.characteristics == (Characteristic("PORT", (Parm("PORTNBR", port),)),)
