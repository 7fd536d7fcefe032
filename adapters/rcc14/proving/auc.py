"""The gateway as authentication centre: EAP-AKA with SIM keys of its own, for labs and small operators.

Keys are sealed on the subscriber's record. The sequence number stands beside them and is raised by compare-and-set
before a challenge goes out, so that no two are made from one.

Spec: 3GPP TS 33.102 6.3 and annex C, RFC 4187, RFC 9048
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import assert_never

import msgspec
from msgspec.structs import replace

from adapters.aka.milenage import Milenage, Vector, next_sqn
from adapters.rcc14.identity import eap_aka
from adapters.rcc14.identity.eap_aka import Exchange, Failed, Outcome, Proven, Sent, VectorNeeded
from adapters.rcc14.proving.authenticator import Turn
from gateway.errors import Conflict, Unavailable
from gateway.fleet.subscriber import Sim
from gateway.inventory import SIM_PURPOSE
from gateway.observe import metrics
from gateway.sealing import Sealer
from gateway.settings import EapAka
from gateway.store.protocol import PutSubscriber, Store

RAND_BYTES = 16
XRES_BYTES = 8
AMF = b"\x80\x00"
"""The separation bit is set, as for every EPS and EAP-AKA' vector; AKA does not mind."""
RACES = 5

_decode = msgspec.msgpack.Decoder(Exchange).decode
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
        return await self._turn(eap_aka.begin(octets, identifier=first, prime=self._settings.aka_prime))

    async def resume(self, state: bytes, packet: bytes, now: datetime) -> Turn:
        """Check the answer to the challenge, or resynchronise."""
        return await self._turn(eap_aka.receive(_decode(state), packet, prime=self._settings.aka_prime))

    async def _turn(self, outcome: Outcome) -> Turn:
        match outcome:
            case Sent(exchange, packet):
                return Turn("continue", packet, _encode(exchange))
            case VectorNeeded(exchange, auts):
                if auts:
                    metrics.count(metrics.eap_aka, "sync_failure")
                vector = await self._vector(exchange, auts)
                if vector is None:
                    metrics.count(metrics.eap_aka, "mac_failure")
                    return Turn("failed")
                return await self._turn(
                    eap_aka.challenge(
                        exchange, vector, network=self._settings.network_name, prime=self._settings.aka_prime
                    )
                )
            case Proven(imsi, _):
                metrics.count(metrics.eap_aka, "ok")
                return Turn("accepted", imsi=imsi)
            case Failed(result, rejected):
                metrics.count(metrics.eap_aka, result)
                return Turn("rejected" if rejected else "failed")
        assert_never(outcome)

    async def _vector(self, exchange: Exchange, auts: bytes) -> Vector | None:
        """The SIM's next vector; None when the AUTS that should move its sequence number is not its own.

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
                return Vector(rand, made_up, secrets.token_bytes(XRES_BYTES), bytes(16), secrets.token_bytes(16))
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
            return milenage.vector(rand, sqn, AMF)
        raise Unavailable("too many authentications of one SIM at once")

    def _milenage(self, sim: Sim) -> Milenage:
        keys = self._sealer.unseal(sim.keys, SIM_PURPOSE)
        return Milenage(keys[:16], keys[16:])
