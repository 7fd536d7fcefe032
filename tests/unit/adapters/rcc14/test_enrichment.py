"""Header enrichment: whose word on an identity is taken, and which words are none."""

from __future__ import annotations

import ipaddress

import pytest

from adapters.rcc14.identity.enrichment import Enrichment, HeaderNames, Worth, read_enrichment

GATEWAYS = (ipaddress.ip_network("192.0.2.0/28"), ipaddress.ip_network("2001:db8:1::/48"))
IMSI = "001010000000001"
NUMBER = "15550100001"
NAMES = HeaderNames(frozenset({"x-imsi"}), frozenset({"x-msisdn", "x_up_msisdn"}))


def read(peer: str, *headers: str) -> Enrichment:
    """What a request with these headers is worth, each written ``Name: value``."""
    named = [(name, value) for name, _, value in (header.partition(":") for header in headers)]
    return read_enrichment(peer, [("Host", "config.example"), *named, ("Accept", "*/*")], NAMES, GATEWAYS)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([f"X-IMSI: {IMSI}"], Enrichment(Worth.TRUSTED, IMSI)),
        ([f"X-MSISDN: {NUMBER}"], Enrichment(Worth.TRUSTED, "", "+15550100001")),
        ([f"x-msisdn: +{NUMBER}"], Enrichment(Worth.TRUSTED, "", "+15550100001")),
        ([f"X_UP_MSISDN: {NUMBER}"], Enrichment(Worth.TRUSTED, "", "+15550100001")),
        ([f"X-MSISDN: {NUMBER}", f"X_up_MSISDN: +{NUMBER}"], Enrichment(Worth.TRUSTED, "", "+15550100001")),
        ([f"X-IMSI:   {IMSI} ", f"X-MSISDN:  {NUMBER} "], Enrichment(Worth.TRUSTED, IMSI, "+15550100001")),
        (["X-IMSI:", f"X-MSISDN: {NUMBER}"], Enrichment(Worth.TRUSTED, "", "+15550100001")),
        ([], Enrichment(Worth.MISSING)),
        (["X-IMSI:", "X-MSISDN: "], Enrichment(Worth.MISSING)),
        ([f"X_IMSI: {IMSI}", f"X-UP-MSISDN: {NUMBER}"], Enrichment(Worth.MISSING)),
        ([f"X-3GPP-Intended-Identity: tel:+{NUMBER}"], Enrichment(Worth.MISSING)),
        ([f"X-IMSI: {IMSI}", f"X-IMSI: {IMSI}"], Enrichment(Worth.MALFORMED)),
        ([f"X-IMSI: {IMSI}", f"x-imsi: {IMSI}"], Enrichment(Worth.MALFORMED)),
        ([f"X-IMSI: {IMSI}", f"X-MSISDN: {NUMBER}", "X-MSISDN: 15550100002"], Enrichment(Worth.MALFORMED)),
        ([f"X-IMSI: {IMSI}", "X-IMSI:"], Enrichment(Worth.MALFORMED)),
        (["X-IMSI: " + "1" * 16], Enrichment(Worth.MALFORMED)),
        (["X-IMSI: 0010100000000x1"], Enrichment(Worth.MALFORMED)),
        ([f"X-IMSI: {IMSI},{IMSI}"], Enrichment(Worth.MALFORMED)),
        ([f"X-IMSI: {IMSI}", "X-MSISDN: nobody"], Enrichment(Worth.MALFORMED)),
        ([f"X-MSISDN: {NUMBER}", "X_UP_MSISDN: 15550100002"], Enrichment(Worth.MISMATCH)),
    ],
)
def test_headers_prove_one_identity_or_nothing(headers: list[str], expected: Enrichment) -> None:
    """One IMSI, one MSISDN or both, under names spelt as configured but for their case; repeated, misshapen or
    contradicting headers prove nothing (RCC.14 2.2.1)."""
    assert read("192.0.2.1", *headers) == expected


@pytest.mark.parametrize(
    ("lookalike", "contradicted"),
    [
        (f"X_IMSI: {IMSI}", False),
        (f"X-UP-MSISDN: +{NUMBER}", False),
        ("X_IMSI: 001010000000002", True),
        ("x_msisdn: 15550100002", True),
        ("X-Up-Msisdn: 15550100002", True),
    ],
)
def test_a_name_that_only_looks_like_a_trusted_one_is_not_believed(lookalike: str, contradicted: bool) -> None:
    """A front that takes ``_`` for ``-`` must not let a phone pass for another: what it names is told, not taken."""
    found = read("192.0.2.1", lookalike, f"X-IMSI: {IMSI}", f"X-MSISDN: {NUMBER}")
    assert found == Enrichment(Worth.TRUSTED, IMSI, "+15550100001", contradicted)


@pytest.mark.parametrize(
    ("header", "worth"), [(f"X-IMSI: {IMSI}", Worth.UNTRUSTED_SOURCE), ("X-Other: 1", Worth.MISSING)]
)
def test_nobody_else_is_believed(header: str, worth: Worth) -> None:
    """From any other peer a header is worth nothing, and its value goes nowhere."""
    assert read("203.0.113.1", header) == Enrichment(worth)
