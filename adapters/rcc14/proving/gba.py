"""The GBA method: the gateway is a NAF, challenges with Digest, and asks the BSF for the key that answers it.

Spec: 3GPP TS 33.222 5.3, TS 24.109 5
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from adapters.rcc14.identity import gba
from adapters.rcc14.messages import Answer
from adapters.rcc14.proving.bsf import Bsf
from adapters.rcc14.proving.proof import Call, Proof
from gateway.errors import DecodeError
from gateway.store.protocol import PutEphemeral, Store, TakeEphemeral

_NONCE_BYTES = 18


class GbaDigest:
    """The method of a NAF with that name; ``ciphersuite`` is the one of its TLS, which keys are bound to."""

    name = "gba"

    def __init__(self, store: Store, bsf: Bsf, *, naf: str, ciphersuite: int, seconds: int) -> None:
        self._store = store
        self._bsf = bsf
        self._naf = naf
        self._naf_id = gba.naf_id(naf, ciphersuite)
        self._seconds = seconds

    def suits(self, call: Call) -> bool:
        """A phone announces GBA in its User-Agent."""
        return bool(gba.products(call.headers))

    def is_reply(self, call: Call) -> bool:
        """Digest credentials come back."""
        return call.headers.get("Authorization", "").lower().startswith("digest ")

    async def challenge(self, call: Call) -> Answer:
        """401 with a nonce that is good once."""
        return await self._challenge(call, stale=False)

    async def check(self, call: Call) -> Proof | Answer:
        """Whose SIM bootstrapped the key that the response was made with; else the next challenge.

        Raises: DecodeError for credentials that are none, Unavailable when the BSF cannot be asked.
        """
        credentials = gba.parse_credentials(call.headers.get("Authorization", ""))
        if not gba.is_challenged_so(credentials, self._naf, call.target):
            raise DecodeError("credentials for another request")
        key = _key(credentials.nonce)
        if not credentials.nonce.isascii() or await self._store.load_ephemeral(key, call.now) is None:
            return await self._challenge(call, stale=True)
        bootstrapped = await self._bsf.load_key(credentials.username, self._naf_id, uicc=credentials.is_uicc)
        if (
            bootstrapped is None
            or bootstrapped.expires_at <= call.now
            or not gba.is_response(credentials, call.method, bootstrapped.ks_naf)
        ):
            await self._store.commit(TakeEphemeral(key, call.now))
            return await self._challenge(call, stale=False)
        imsi = gba.imsi_of(bootstrapped.impi)
        household = await self._store.load_household("imsi", imsi) if imsi else None
        if household is None:
            return Answer(403, what="unknown subscriber")
        return Proof(household, call.asked, (TakeEphemeral(key, call.now),), by=self.name, imsi=imsi)

    async def _challenge(self, call: Call, *, stale: bool) -> Answer:
        nonce = secrets.token_urlsafe(_NONCE_BYTES)
        await self._store.commit(PutEphemeral(_key(nonce), b"", call.now + timedelta(seconds=self._seconds)))
        uicc = gba.PRODUCT_UICC in gba.products(call.headers)
        header = gba.challenge(self._naf, nonce, uicc=uicc, stale=stale)
        return Answer(401, headers=(("WWW-Authenticate", header),), what="gba")


def _key(nonce: str) -> str:
    return f"rcc14-gba:{nonce}"
