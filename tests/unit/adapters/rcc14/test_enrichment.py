"""Header enrichment: whose word on an identity is taken, and which words are none."""

from __future__ import annotations

import ipaddress

import pytest

from adapters.rcc14.identity.enrichment import Enrichment, Worth, is_trusted, read_enrichment

GATEWAYS = (ipaddress.ip_network("192.0.2.0/28"), ipaddress.ip_network("2001:db8:1::/48"))
IMSI = "001010000000001"
NOTHING: tuple[str, ...] = ()


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
    ("imsis", "msisdns", "expected"),
    [
        ([IMSI], NOTHING, Enrichment(Worth.TRUSTED, IMSI)),
        (NOTHING, ["15550100001"], Enrichment(Worth.TRUSTED, "", "+15550100001")),
        (NOTHING, ["+15550100001"], Enrichment(Worth.TRUSTED, "", "+15550100001")),
        ([f" {IMSI} "], [" 15550100001 "], Enrichment(Worth.TRUSTED, IMSI, "+15550100001")),
        ([""], ["15550100001"], Enrichment(Worth.TRUSTED, "", "+15550100001")),
        (NOTHING, NOTHING, Enrichment(Worth.MISSING)),
        ([""], [" "], Enrichment(Worth.MISSING)),
        ([IMSI, IMSI], NOTHING, Enrichment(Worth.MALFORMED)),
        ([IMSI], ["15550100001", "15550100002"], Enrichment(Worth.MALFORMED)),
        ([IMSI, ""], NOTHING, Enrichment(Worth.MALFORMED)),
        (["1" * 16], NOTHING, Enrichment(Worth.MALFORMED)),
        (["0010100000000x1"], NOTHING, Enrichment(Worth.MALFORMED)),
        ([f"{IMSI},{IMSI}"], NOTHING, Enrichment(Worth.MALFORMED)),
        ([IMSI], ["nobody"], Enrichment(Worth.MALFORMED)),
    ],
)
def test_headers_prove_one_identity_or_nothing(imsis: list[str], msisdns: list[str], expected: Enrichment) -> None:
    """One IMSI, one MSISDN or both; repeated or misshapen headers prove nothing (RCC.14 2.2.1)."""
    assert read_enrichment("192.0.2.1", imsis, msisdns, GATEWAYS) == expected


@pytest.mark.parametrize(("imsis", "worth"), [([IMSI], Worth.UNTRUSTED_SOURCE), (NOTHING, Worth.MISSING)])
def test_nobody_else_is_believed(imsis: list[str], worth: Worth) -> None:
    """From any other peer a header is worth nothing, and its value goes nowhere."""
    assert read_enrichment("203.0.113.1", imsis, NOTHING, GATEWAYS) == Enrichment(worth)
