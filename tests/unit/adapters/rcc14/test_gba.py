"""GBA as values: Digest against the example of its RFC, and challenges and identities after 3GPP."""

from __future__ import annotations

import pytest

from adapters.rcc14.identity.gba import (
    Credentials,
    challenge,
    digest_response,
    imsi_of,
    is_challenged_so,
    naf_id,
    parse_credentials,
    products,
)
from gateway.errors import DecodeError

# RFC 2617 3.5, with the opaque that its challenge had.
EXAMPLE = (
    'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
    'uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", '
    'response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
)
GOOD = Credentials("btid", "3GPP-bootstrapping@acs.example", "n", "/?vers=0", "r", "auth", "00000001", "c")


def test_the_response_is_that_of_the_rfc() -> None:
    """MD5 with qop=auth (RFC 2617 3.2.2.1, 3.5)."""
    credentials = parse_credentials(EXAMPLE)
    assert digest_response(credentials, "GET", "Circle Of Life") == credentials.response


@pytest.mark.parametrize(
    "header",
    [
        "Basic eDp5",
        "Digest",
        EXAMPLE.replace("qop=auth, ", ""),
        EXAMPLE.replace('cnonce="0a4f113b", ', ""),
        EXAMPLE + ', nonce="again"',
        EXAMPLE + ", algorithm=SHA-256",
        EXAMPLE.replace('"Mufasa"', '"Mufasa'),
        EXAMPLE + ", x=" + "y" * 5000,
        EXAMPLE.replace('"Mufasa"', '"Mufasa\udcff"'),
    ],
)
def test_other_credentials_are_refused(header: str) -> None:
    """Another scheme, without qop, with something twice, of another algorithm, past the bounds, or no UTF-8."""
    with pytest.raises(DecodeError):
        parse_credentials(header)


@pytest.mark.parametrize(
    ("changed", "good"),
    [
        ({}, True),
        ({"realm": "3GPP-bootstrapping-uicc@acs.example"}, True),
        ({"realm": "3GPP-bootstrapping@other.example"}, False),
        ({"realm": "acs.example"}, False),
        ({"uri": "/?vers=1"}, False),
        ({"nc": "00000002"}, False),
        ({"qop": "auth-int"}, False),
    ],
)
def test_credentials_are_for_one_request_of_one_naf(changed: dict[str, str], good: bool) -> None:
    """The realm is this NAF's, the address the one that was asked, and the nonce was not used before (TS 24.109)."""
    assert is_challenged_so(GOOD._replace(**changed), "acs.example", "/?vers=0") is good


def test_a_challenge_offers_the_kinds_of_keys_that_the_phone_has() -> None:
    """One realm, or two with a semicolon between them (TS 24.109 5.2.4)."""
    assert challenge("acs.example", "n", uicc=False, stale=False) == (
        'Digest realm="3GPP-bootstrapping@acs.example", nonce="n", algorithm=MD5, qop="auth"'
    )
    assert challenge("acs.example", "n", uicc=True, stale=True) == (
        'Digest realm="3GPP-bootstrapping@acs.example;3GPP-bootstrapping-uicc@acs.example", nonce="n", algorithm=MD5, '
        'qop="auth", stale=true'
    )


def test_names_and_identities() -> None:
    """NAF_Id with the cipher suite (TS 33.220 annex H), the IMSI in an IMPI, what a User-Agent announces."""
    assert naf_id("acs.example", 0xC02F) == b"acs.example\x01\x00\x01\xc0\x2f"
    assert imsi_of("001010000000001@ims.mnc001.mcc001.3gppnetwork.org") == "001010000000001"
    assert imsi_of("alice@example.net") == ""
    assert products({"User-Agent": "UP_2.4 term-Acme/B7-1 3gpp-gba-uicc 3gpp-gba/1"}) == {"3gpp-gba", "3gpp-gba-uicc"}
    assert products({}) == frozenset()
