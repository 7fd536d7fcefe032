"""GBA: HTTP Digest whose user name and password a phone has from bootstrapping its SIM with the operator's BSF.

Spec: 3GPP TS 33.220 4.5, TS 33.222 5, TS 24.109 5 and annex; RFC 7616, RFC 2617 3.2
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import NamedTuple

from gateway.errors import DecodeError

REALM, REALM_UICC = "3GPP-bootstrapping@", "3GPP-bootstrapping-uicc@"
PRODUCT, PRODUCT_UICC = "3gpp-gba", "3gpp-gba-uicc"
MAX_HEADER_CHARACTERS = 4096
FIRST_USE = "00000001"

_FIELD = re.compile(r'\s*([A-Za-z-]{1,32})\s*=\s*(?:"([^"\\]*)"|([^\s",]+))\s*(?:,|$)')
_NEEDED = ("username", "realm", "nonce", "uri", "response", "qop", "nc", "cnonce")
_IMPI = re.compile(r"([0-9]{6,15})@.+")


class Credentials(NamedTuple):
    """What a phone answers a challenge with; ``username`` is the B-TID that the BSF gave it."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    qop: str
    nc: str
    cnonce: str

    @property
    def is_uicc(self) -> bool:
        """Whether the keys are the SIM's own rather than the phone's."""
        return self.realm.startswith(REALM_UICC)


def challenge(naf: str, nonce: str, *, uicc: bool, stale: bool) -> str:
    """The WWW-Authenticate of a challenge; with ``uicc`` the keys may be the SIM's own too."""
    realms = [REALM + naf, *([REALM_UICC + naf] if uicc else [])]
    again = ", stale=true" if stale else ""
    return f'Digest realm="{";".join(realms)}", nonce="{nonce}", algorithm=MD5, qop="auth"{again}'


def parse_credentials(authorization: str) -> Credentials:
    """The credentials in an Authorization header.

    Raises: DecodeError when they are not those of Digest with qop.
    """
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() != "digest" or len(rest) > MAX_HEADER_CHARACTERS:
        raise DecodeError("not Digest credentials")
    try:
        rest.encode()
    except UnicodeEncodeError as error:
        raise DecodeError("Digest credentials that are not UTF-8", error.start) from None
    fields: dict[str, str] = {}
    position = 0
    while position < len(rest):
        match = _FIELD.match(rest, position)
        if match is None or match[1].lower() in fields:
            raise DecodeError("Digest credentials that cannot be read", position)
        fields[match[1].lower()] = match[2] if match[2] is not None else match[3]
        position = match.end()
    if any(not fields.get(name) for name in _NEEDED) or fields.get("algorithm", "MD5").upper() != "MD5":
        raise DecodeError("Digest credentials of another kind than was asked for")
    return Credentials(*(fields[name] for name in _NEEDED))


def is_challenged_so(credentials: Credentials, naf: str, target: str) -> bool:
    """Whether the credentials are an answer to a challenge of this NAF, for the request they came with, first use."""
    return (
        credentials.realm in (REALM + naf, REALM_UICC + naf)
        and credentials.uri == target
        and credentials.qop == "auth"
        and credentials.nc == FIRST_USE
    )


def is_response(credentials: Credentials, method: str, ks_naf: bytes) -> bool:
    """Whether the response was made with that key, base64 as the password; compared in constant time."""
    password = base64.b64encode(ks_naf).decode()
    return hmac.compare_digest(digest_response(credentials, method, password).encode(), credentials.response.encode())


def digest_response(credentials: Credentials, method: str, password: str) -> str:
    """The response that the password makes.

    Spec: RFC 2617 3.2.2.1
    """
    secret = _md5(f"{credentials.username}:{credentials.realm}:{password}")
    asked = _md5(f"{method}:{credentials.uri}")
    parts = (secret, credentials.nonce, credentials.nc, credentials.cnonce, credentials.qop, asked)
    return _md5(":".join(parts))


def naf_id(naf: str, ciphersuite: int) -> bytes:
    """The NAF_Id that keys are bound to: the name, and the security protocol on Ua, TLS with that cipher suite.

    Spec: 3GPP TS 33.220 annex H
    """
    return naf.encode() + b"\x01\x00\x01" + ciphersuite.to_bytes(2)


def imsi_of(impi: str) -> str:
    """The IMSI in a private identity that was made from one; empty for any other.

    Spec: 3GPP TS 23.003 13.3
    """
    match = _IMPI.fullmatch(impi)
    return match[1] if match else ""


def products(headers: Mapping[str, str]) -> frozenset[str]:
    """Which kinds of GBA the User-Agent announces."""
    words = headers.get("User-Agent", "").lower().split()
    return frozenset(word.partition("/")[0] for word in words) & {PRODUCT, PRODUCT_UICC}


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
