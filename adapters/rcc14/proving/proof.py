"""What every way of proving an identity is asked, what it ends in, and what limits how often it may be tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from adapters.rcc14.messages import Answer, Request
from adapters.rcc14.standing import Question
from gateway.errors import Conflict
from gateway.fleet.device import Device
from gateway.store.protocol import ClaimEphemeral, Household, Store, Write


class Call(msgspec.Struct, frozen=True):
    """One request of the TLS leg.

    ``target`` is the path with the query as the client wrote them. ``headers`` are by name in any case. ``cookies`` are
    the values that came under the gateway's name, the latest first. ``peer`` is the client's address. ``body`` is empty
    unless it was posted as ``media_type`` says; a posted form is part of ``asked`` already. ``additional`` when it is
    meant for the additional server that the gateway is. ``question`` is what may stand answered.
    """

    asked: Request
    headers: Mapping[str, str]
    cookies: tuple[str, ...]
    peer: str
    now: datetime
    method: str = "GET"
    target: str = ""
    media_type: str = ""
    body: bytes = b""
    additional: bool = False
    question: Question | None = None


class Proof(msgspec.Struct, frozen=True):
    """Whose request this is.

    ``asked`` is the request to answer, which may be one that this one only completes. ``spends`` are writes that use
    the proof up: they belong into the commit that answers. ``device`` is set where the proof is one device's, ``imsi``
    where it is that SIM's. ``by`` names the method.
    """

    household: Household
    asked: Request
    spends: tuple[Write, ...] = ()
    device: Device | None = None
    by: str = ""
    imsi: str = ""


class Method(Protocol):
    """One way for a client to prove who it is: a challenge goes out, a reply comes back.

    Its ``name`` is one of those in ``adapters.rcc14.order``, which also says when its turn is. What it needs to
    remember between the two is in the store, under the cookie it gives out.
    """

    @property
    def name(self) -> str:
        """``eap``, ``otp``, ``oidc`` or ``gba``."""
        ...

    def is_reply(self, call: Call) -> bool:
        """Whether the request looks like an answer to a challenge of this method."""
        ...

    async def check(self, call: Call) -> Proof | Answer:
        """What the reply proves, or the next challenge, or a refusal.

        Raises: AuthError when it proves nothing (511), Unavailable when it cannot be told for now (503).
        """
        ...

    def suits(self, call: Call) -> bool:
        """Whether this client could meet a challenge."""
        ...

    async def challenge(self, call: Call) -> Answer:
        """The challenge.

        Raises: Unavailable when none can be given for now (503).
        """
        ...


def cookie_key(cookie: str) -> str:
    """Where it is kept whom a cookie proves: the subscriber's id, and after a space the SIM that was seen, if any."""
    return f"rcc14-cookie:{cookie}"


async def load_claimed(store: Store, asked: Request) -> Household | None:
    """Whose the claimed identities would be, by IMSI, else by MSISDN; None when nobody's.

    An IMSI that is on no record here may be that of an additional device's own SIM. Two that belong to different
    subscribers are nobody's.

    Spec: RCC.14 2.3
    """
    household = await store.load_household("imsi", asked.imsi) if asked.imsi else None
    if household is None:
        return await store.load_household("msisdn", asked.msisdn) if asked.msisdn else None
    msisdn = household.subscriber.msisdn
    return None if asked.msisdn and msisdn and asked.msisdn != msisdn else household


async def claim(store: Store, keys: Sequence[str], value: bytes, *, now: datetime, seconds: int) -> bool:
    """Take one of the places for that long; False when all of them are taken."""
    for key in keys:
        if await store.load_ephemeral(key, now) is None:
            try:
                await store.commit(ClaimEphemeral(key, value, now + timedelta(seconds=seconds), now))
            except Conflict:
                continue
            return True
    return False
