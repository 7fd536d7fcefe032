"""Credentials: digests against OpenSSL's, and what each kind of Cred proves."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from adapters.omadm.auth import Account, Verdict, chal, make_cred, md5_digest, verify
from adapters.omadm.messages import Chal, Cred
from gateway.fleet.device import AuthType, account_digest

VECTORS = Path(__file__).parents[3] / "vectors" / "omadm" / "digests.txt"
DIGESTS = [line.split("|") for line in VECTORS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]

NONCE = bytes(range(0x10, 0x20))
ACCOUNT = Account(name="IMEI:004400112233447", digest="00Ix74fOUnYQYwxhVIx9ew==", nonce=NONCE)
ROTATED = Account(name=ACCOUNT.name, digest=ACCOUNT.digest, nonce=b"newer", previous_nonce=NONCE)
NEVER_CHALLENGED = Account(name=ACCOUNT.name, digest=ACCOUNT.digest, nonce=b"")
MD5 = Cred(type="syncml:auth-md5", data="/puPB/19Hgw9rf3iV8DeBw==")
MD5_OF_NONCE_TEXT = Cred(type="syncml:auth-md5", data="aHXl7ZUdnS+/6TTggYfFvQ==")
BROKEN_LINE = Cred(type="SyncML:auth-MD5", data="/puPB/19Hgw9\r\n rf3iV8DeBw==\n")


def basic(pair: str) -> Cred:
    return Cred(type="syncml:auth-basic", data=base64.b64encode(pair.encode()).decode())


@pytest.mark.parametrize(("name", "password", "nonce", "digest", "expected"), DIGESTS, ids=[row[0] for row in DIGESTS])
def test_digests_are_those_of_openssl(name: str, password: str, nonce: str, digest: str, expected: str) -> None:
    """B64(MD5(B64(MD5(name ":" password)) ":" nonce)) over UTF-8 and raw nonce octets (OMA-TS-DM_Security-V1_2 5.3)."""
    assert account_digest(name, password) == digest
    assert md5_digest(digest, base64.b64decode(nonce)) == expected


@pytest.mark.parametrize(
    ("cred", "account", "offered", "verdict"),
    [
        (None, ACCOUNT, "md5", Verdict.MISSING),
        (MD5, ACCOUNT, "md5", Verdict.ACCEPTED),
        (BROKEN_LINE, ACCOUNT, "md5", Verdict.ACCEPTED),
        (MD5_OF_NONCE_TEXT, ACCOUNT, "md5", Verdict.ACCEPTED),
        (MD5, ROTATED, "md5", Verdict.ACCEPTED_PREVIOUS_NONCE),
        (MD5_OF_NONCE_TEXT, ROTATED, "md5", Verdict.ACCEPTED_PREVIOUS_NONCE),
        (Cred(type="syncml:auth-md5", data="aHXl7ZUdnS+/6TTggYfFvA=="), ACCOUNT, "md5", Verdict.WRONG),
        (Cred(type="syncml:auth-md5", data="ünreadable"), ACCOUNT, "md5", Verdict.WRONG),
        (Cred(type="syncml:auth-md5", data=""), ACCOUNT, "md5", Verdict.WRONG),
        (MD5, ACCOUNT, "basic", Verdict.ACCEPTED),
        (basic("IMEI:004400112233447:dev-secret-01"), ACCOUNT, "basic", Verdict.ACCEPTED),
        (basic("IMEI:004400112233447:dev-secret-02"), ACCOUNT, "basic", Verdict.WRONG),
        (basic("IMEI:004400112233448:dev-secret-01"), ACCOUNT, "basic", Verdict.WRONG),
        (Cred(type="syncml:auth-basic", data="not base64!"), ACCOUNT, "basic", Verdict.WRONG),
        (Cred(type="syncml:auth-basic", data="ü"), ACCOUNT, "basic", Verdict.WRONG),
        (basic("IMEI:004400112233447:dev-secret-01"), ACCOUNT, "md5", Verdict.WRONG_TYPE),
        (Cred(type="syncml:auth-X509", data=""), ACCOUNT, "md5", Verdict.WRONG_TYPE),
        (Cred(type="", data=MD5.data), ACCOUNT, "md5", Verdict.WRONG_TYPE),
        (MD5, ACCOUNT, "mac", Verdict.WRONG_TYPE),
    ],
)
def test_verdicts(cred: Cred | None, account: Account, offered: AuthType, verdict: Verdict) -> None:
    """Each kind of credentials proves what it should, never more (OMA-TS-DM_Security-V1_2 5.3)."""
    assert verify(cred, account, offered) is verdict
    assert verdict.is_accepted == verdict.name.startswith("ACCEPTED")


def test_a_digest_over_no_nonce_proves_nothing() -> None:
    """Without a nonce the same digest would open every session, so it is refused and the device challenged."""
    # openssl: printf '00Ix74fOUnYQYwxhVIx9ew==:' | openssl dgst -md5 -binary | openssl base64
    replayable = Cred(type="syncml:auth-md5", data="RaeEaRxzhFNVBJkoip4t6A==")
    assert verify(replayable, NEVER_CHALLENGED, "md5") is Verdict.WRONG
    assert verify(replayable, ACCOUNT, "md5") is Verdict.WRONG


def test_own_credentials_and_challenges() -> None:
    """The server proves itself by md5 with its own account; a challenge carries a nonce unless it asks for basic."""
    server = Account(name="mdm.example.org", digest="AZKD0qHKyjSx3M3WqV7m8w==", nonce=bytes(range(0xA0, 0xB0)))
    assert make_cred(server) == Cred(type="syncml:auth-md5", data="Efbj2/aqz7lfLYMm08CWug==", format="b64")
    assert chal("md5", NONCE) == Chal(type="syncml:auth-md5", next_nonce="EBESExQVFhcYGRobHB0eHw==", format="b64")
    assert chal("mac", NONCE).type == "syncml:auth-MAC"
    assert chal("basic", NONCE) == Chal(type="syncml:auth-basic", format="b64")
