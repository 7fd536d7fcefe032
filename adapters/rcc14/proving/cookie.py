"""The cookie between the two legs: who the packet core named on the plain leg is known by it on the TLS leg.

Spec: RCC.14 2.2 (configuration over 3GPP access)
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from adapters.rcc14.proving.proof import Call, Proof, cookie_key
from gateway.fleet.subscriber import Subscriber
from gateway.store.protocol import PutEphemeral, Store, TakeEphemeral

COOKIE_BYTES = 18
MAX_COOKIES = 8


class Introductions:
    """Cookies of the plain leg: random, short-lived, and good for one document."""

    def __init__(self, store: Store, *, seconds: int) -> None:
        self._store = store
        self._seconds = seconds

    async def introduce(self, subscriber: Subscriber, imsi: str, now: datetime) -> str:
        """A new cookie for this subscriber, who called with that SIM."""
        cookie = secrets.token_urlsafe(COOKIE_BYTES)
        known = f"{subscriber.id} {imsi}".encode()
        await self._store.commit(PutEphemeral(cookie_key(cookie), known, now + timedelta(seconds=self._seconds)))
        return cookie

    async def take(self, call: Call) -> Proof | None:
        """Whose the first live cookie is; None when there is none. The proof's writes use it up."""
        for cookie in call.cookies:
            known = await self._store.load_ephemeral(cookie_key(cookie), call.now)
            if known is None:
                continue
            subscriber_id, _, imsi = known.decode().partition(" ")
            household = await self._store.load_household("id", subscriber_id)
            if household is not None:
                return Proof(
                    household, call.asked, (TakeEphemeral(cookie_key(cookie), call.now),), by="cookie", imsi=imsi
                )
        return None


def read_cookies(headers: Sequence[str], name: str) -> tuple[str, ...]:
    """The values of every cookie of that name, the latest first; headers may repeat and lack spaces.

    What is not ASCII was never given out, and no store could look it up.
    """
    if not headers:
        return ()
    pairs = [pair.strip().partition("=") for header in headers for pair in header.split(";")]
    values = [value.strip().strip('"') for given, _, value in reversed(pairs) if given == name and value]
    return tuple([value for value in values if value.isascii()][:MAX_COOKIES])
