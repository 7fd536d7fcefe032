"""Credentials of OMA DM: checking the device's, making the gateway's own, and challenging for either.

Everything rests on ``B64(MD5(name ":" password))``, the account digest: passwords themselves are never needed here.

Spec: OMA-TS-DM_Security-V1_2 5.3; OMA-TS-SyncML_RepPro-V1_2 6.1 (Chal, Cred)
"""

from __future__ import annotations

import base64
import binascii
import enum
import hashlib
import hmac
import re
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from adapters.omadm.messages import Chal, Cred
from gateway.fleet.device import AuthType

_TYPES: dict[AuthType, str] = {
    "basic": "syncml:auth-basic",
    "md5": "syncml:auth-md5",
    "mac": "syncml:auth-MAC",
}
_AUTH_OF_TYPE = {type_.lower(): auth for auth, type_ in _TYPES.items()}

MAX_MAC_HEADER = 1024
_MAC_FIELD = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,"]+))')


class Account(msgspec.Struct, frozen=True):
    """One direction of an account, unsealed. ``digest`` is ``account_digest(name, password)``; nonces are raw octets.

    An empty nonce means that none was ever agreed. ``challenges`` gives further nonces that count, the first of them
    the one to challenge with: what was offered to a peer that has proved nothing is not on record. ``password`` is only
    there where basic credentials are to be made.
    """

    name: str
    digest: str
    nonce: bytes
    previous_nonce: bytes = b""
    challenges: Callable[[], tuple[bytes, ...]] = tuple
    password: str = ""


class Mac(NamedTuple):
    """What an ``x-syncml-hmac`` header says."""

    username: str
    mac: str
    algorithm: str = "MD5"


class Proof(NamedTuple):
    """What came with a message to prove its sender, besides the Cred inside: of the transport, and of all octets.

    ``body_digest`` is ``B64(MD5(octets))`` of the message. ``certified`` says that the TLS certificate of the peer is
    the one bound to this device.
    """

    mac: Mac | None = None
    body_digest: str = ""
    certified: bool = False


NO_PROOF = Proof()


class Verdict(enum.Enum):
    """What the credentials of one message prove.

    ``ACCEPTED_PREVIOUS_NONCE`` says that the peer used another nonce than the one last agreed.
    """

    ACCEPTED = "accepted"
    ACCEPTED_PREVIOUS_NONCE = "accepted with the previous nonce"
    MISSING = "missing"
    WRONG = "wrong"
    WRONG_TYPE = "wrong type"

    @property
    def is_accepted(self) -> bool:
        """True when the peer has proved who it is."""
        return self in (Verdict.ACCEPTED, Verdict.ACCEPTED_PREVIOUS_NONCE)


def md5_digest(digest: str, nonce: bytes) -> str:
    """The ``Data`` of an md5 ``Cred`` for an account digest and the raw octets of the nonce."""
    return _b64(_md5(digest.encode() + b":" + nonce))


def mac_digest(digest: str, nonce: bytes, body_digest: str) -> str:
    """The ``mac`` for an account digest, the raw octets of the nonce, and ``B64(MD5(octets))`` of the whole message.

    It is called HMAC and is none in the sense of RFC 2104.

    Spec: OMA-TS-DM_Security-V1_2 5.4
    """
    return _b64(_md5(digest.encode() + b":" + nonce + b":" + body_digest.encode()))


def body_digest(octets: bytes) -> str:
    """``B64(MD5(octets))``, what a MAC covers of a message."""
    return _b64(_md5(octets))


def parse_mac(header: str) -> Mac | None:
    """The content of an ``x-syncml-hmac`` header; None when it is not well formed.

    Quotes may be missing or superfluous, and the padding of the base64 text absent.

    Spec: OMA-TS-DM_Security-V1_2 5.4
    """
    if len(header) > MAX_MAC_HEADER:
        return None
    fields = {name.lower(): quoted or bare for name, quoted, bare in _MAC_FIELD.findall(header)}
    username, mac = fields.get("username"), fields.get("mac")
    if not username or not mac:
        return None
    return Mac(username, mac + "=" * (-len(mac) % 4), fields.get("algorithm") or "MD5")


def format_mac(account: Account, octets: bytes) -> str:
    """The ``x-syncml-hmac`` header that proves the sender of these octets."""
    mac = mac_digest(account.digest, account.nonce, body_digest(octets))
    return f'algorithm=MD5, username="{account.name}", mac={mac}'


def verify(cred: Cred | None, account: Account, offered: AuthType, proof: Proof = NO_PROOF) -> Verdict:
    """What ``cred`` or ``proof`` proves about ``account``, where ``offered`` is what the account is challenged with.

    A certificate is enough by itself. A MAC counts for every account, md5 also for one that may use basic, and basic
    for nobody else. An account without a nonce cannot prove anything by a digest yet, because that could be replayed
    for ever: it is WRONG until challenged.
    """
    if proof.certified:
        return Verdict.ACCEPTED
    if proof.mac is not None:
        return _verify_mac(proof.mac, proof.body_digest, account)
    if cred is None:
        return Verdict.MISSING
    used = _AUTH_OF_TYPE.get(cred.type.lower())
    if used == "md5" and offered != "mac":
        return _verify_md5(cred, account)
    if used == "basic" and offered == "basic":
        return _verify_basic(cred, account)
    return Verdict.WRONG_TYPE


def make_cred(account: Account, auth: AuthType = "md5") -> Cred:
    """The gateway's own credentials for inside a message: md5, or basic where the password is at hand."""
    if auth == "basic":
        return Cred(type=_TYPES["basic"], data=_b64(f"{account.name}:{account.password}".encode()))
    return Cred(type=_TYPES["md5"], data=md5_digest(account.digest, account.nonce))


def parse_type(type_: str) -> AuthType | None:
    """The kind of credentials that a challenge of this type asks for; None for what the gateway has none for."""
    return _AUTH_OF_TYPE.get(type_.strip().lower())


def chal(auth: AuthType, nonce: bytes) -> Chal:
    """The challenge that makes the peer use ``auth``; basic carries no nonce."""
    return Chal(type=_TYPES[auth], next_nonce="" if auth == "basic" else _b64(nonce))


def _verify_md5(cred: Cred, account: Account) -> Verdict:
    given = "".join(cred.data.split())
    return _verify_digest(given, account, lambda nonce: md5_digest(account.digest, nonce))


def _verify_mac(mac: Mac, body: str, account: Account) -> Verdict:
    if mac.algorithm.upper() != "MD5" or not hmac.compare_digest(mac.username.encode(), account.name.encode()):
        return Verdict.WRONG
    return _verify_digest(mac.mac, account, lambda nonce: mac_digest(account.digest, nonce, body))


def _verify_digest(given: str, account: Account, digest: Callable[[bytes], str]) -> Verdict:
    octets = given.encode("utf-8", "replace")

    def answers(nonce: bytes) -> bool:
        if not nonce:
            return False
        if hmac.compare_digest(octets, digest(nonce).encode()):
            return True
        # Some clients take the text of NextNonce for the nonce itself, so that form counts as well.
        return hmac.compare_digest(octets, digest(base64.b64encode(nonce)).encode())

    if answers(account.nonce):
        return Verdict.ACCEPTED
    if answers(account.previous_nonce) or any(map(answers, account.challenges())):
        return Verdict.ACCEPTED_PREVIOUS_NONCE
    return Verdict.WRONG


def _verify_basic(cred: Cred, account: Account) -> Verdict:
    try:
        pair = base64.b64decode("".join(cred.data.split()), validate=True)
    except (binascii.Error, ValueError):
        return Verdict.WRONG
    # The digest covers the name too, so another user's password never matches.
    return Verdict.ACCEPTED if hmac.compare_digest(_b64(_md5(pair)), account.digest) else Verdict.WRONG


def _md5(data: bytes) -> bytes:
    # The protocol prescribes MD5; without this flag a FIPS build of OpenSSL would refuse to speak it.
    return hashlib.md5(data, usedforsecurity=False).digest()


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
