"""EAP over RCC.14: packets in JSON between the client and whoever can authenticate its SIM.

Who that is, an AAA server or the gateway itself, stands behind ``Authenticator``. Between two requests the exchange is
a sealed value under the client's cookie and the identifier of the packet that is waited for: an answer counts once.

Spec: RCC.14 2.8 (EAP relay), GSMA TS.43 2.8
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Awaitable
from datetime import datetime, timedelta

import msgspec

from adapters.rcc14.messages import Answer, Request
from adapters.rcc14.proving.authenticator import Authenticator, Turn
from adapters.rcc14.proving.proof import Call, Proof
from gateway.errors import AuthError, DecodeError, LimitExceeded, Unavailable
from gateway.observe import metrics
from gateway.sealing import Sealer
from gateway.store.protocol import PutEphemeral, Store, TakeEphemeral, Write

MEDIA_TYPE = "application/vnd.gsma.eap-relay.v1.0+json"
MAX_BODY_BYTES = 8192
MAX_ROUNDS = 6
SEAL_PURPOSE = "eap-exchange"
COOKIE_BYTES = 18
RETRY_AFTER_SECONDS = 30


class _Waiting(msgspec.Struct, frozen=True):
    asked: Request
    state: bytes
    rounds: int


class _Body(msgspec.Struct):
    packet: bytes = msgspec.field(name="eap-relay-packet")


_decode = msgspec.msgpack.Decoder(_Waiting).decode
_encode = msgspec.msgpack.Encoder().encode
_decode_body = msgspec.json.Decoder(_Body).decode


class EapRelay:
    """The method that lets an authenticator talk with the client's SIM.

    ``has_other`` says that 511 leads a client to another method.
    """

    name = "eap"

    def __init__(
        self, store: Store, authenticator: Authenticator, sealer: Sealer, *, seconds: int, has_other: bool
    ) -> None:
        self._store = store
        self._authenticator = authenticator
        self._sealer = sealer
        self._seconds = seconds
        self._has_other = has_other

    def suits(self, call: Call) -> bool:
        """A client says by EAP_ID that it can do this."""
        return call.asked.eap_id != ""

    def is_reply(self, call: Call) -> bool:
        """Replies are posted."""
        return call.media_type == MEDIA_TYPE

    async def challenge(self, call: Call) -> Answer:
        """The first request of the authenticator.

        Raises: AuthError, Unavailable.
        """
        turn = await self._turn(self._authenticator.start(call.asked.eap_id, call.now), call.asked)
        return await self._go_on(_Waiting(call.asked, b"", 0), turn, secrets.token_urlsafe(COOKIE_BYTES), call.now)

    async def check(self, call: Call) -> Proof | Answer:
        """The next request of the authenticator, or whose request it is that the exchange was about.

        Raises: DecodeError when the body is no relayed packet; AuthError, Unavailable.
        """
        packet = decode_body(call.body)
        for cookie in call.cookies:
            key = _key(cookie, packet[1])
            kept = await self._store.load_ephemeral(key, call.now)
            if kept is None:
                continue
            waiting = _decode(self._sealer.unseal(kept, SEAL_PURPOSE))
            spent = TakeEphemeral(key, call.now)
            turn = await self._turn(self._authenticator.resume(waiting.state, packet, call.now), waiting.asked)
            if turn.result != "accepted":
                return await self._go_on(waiting, turn, cookie, call.now, spent)
            household = await self._store.load_household("imsi", turn.imsi)
            if household is None:
                return Answer(403, what="unknown subscriber")
            return Proof(household, waiting.asked, (spent, *turn.writes), by="eap", imsi=turn.imsi)
        raise AuthError("no EAP request waits for this answer")

    async def _turn(self, turn: Awaitable[Turn], asked: Request) -> Turn:
        """The authenticator's turn; who cannot be reached is made up for by another method, where there is one.

        Spec: GSMA TS.43 2.8.1 (mapping of AAA results)
        """
        try:
            return await turn
        except Unavailable as error:
            metrics.count(metrics.eap_aka, "backend_error")
            if self._has_other and not asked.token:
                raise AuthError(str(error)) from None
            raise

    async def _go_on(self, waiting: _Waiting, turn: Turn, cookie: str, now: datetime, *spends: Write) -> Answer:
        """Give the client the next packet, or the word that there is none.

        Raises: AuthError when another method should be tried, Unavailable when there is none.
        """
        if turn.result == "continue" and waiting.rounds < MAX_ROUNDS:
            following = _encode(_Waiting(waiting.asked, turn.state, waiting.rounds + 1))
            sealed = self._sealer.seal(following, SEAL_PURPOSE)
            expires_at = now + timedelta(seconds=self._seconds)
            await self._store.commit(*spends, PutEphemeral(_key(cookie, turn.packet[1]), sealed, expires_at))
            body = encode_body(turn.packet)
            return Answer(200, body, cookie=cookie, cookie_seconds=self._seconds, what="eap", media_type=MEDIA_TYPE)
        if spends:
            await self._store.commit(*spends)
        if turn.result == "rejected":
            return Answer(403, what="the SIM was rejected")
        if self._has_other and not waiting.asked.token:
            raise AuthError("SIM authentication did not work out")
        raise Unavailable("SIM authentication did not work out", RETRY_AFTER_SECONDS)


def decode_body(body: bytes) -> bytes:
    """The EAP packet in the body of a relayed answer; at least its header.

    Raises: DecodeError, LimitExceeded.
    """
    if len(body) > MAX_BODY_BYTES:
        raise LimitExceeded(f"a body of {len(body)} octets is over the limit of {MAX_BODY_BYTES}")
    try:
        packet = _decode_body(body).packet
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DecodeError(f"no relayed EAP packet: {error}") from None
    if len(packet) < 4:
        raise DecodeError("the EAP packet is shorter than its header")
    return packet


def encode_body(packet: bytes) -> bytes:
    """The body that carries an EAP packet."""
    return msgspec.json.encode({"eap-relay-packet": base64.b64encode(packet).decode()})


def _key(cookie: str, identifier: int) -> str:
    return f"rcc14-eap:{cookie}:{identifier}"
