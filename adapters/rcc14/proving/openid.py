"""The OpenID Connect method: the client is sent to the operator's provider and comes back with a code.

Access tokens stay here; the client sees nothing but RCC.14's own TOKEN.

Spec: RCC.14 2.8, OpenID Connect Core 3.1
"""

from __future__ import annotations

import secrets
from datetime import timedelta

import msgspec

from adapters.rcc14.identity import openid
from adapters.rcc14.messages import Answer
from adapters.rcc14.proving.proof import Call, Proof
from gateway.errors import AuthError
from gateway.openid.flow import is_return_of
from gateway.openid.provider import OpenidProvider, new_attempt
from gateway.sealing import Sealer
from gateway.store.protocol import IdentityKind, PutEphemeral, Store, TakeEphemeral

COOKIE_BYTES = 18
SEAL_PURPOSE = "openid-login"

_decode = msgspec.msgpack.Decoder(openid.Login).decode
_encode = msgspec.msgpack.Encoder().encode


class OpenidLogin:
    """The method over one provider. ``with_userinfo`` asks it for claims besides those in the id_token."""

    name = "oidc"

    def __init__(
        self,
        store: Store,
        provider: OpenidProvider,
        claims: openid.Claims,
        sealer: Sealer,
        *,
        seconds: int,
        with_userinfo: bool,
    ) -> None:
        self._store = store
        self._provider = provider
        self._claims = claims
        self._sealer = sealer
        self._seconds = seconds
        self._with_userinfo = with_userinfo

    def suits(self, call: Call) -> bool:
        """Every client can follow a redirect."""
        return True

    def is_reply(self, call: Call) -> bool:
        """A client comes back from the provider with a code or an error, and with the state it was sent away with."""
        return call.asked.state != "" and (call.asked.code != "" or call.asked.error != "")

    async def challenge(self, call: Call) -> Answer:
        """Send the client to the provider.

        Raises: Unavailable when the provider cannot be reached.
        """
        login = openid.Login(call.asked, new_attempt())
        location = await self._provider.leave(login.attempt, call.now)
        cookie = secrets.token_urlsafe(COOKIE_BYTES)
        sealed = self._sealer.seal(_encode(login), SEAL_PURPOSE)
        await self._store.commit(PutEphemeral(_key(cookie), sealed, call.now + timedelta(seconds=self._seconds)))
        headers = (("Location", location),)
        return Answer(302, cookie=cookie, cookie_seconds=self._seconds, headers=headers, what="oidc")

    async def check(self, call: Call) -> Proof | Answer:
        """Whom the provider knows the client as that has come back; 403 when it is nobody, or not that client.

        Raises: Unavailable when the provider cannot be reached.
        """
        try:
            return await self._proof(call)
        except AuthError as error:
            return Answer(403, what=str(error))

    async def _proof(self, call: Call) -> Proof:
        for cookie in call.cookies:
            kept = await self._store.load_ephemeral(_key(cookie), call.now)
            if kept is None:
                continue
            login = _decode(self._sealer.unseal(kept, SEAL_PURPOSE))
            if not is_return_of(login.attempt, call.asked.state):
                raise AuthError("the state is another client's")
            # Taken before the code is spent, so that of two that bring it back one is answered.
            await self._store.commit(TakeEphemeral(_key(cookie), call.now))
            if not call.asked.code:
                raise AuthError("the provider sent the client back without a code")
            said = await self._provider.redeem(
                login.attempt, call.asked.code, call.now, with_userinfo=self._with_userinfo
            )
            who = openid.identity_in(said, self._claims)
            kind: IdentityKind = "imsi" if who.imsi else "msisdn"
            value = who.imsi or who.msisdn
            household = await self._store.load_household(kind, value)
            if household is None or (who.msisdn and who.msisdn != household.subscriber.msisdn):
                raise AuthError("the provider names nobody who is known here")
            return Proof(household, login.asked, by=self.name, imsi=who.imsi)
        raise AuthError("no login waits for this return")


def _key(cookie: str) -> str:
    return f"rcc14-oidc:{cookie}"
