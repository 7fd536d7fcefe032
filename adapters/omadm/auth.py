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

import msgspec

from adapters.omadm.messages import Chal, Cred
from gateway.fleet.device import AuthType

_TYPES: dict[AuthType, str] = {
    "basic": "syncml:auth-basic",
    "md5": "syncml:auth-md5",
    "mac": "syncml:auth-MAC",
}
_AUTH_OF_TYPE = {type_.lower(): auth for auth, type_ in _TYPES.items()}


class Account(msgspec.Struct, frozen=True):
    """One direction of an account, unsealed. ``digest`` is ``account_digest(name, password)``; nonces are raw octets.

    An empty nonce means that none was ever agreed.
    """

    name: str
    digest: str
    nonce: bytes
    previous_nonce: bytes = b""


class Verdict(enum.Enum):
    """What the credentials of one message prove.

    ``ACCEPTED_PREVIOUS_NONCE`` says that the peer never received the nonce last offered to it.
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


def verify(cred: Cred | None, account: Account, offered: AuthType) -> Verdict:
    """What ``cred`` proves about ``account``, where ``offered`` is the type the account is challenged with.

    md5 is also accepted from an account that may use basic, never the other way round. An account without a nonce
    cannot prove anything by md5 yet, because such a digest could be replayed for ever: it is WRONG until challenged.
    """
    if cred is None:
        return Verdict.MISSING
    used = _AUTH_OF_TYPE.get(cred.type.lower())
    if used == "md5" and offered != "mac":
        return _verify_md5(cred, account)
    if used == "basic" and offered == "basic":
        return _verify_basic(cred, account)
    return Verdict.WRONG_TYPE


def make_cred(account: Account) -> Cred:
    """The gateway's own md5 credentials (basic would need the password, which is not kept)."""
    return Cred(type=_TYPES["md5"], data=md5_digest(account.digest, account.nonce))


def chal(auth: AuthType, nonce: bytes) -> Chal:
    """The challenge that makes the peer use ``auth``; basic carries no nonce."""
    return Chal(type=_TYPES[auth], next_nonce="" if auth == "basic" else _b64(nonce))


def _verify_md5(cred: Cred, account: Account) -> Verdict:
    given = "".join(cred.data.split()).encode()
    if _answers(given, account.digest, account.nonce):
        return Verdict.ACCEPTED
    if _answers(given, account.digest, account.previous_nonce):
        return Verdict.ACCEPTED_PREVIOUS_NONCE
    return Verdict.WRONG


def _answers(given: bytes, digest: str, nonce: bytes) -> bool:
    # Some clients take the text of NextNonce for the nonce itself, so that form counts as well.
    return bool(nonce) and any(
        hmac.compare_digest(given, md5_digest(digest, form).encode()) for form in (nonce, base64.b64encode(nonce))
    )


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
