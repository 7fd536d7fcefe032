"""Credentials: digests against OpenSSL's, and what each kind of Cred proves."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from adapters.omadm.auth import (
    Account,
    Mac,
    Proof,
    Verdict,
    body_digest,
    chal,
    format_mac,
    make_cred,
    md5_digest,
    parse_mac,
    parse_type,
    verify,
)
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


BODY = b"<SyncML xmlns='SYNCML:SYNCML1.2'></SyncML>"
# Both with openssl dgst: B64(MD5(body)), and B64(MD5(account digest ":" nonce ":" that)).
BODY_DIGEST, MAC = "H3xwy8pX1UqPHmyp+R/yyg==", "GmMegr0aqMFcmVhtAe/8tg=="
SIGNED = Mac(ACCOUNT.name, MAC)


def test_a_mac_covers_the_octets_of_a_message() -> None:
    """B64(H(account digest ":" nonce ":" B64(H(body)))), as a header of name, algorithm and mac.

    OMA-TS-DM_Security-V1_2 5.4
    """
    assert body_digest(BODY) == BODY_DIGEST
    assert format_mac(ACCOUNT, BODY) == f'algorithm=MD5, username="{ACCOUNT.name}", mac={MAC}'
    assert parse_mac(format_mac(ACCOUNT, BODY)) == SIGNED


@pytest.mark.parametrize(
    ("header", "read"),
    [
        (f'username="{ACCOUNT.name}",mac={MAC}', SIGNED),
        (f'mac="{MAC}", username={ACCOUNT.name}', SIGNED),
        (f'Username = "{ACCOUNT.name}" , MAC = {MAC.rstrip("=")}', SIGNED),
        (f'algorithm=SHA, username="{ACCOUNT.name}", mac={MAC}', Mac(ACCOUNT.name, MAC, "SHA")),
        (f"mac={MAC}", None),
        (f'username="{ACCOUNT.name}"', None),
        ("", None),
        ("username=x, mac=" + "A" * 2000, None),
    ],
)
def test_the_header_of_a_mac_is_read_as_devices_write_it(header: str, read: Mac | None) -> None:
    """Algorithm and padding may be missing, quotes too many or too few; what names nobody or proves nothing is none."""
    assert parse_mac(header) == read


@pytest.mark.parametrize(
    ("proof", "account", "verdict"),
    [
        (Proof(SIGNED, BODY_DIGEST), ACCOUNT, Verdict.ACCEPTED),
        (Proof(SIGNED, BODY_DIGEST), ROTATED, Verdict.ACCEPTED_PREVIOUS_NONCE),
        (Proof(SIGNED, body_digest(BODY + b" ")), ACCOUNT, Verdict.WRONG),
        (Proof(Mac("IMEI:1", MAC), BODY_DIGEST), ACCOUNT, Verdict.WRONG),
        (Proof(Mac(ACCOUNT.name, MAC, "SHA"), BODY_DIGEST), ACCOUNT, Verdict.WRONG),
        (Proof(SIGNED, BODY_DIGEST), NEVER_CHALLENGED, Verdict.WRONG),
        (Proof(None, BODY_DIGEST), ACCOUNT, Verdict.MISSING),
        (Proof(certified=True), NEVER_CHALLENGED, Verdict.ACCEPTED),
    ],
)
@pytest.mark.parametrize("offered", ["mac", "md5"])
def test_what_the_transport_proves(proof: Proof, account: Account, verdict: Verdict, offered: AuthType) -> None:
    """A MAC is of this account, nonce and message; a certificate is enough by itself."""
    assert verify(None, account, offered, proof) is verdict


def test_a_challenge_that_is_on_no_record_can_be_answered() -> None:
    """Each of the account's challenges is a nonce that counts."""
    challenged = Account(ACCOUNT.name, ACCOUNT.digest, b"stored", challenges=lambda: (b"other", NONCE))
    assert verify(MD5, challenged, "md5") is Verdict.ACCEPTED_PREVIOUS_NONCE


def test_basic_credentials_of_the_gateway_show_its_password() -> None:
    """B64(name ":" password), only where the password is at hand (OMA-TS-DM_Security-V1_2 5.3)."""
    account = Account("Bruce2", "", b"", password="OhBehave")
    assert make_cred(account, "basic") == Cred(type="syncml:auth-basic", data="QnJ1Y2UyOk9oQmVoYXZl")


@pytest.mark.parametrize(("type_", "auth"), [("syncml:auth-MAC", "mac"), (" SyncML:auth-md5 ", "md5"), ("x", None)])
def test_types_of_credentials_are_known_by_name(type_: str, auth: AuthType | None) -> None:
    """In any case; others are none of the gateway's."""
    assert parse_type(type_) == auth
