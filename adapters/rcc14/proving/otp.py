"""The OTP method with its store and bearer: sends a code to the number on record, and takes it back.

Nothing in an answer tells whether a number is anybody's: it is the same answer after the same work, and the SMS leaves
behind it.

Spec: RCC.14 2.3 (configuration over non-3GPP access)
"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from adapters.rcc14.identity import otp
from adapters.rcc14.messages import Answer, Request
from adapters.rcc14.proving.confirmation import Confirmations
from adapters.rcc14.proving.proof import Call, Proof, claim, cookie_key, load_claimed
from adapters.rcc14.tracing import about
from adapters.sms.message import ShortMessage, submission
from gateway.errors import AuthError, ConfigError, Conflict, NotFound, Rejected, Unavailable
from gateway.fleet.activation import Activation, activation
from gateway.fleet.subscriber import Subscriber
from gateway.observe import metrics
from gateway.observe.logs import logger
from gateway.outreach.deliveries import CODE, Bearer, note_awaited
from gateway.settings import Otp
from gateway.store.protocol import Append, Event, Household, PutEphemeral, Store, TakeEphemeral, Write

COOKIE_BYTES = 18
CODE_OCTETS = 16

_decode = msgspec.msgpack.Decoder(otp.Waiting).decode
_encode = msgspec.msgpack.Encoder().encode


class Claim(NamedTuple):
    """A client that waits for a code, of which somebody has shown that it is the right one."""

    cookie: str
    waiting: otp.Waiting
    proof: Proof


class OneTimePasswords:
    """The method of codes by SMS. ``page`` is the address of the page to enter one on, for the operator's texts.

    With ``confirmations`` the code for an additional device is shown by the RCS client of the phone instead. With
    ``receipts`` the bearer is asked for a word on each message's delivery.
    """

    name = "otp"

    def __init__(
        self,
        store: Store,
        bearer: Bearer,
        settings: Otp,
        *,
        key: bytes,
        clock: Callable[[], datetime],
        page: str = "",
        confirmations: Confirmations | None = None,
        receipts: bool = False,
    ) -> None:
        self._store = store
        self._bearer = bearer
        self._settings = settings
        self._key = key
        self._page = page
        self._confirmations = confirmations
        self._receipts = receipts
        self._clock = clock
        self._sending: set[asyncio.Task[None]] = set()
        for language in settings.texts:
            sample = otp.write_message("0" * settings.digits, "", 0, settings.texts, language, page)
            try:
                submission(sample)
            except ValueError as error:
                raise ConfigError(str(error), key=f"otp.texts.{language}") from None

    def suits(self, call: Call) -> bool:
        """Whoever can name a number and a port; the order sees to that."""
        return True

    def is_reply(self, call: Call) -> bool:
        """A code comes back as OTP."""
        return call.asked.otp != ""

    async def challenge(self, call: Call) -> Answer:
        """Send a code to the subscriber's number and give the client the cookie to come back with.

        Without a household, or a number on its record, the answer is the same and no SMS goes.

        Raises: Unavailable when the number, the SIM or the address has had its share for now.
        """
        asked, now = call.asked, call.now
        household = await load_claimed(self._store, asked)
        number = household.subscriber.msisdn if household else ""
        if not number and self._settings.unknown_numbers == "refuse":
            return Answer(403, what="unknown number")
        cookie = secrets.token_urlsafe(COOKIE_BYTES)
        await self._ration(asked, household, cookie, call.peer, now)
        code = otp.make_code(secrets.token_bytes(CODE_OCTETS), self._settings.digits)
        digest = otp.digest_code(code, cookie, self._key)
        waiting = otp.Waiting(household.subscriber.id if household and number else "", asked, digest, now)
        expires_at = now + timedelta(seconds=self._settings.seconds)
        writes: list[Write] = [PutEphemeral(_key(cookie), _encode(waiting), expires_at)]
        if waiting.subscriber_id:
            writes.append(Append(Event(at=now, kind="otp.sent", subscriber_id=waiting.subscriber_id)))
        port = 0 if self._settings.ports == "text" else int(asked.sms_port or 0)
        question = ""
        if self._confirmations is not None and not port and household is not None and _has_phone_for(household, asked):
            question = secrets.token_urlsafe(COOKIE_BYTES)
            writes.append(PutEphemeral(_question_key(question), cookie.encode(), expires_at))
        await self._store.commit(*writes)
        if waiting.subscriber_id:
            language = call.headers.get("Accept-Language", "")
            message = otp.write_message(code, number, port, self._settings.texts, language, self._page)
            self._send_soon(self._send(message, question, code, otp.name_of(asked)))
        says_port = self._settings.ports == "text" and asked.sms_port not in ("", "0")
        return Answer(
            200,
            otp.POLICY_DOCUMENT if says_port else b"",
            cookie=cookie,
            cookie_seconds=self._settings.seconds,
            what="otp",
            traced=about(household, now, proven=False) if household else None,
        )

    async def send_again(self, subscriber: Subscriber) -> datetime:
        """Send the client that asked last with this subscriber's number a new code, in place of the one it waits for.

        Tries that it had stay used up, and the client's cookie ends when it would have. Returns that end.

        Raises: NotFound when no client waits for a code; Unavailable when the number has had its share for now.
        """
        now, number = self._clock(), subscriber.msisdn
        found: dict[str, otp.Waiting] = {}
        for place in otp.limit_keys("msisdn", number, self._settings.per_msisdn) if number else ():
            cookie = (await self._store.load_ephemeral(place, now) or b"").decode()
            waiting = await self._load(cookie, now) if cookie else None
            if waiting is not None and waiting.subscriber_id == subscriber.id:
                found[cookie] = waiting
        if not found:
            raise NotFound(
                f"no client of subscriber {subscriber.id} waits for a code; one is sent to who asks over Wi-Fi"
            )
        cookie, waiting = max(found.items(), key=lambda one: one[1].asked_at)
        await self._claim("msisdn", number, self._settings.per_msisdn, cookie, now)
        code = otp.make_code(secrets.token_bytes(CODE_OCTETS), self._settings.digits)
        expires_at = waiting.asked_at + timedelta(seconds=self._settings.seconds)
        renewed = replace(waiting, digest=otp.digest_code(code, cookie, self._key))
        await self._store.commit(
            PutEphemeral(_key(cookie), _encode(renewed), expires_at),
            Append(Event(at=now, kind="otp.sent", subscriber_id=subscriber.id)),
        )
        port = 0 if self._settings.ports == "text" else int(waiting.asked.sms_port or 0)
        message = otp.write_message(code, number, port, self._settings.texts, "", self._page)
        self._send_soon(self._send(message, "", code, otp.name_of(waiting.asked)))
        return expires_at

    async def check(self, call: Call) -> Proof:
        """Whose code it is that a client brings back with its cookie; each try counts.

        Raises: AuthError when it is not right, too late or one try too many.
        """
        now = call.now
        for cookie in call.cookies:
            waiting = await self._load(cookie, now)
            if waiting is None:
                continue
            tries = otp.limit_keys("otp-try", cookie, self._settings.attempts)
            if not await claim(self._store, tries, b"", now=now, seconds=self._settings.seconds):
                metrics.count(metrics.otp, "throttled")
                raise AuthError("no tries left for this code")
            proof = await self._proof(call.asked.otp, cookie, waiting, now)
            if proof is None:
                metrics.count(metrics.otp, "wrong")
                raise AuthError("the code is wrong")
            _count_verified(waiting, now)
            return proof
        metrics.count(metrics.otp, "expired")
        raise AuthError("no code is waited for, or it is too late for it")

    async def find_claim(self, number: str, given: str, *, peer: str, now: datetime) -> Claim | None:
        """The client that a code on its way to that number was sent for; None when it is no such code.

        Tries count by number and by address, apart from those of the client itself: nobody can use up another's.

        Raises: Unavailable when the number or the address had its share of tries.
        """
        settings = self._settings
        for purpose, subject, count in (
            ("page-address", _address(peer), settings.per_address),
            ("page-msisdn", number, settings.attempts * settings.per_msisdn),
        ):
            places = otp.limit_keys(purpose, subject, count)
            if count and not await claim(self._store, places, b"", now=now, seconds=settings.window_seconds):
                metrics.count(metrics.otp, "throttled")
                raise Unavailable("too many tries", settings.window_seconds)
        for place in otp.limit_keys("msisdn", number, settings.per_msisdn):
            cookie = (await self._store.load_ephemeral(place, now) or b"").decode()
            waiting = await self._load(cookie, now)
            proof = await self._proof(given, cookie, waiting, now) if waiting else None
            if waiting is not None and proof is not None:
                return Claim(cookie, waiting, proof)
        metrics.count(metrics.otp, "wrong")
        return None

    async def confirm(self, claim: Claim, now: datetime) -> bool:
        """Make the cookie of that client good; False when its code is used up already."""
        proof = claim.proof
        known = f"{proof.household.subscriber.id} {proof.imsi}".encode()
        expires_at = now + timedelta(seconds=self._settings.seconds)
        try:
            await self._store.commit(*proof.spends, PutEphemeral(cookie_key(claim.cookie), known, expires_at))
        except Conflict:
            return False
        _count_verified(claim.waiting, now)
        return True

    async def deny(self, claim: Claim, now: datetime) -> bool:
        """Let that client's code be good for nothing any more; False when it is used up already."""
        return await self._deny(claim.cookie, claim.waiting, now)

    async def _deny(self, cookie: str, waiting: otp.Waiting, now: datetime) -> bool:
        event = Event(at=now, kind="otp.denied", subscriber_id=waiting.subscriber_id)
        try:
            await self._store.commit(TakeEphemeral(_key(cookie), now), Append(event))
        except Conflict:
            return False
        metrics.count(metrics.otp, "denied")
        return True

    async def answered(self, id_: str, *, accepted: bool) -> bool:
        """Take what a user answered to a confirmation request; False when no such one is waited for.

        Who declines ends the code. To accept is no proof: the code still has to come from the other device.
        """
        now = self._clock()
        cookie = (await self._store.load_ephemeral(_question_key(id_), now) or b"").decode()
        waiting = await self._load(cookie, now) if cookie else None
        if waiting is None:
            return False
        if accepted:
            event = Event(at=now, kind="otp.accepted", subscriber_id=waiting.subscriber_id)
            await self._store.commit(Append(event))
            return True
        return await self._deny(cookie, waiting, now)

    async def close(self) -> None:
        """Wait for messages that are still to be handed over."""
        await asyncio.gather(*self._sending)

    async def _load(self, cookie: str, now: datetime) -> otp.Waiting | None:
        kept = await self._store.load_ephemeral(_key(cookie), now)
        return None if kept is None else _decode(kept)

    async def _proof(self, given: str, cookie: str, waiting: otp.Waiting, now: datetime) -> Proof | None:
        if not otp.is_code(given, cookie, waiting, self._key):
            return None
        household = await self._store.load_household("id", waiting.subscriber_id)
        if household is None:
            return None
        spends = (
            TakeEphemeral(_key(cookie), now),
            Append(Event(at=now, kind="otp.verified", subscriber_id=waiting.subscriber_id)),
        )
        imsi = waiting.asked.imsi if waiting.asked.imsi in household.subscriber.imsis else ""
        return Proof(household, waiting.asked, spends, by=self.name, imsi=imsi)

    async def _ration(self, asked: Request, household: Household | None, cookie: str, peer: str, now: datetime) -> None:
        """Count this message against its address, SIM and number, known or not.

        Raises: Unavailable when one of them has had its share.
        """
        settings = self._settings
        number = household.subscriber.msisdn if household else asked.msisdn
        shares = (
            ("address", _address(peer), settings.per_address),
            ("imsi", asked.imsi or number, settings.per_imsi),
            ("msisdn", number or asked.imsi, settings.per_msisdn),
        )
        for kind, subject, count in shares:
            if count:
                await self._claim(kind, subject, count, cookie, now)

    async def _claim(self, kind: str, subject: str, count: int, cookie: str, now: datetime) -> None:
        """Count a message for one subject, to which no more than so many go in a window. Raises: Unavailable."""
        places, seconds = otp.limit_keys(kind, subject, count), self._settings.window_seconds
        if not await claim(self._store, places, cookie.encode(), now=now, seconds=seconds):
            metrics.count(metrics.otp, "throttled")
            raise Unavailable(f"too many codes for one {kind}", seconds)

    def _send_soon(self, sending: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(sending)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send(self, message: ShortMessage, question: str, code: str, device: str) -> None:
        """Have the phone ask its user, if that is the question, or else send the message."""
        if question and self._confirmations is not None:
            try:
                await self._confirmations.ask(
                    question, message.to, code=code, device=device, seconds=self._settings.seconds
                )
            except Unavailable as error:
                logger().warning("confirmation_not_sent", why=str(error))
            else:
                metrics.count(metrics.otp, "sent")
                return
        seconds = self._settings.seconds
        try:
            name = await self._bearer.send(submission(message), seconds, receipt=self._receipts)
        except (Unavailable, Rejected) as error:
            metrics.count(metrics.otp, "failed")
            metrics.count(metrics.push, self._bearer.channel, "otp", "failed")
            logger().error("sms_not_sent", why=str(error))
        else:
            metrics.count(metrics.otp, "sent")
            metrics.count(metrics.push, self._bearer.channel, "otp", "accepted")
            if name:
                until = self._clock() + timedelta(seconds=2 * seconds)
                with suppress(Unavailable):  # then its receipt is one of nothing known
                    await self._store.commit(note_awaited(name, CODE, until))


def _count_verified(waiting: otp.Waiting, now: datetime) -> None:
    metrics.count(metrics.otp, "verified")
    metrics.otp_verify_seconds.observe((now - waiting.asked_at).total_seconds())


def _key(cookie: str) -> str:
    return f"rcc14-otp:{cookie}"


def _question_key(id_: str) -> str:
    return f"rcc14-confirmation:{id_}"


def _has_phone_for(household: Household, asked: Request) -> bool:
    """Whether another device asks, and a phone with a SIM of the subscriber's is there to ask about it."""
    subscriber = household.subscriber
    return asked.imsi not in subscriber.imsis and any(
        device.rcc14 is not None and device.rcc14.imsi and activation(subscriber, device) is Activation.ACTIVE
        for device in household.devices
    )


def _address(peer: str) -> str:
    """The address as it is counted: an IPv6 host has a whole /64 to choose from."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
