"""The TOKEN a device was given with its configuration, shown again on a leg where nobody vouches for it.

Spec: RCC.14 TOKEN
"""

from __future__ import annotations

import hashlib

from adapters.rcc14.identity import token as tokens
from adapters.rcc14.messages import Request
from adapters.rcc14.proving.proof import Call, Proof
from adapters.rcc14.standing import common
from gateway.errors import AuthError
from gateway.fleet import old_token
from gateway.fleet.device import Device, is_one_phone
from gateway.fleet.subscriber import Subscriber
from gateway.observe import metrics
from gateway.store.protocol import Household, Store, TakeEphemeral


class Tokens:
    """Makes and checks tokens with one key; ``life_seconds`` is how long one is good for."""

    def __init__(self, store: Store, *, key: bytes, life_seconds: int) -> None:
        self._store = store
        self._key = key
        self._life_seconds = life_seconds

    def issue(self, device_id: str, serial: int, proven: str = "") -> str:
        """The device's token with that serial. ``proven`` is the one it has just proven itself by: it may be that."""
        metrics.count(metrics.tokens, "issued")
        if proven.startswith(f"{device_id}.{serial}."):
            return proven
        return tokens.token_of(device_id, serial, self._key)

    def common(self, follows_from: str) -> hashlib.blake2b:
        """What the digests of all questions that show tokens have in common."""
        return common(follows_from, self._key)

    async def take(self, call: Call) -> Proof:
        """Whose token it is.

        Raises: AuthError when it is not good, or comes from another SIM or phone than it was given to: the client
        drops it then and starts again.
        """
        device_id = tokens.device_of(call.asked.token)
        household = await self._store.load_household("id", device_id.rpartition(".")[0])
        try:
            proof = self._proof(household, device_id, call) if household else await self._old(call)
        except AuthError:
            metrics.count(metrics.tokens, "expired" if self._has_expired(household, device_id, call) else "refused")
            raise
        metrics.count(metrics.tokens, "accepted")
        return proof

    def _has_expired(self, household: Household | None, device_id: str, call: Call) -> bool:
        device = household.device(device_id) if household else None
        state = device.rcc14 if device else None
        if state is None or state.token_issued_at is None:
            return False
        return tokens.remaining_seconds(state, now=call.now, life_seconds=self._life_seconds) <= 0

    async def _old(self, call: Call) -> Proof:
        """Whose a token of the server before is. It counts once: with the document comes one of this server's.

        Raises: AuthError.
        """
        key, asked = old_token.key_of(call.asked.token), call.asked
        kept = await self._store.load_ephemeral(key, call.now)
        if kept is None:
            raise AuthError("the token is no device's")
        whose = old_token.decode(kept)
        household = await self._store.load_household("id", whose.subscriber_id)
        if household is None:
            raise AuthError("the token is no device's")
        if whose.imei and asked.imei and not is_one_phone(asked.imei, whose.imei):
            raise AuthError("the token comes with another IMEI")
        return Proof(household, asked, (TakeEphemeral(key, call.now),), by="old_token")

    def _proof(self, household: Household, device_id: str, call: Call) -> Proof:
        asked = call.asked
        device = household.device(device_id)
        if device is None or device.rcc14 is None:
            raise AuthError("the token is no device's")
        if not tokens.is_valid(
            asked.token, device_id, device.rcc14, self._key, now=call.now, life_seconds=self._life_seconds
        ):
            raise AuthError("the token is not good")
        other = _other(household.subscriber, device, device.rcc14.imsi, asked)
        if other:
            raise AuthError(f"the token comes with another {other}")
        return Proof(household, asked, (), device, "token")


def _other(subscriber: Subscriber, device: Device, imsi: str, asked: Request) -> str:
    """Which identity is not the one that the token was given to; empty when none is.

    ``imsi`` is the SIM it was given to. A device that has none of this subscriber's may have one of its own.
    """
    if imsi and (imsi not in subscriber.imsis or (asked.imsi and asked.imsi != imsi)):
        return "SIM"
    if asked.msisdn and subscriber.msisdn and asked.msisdn != subscriber.msisdn:
        return "MSISDN"
    if asked.imei and device.imei and not is_one_phone(asked.imei, device.imei):
        return "IMEI"
    return ""
