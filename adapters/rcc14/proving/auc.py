"""The gateway as authentication centre: EAP-AKA with SIM keys of its own, for labs and small operators.

Keys are sealed on the subscriber's record. The sequence number stands beside them and is raised by compare-and-set
before a challenge goes out, so that no two are made from one. Names that clients were given are ephemeral values, with
what they stand for sealed.

Spec: 3GPP TS 33.102 6.3 and annex C, RFC 4187, RFC 9048
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import assert_never

import msgspec
from msgspec.structs import replace

from adapters.aka.milenage import Milenage, Vector, next_sqn
from adapters.aka.packet import Type
from adapters.rcc14.identity import eap_aka
from adapters.rcc14.identity.eap_aka import (
    Exchange,
    Failed,
    Fresh,
    Known,
    NameNeeded,
    Names,
    Outcome,
    Proven,
    Sent,
    VectorNeeded,
)
from adapters.rcc14.proving.authenticator import Turn
from gateway.errors import Conflict, Unavailable
from gateway.fleet.subscriber import Sim
from gateway.inventory import SIM_PURPOSE
from gateway.observe import metrics
from gateway.sealing import Sealer
from gateway.settings import EapAka
from gateway.store.protocol import PutEphemeral, PutSubscriber, Store, TakeEphemeral, Write

RAND_BYTES = 16
XRES_BYTES = 8
AMF = b"\x80\x00"
"""The separation bit is set, as for every EPS and EAP-AKA' vector; AKA does not mind."""
RACES = 5
NAME_BYTES = 18
NAME_PURPOSE = "eap-name"

_decode = msgspec.msgpack.Decoder(Exchange).decode
_decode_whose = msgspec.msgpack.Decoder(str | Known).decode
_encode = msgspec.msgpack.Encoder().encode


class EmbeddedAuc:
    """An authenticator that knows the SIMs' keys itself."""

    def __init__(self, store: Store, sealer: Sealer, settings: EapAka) -> None:
        self._store = store
        self._sealer = sealer
        self._settings = settings

    async def start(self, identity: str, now: datetime) -> Turn:
        """Challenge the SIM, or ask for its permanent identity."""
        octets = identity.encode("utf-8", "replace")
        first = secrets.randbelow(256)
        return await self._turn(eap_aka.begin(octets, identifier=first, prime=self._settings.aka_prime), now)

    async def resume(self, state: bytes, packet: bytes, now: datetime) -> Turn:
        """Check the answer to the challenge, or resynchronise."""
        return await self._turn(eap_aka.receive(_decode(state), packet, prime=self._settings.aka_prime), now)

    async def _turn(self, outcome: Outcome, now: datetime) -> Turn:
        match outcome:
            case Sent(exchange, packet):
                return Turn("continue", packet, _encode(exchange))
            case VectorNeeded(exchange, auts):
                if auts:
                    metrics.count(metrics.eap_aka, "sync_failure")
                found = await self._vector(exchange, auts)
                if found is None:
                    metrics.count(metrics.eap_aka, "mac_failure")
                    return Turn("failed")
                vector, card = found
                exchange = replace(exchange, card=card)
                network, prime = self._settings.network_name, self._settings.aka_prime
                fresh = self._fresh(exchange)
                return await self._turn(
                    eap_aka.challenge(exchange, vector, network=network, prime=prime, fresh=fresh), now
                )
            case NameNeeded(exchange):
                whose = await self._whose(eap_aka.name_of(exchange.identity), now)
                return await self._turn(eap_aka.named(exchange, whose, self._fresh(exchange)), now)
            case Proven():
                metrics.count(metrics.eap_aka, "ok")
                return Turn("accepted", imsi=outcome.imsi, writes=tuple(self._naming(outcome, now)))
            case Failed(result, rejected):
                metrics.count(metrics.eap_aka, result)
                return Turn("rejected" if rejected else "failed")
        assert_never(outcome)

    async def _vector(self, exchange: Exchange, auts: bytes) -> tuple[Vector, bytes] | None:
        """The SIM's next vector and its card; None when the AUTS that should move its sequence number is not its own.

        A SIM without keys here gets a challenge that no SIM can answer: who probes IMSIs learns nothing, and a phone
        finds that the network is not its own and turns to another method.

        Raises: Unavailable when others were quicker too often.
        """
        rand = secrets.token_bytes(RAND_BYTES)
        for _ in range(RACES):
            household = await self._store.load_household("imsi", exchange.imsi)
            sim = household.subscriber.sims.get(exchange.imsi) if household else None
            if household is None or sim is None:
                made_up = secrets.token_bytes(6) + AMF + secrets.token_bytes(8)
                return Vector(rand, made_up, secrets.token_bytes(XRES_BYTES), bytes(16), secrets.token_bytes(16)), b""
            milenage = self._milenage(sim)
            held = milenage.sqn_of(exchange.rand, auts) if auts else sim.sqn
            if held is None:
                return None
            subscriber, sqn = household.subscriber, next_sqn(held)
            sims = subscriber.sims | {exchange.imsi: replace(sim, sqn=sqn)}
            try:
                await self._store.commit(PutSubscriber(replace(subscriber, sims=sims)))
            except Conflict:
                continue
            return milenage.vector(rand, sqn, AMF), _card(sim)
        raise Unavailable("too many authentications of one SIM at once")

    def _fresh(self, exchange: Exchange) -> Fresh:
        """Random octets, and names for the client if it is to have any."""
        names = Names()
        if self._settings.names_seconds:
            kind = Type(exchange.type)
            pseudonym, again = secrets.token_urlsafe(NAME_BYTES), secrets.token_urlsafe(NAME_BYTES)
            has_again = self._settings.reauthentications > 0
            names = Names(eap_aka.PSEUDONYM[kind] + pseudonym, eap_aka.AGAIN[kind] + again if has_again else "")
        return Fresh(secrets.token_bytes(16), secrets.token_bytes(16), names)

    async def _whose(self, name: str, now: datetime) -> str | Known | None:
        """Who was given that name; who was authenticated fast often enough, or has other keys by now, is challenged."""
        kept = await self._store.load_ephemeral(_key(name), now) if self._settings.names_seconds else None
        whose = None if kept is None else _decode_whose(self._sealer.unseal(kept, NAME_PURPOSE))
        if not isinstance(whose, Known):
            return whose
        household = await self._store.load_household("imsi", whose.imsi)
        sim = household.subscriber.sims.get(whose.imsi) if household else None
        is_good = sim is not None and _card(sim) == whose.card and whose.counter <= self._settings.reauthentications
        return whose if is_good else whose.imsi

    def _naming(self, proven: Proven, now: datetime) -> Iterator[Write]:
        """The writes by which the client's names stand for it, and the one it came by is spent."""
        expires_at = now + timedelta(seconds=self._settings.names_seconds)
        stand_for: tuple[tuple[str, str | Known], ...] = (
            (proven.names.pseudonym, proven.imsi),
            (proven.names.again, proven.known),
        )
        for name, whose in stand_for:
            if name:
                yield PutEphemeral(_key(name), self._sealer.seal(_encode(whose), NAME_PURPOSE), expires_at)
        if proven.spent:
            yield TakeEphemeral(_key(proven.spent), now)

    def _milenage(self, sim: Sim) -> Milenage:
        keys = self._sealer.unseal(sim.keys, SIM_PURPOSE)
        return Milenage(keys[:16], keys[16:])


def _card(sim: Sim) -> bytes:
    """What tells these keys from others that the SIM had or gets: they are sealed differently each time."""
    return hashlib.sha256(sim.keys).digest()[:16]


def _key(name: str) -> str:
    return f"rcc14-eap-name:{name}"
