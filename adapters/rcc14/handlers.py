"""RCC.14 over HTTP: the plain leg that learns who calls from the packet core, and the TLS leg that hands out documents.

Spec: RCC.14 2.2 (cellular), 2.3 (non-cellular)
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from aiohttp import web
from msgspec.structs import replace

from adapters.rcc14.documents import Documents
from adapters.rcc14.identity import token as tokens
from adapters.rcc14.identity.enrichment import Network, Worth, read_enrichment
from adapters.rcc14.messages import CONTENT_TYPE, Answer, Request, parse_request
from adapters.rcc14.session import Kind, Terms, deliver
from gateway.errors import AuthError, Conflict, DecodeError, LimitExceeded, Unavailable
from gateway.fleet.device import Device, Rcc14State
from gateway.fleet.subscriber import Subscriber
from gateway.front import Handler, Response, query_of
from gateway.inventory import next_device_id
from gateway.observe import metrics
from gateway.observe.logs import logger
from gateway.settings import Rcc14
from gateway.store.protocol import (
    Append,
    Event,
    Household,
    PutDevice,
    PutEphemeral,
    Store,
    TakeEphemeral,
    Write,
)

COOKIE_BYTES = 18
MAX_COOKIES = 8
MAX_DEVICES = 20
IMEI_DIGITS = 14
RETRY_AFTER_SECONDS = 30


class Proof(NamedTuple):
    """Whose request this is and by what: a cookie, which is still to be taken, or the token of one device."""

    household: Household
    cookie: str = ""
    device: Device | None = None


class Rcc14Front:
    """The front end that RCC.14 clients ask; ``clock`` gives aware UTC times."""

    def __init__(
        self,
        store: Store,
        documents: Documents,
        settings: Rcc14,
        *,
        terms: Terms,
        token_key: bytes,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._documents = documents
        self._settings = settings
        self._terms = terms
        self._token_key = token_key
        self._clock = clock

    def plain_leg(self, gateways: tuple[Network, ...]) -> Handler:
        """The handler of a plain listener that believes identity headers from these networks."""

        async def handle_plain(request: web.BaseRequest) -> Response:
            return await self._answered(lambda: self._introduce(request, gateways), secure=False)

        return handle_plain

    async def handle_secure(self, request: web.BaseRequest) -> Response:
        """Answer one request of the TLS leg."""
        return await self._answered(lambda: self._provide(request), secure=True)

    async def _answered(self, work: Callable[[], Awaitable[Answer]], *, secure: bool) -> Response:
        """The work's answer as a response. Bodies of errors stay empty: clients take them for documents."""
        started = time.perf_counter()
        answer, headers, reason = Answer(500), {"Cache-Control": "no-cache, no-store"}, ""
        try:
            answer = await work()
        except AuthError as error:
            answer, reason = Answer(511), str(error)
        except LimitExceeded as error:
            answer, reason = Answer(414), str(error)
        except DecodeError as error:
            answer, reason = Answer(400), str(error)
        except Unavailable as error:
            answer, reason = Answer(503), str(error)
            headers["Retry-After"] = str(error.retry_after_seconds)
        except Exception:
            reason = secrets.token_hex(6)
            logger().exception("request_failed", frontend="acs", fault=reason)
        if answer.document:
            headers["Content-Type"] = CONTENT_TYPE
        if answer.cookie:
            # No Secure attribute: the cookie of the plain leg must come back on the TLS leg.
            seconds = self._settings.cookie_seconds
            headers["Set-Cookie"] = f"{self._settings.cookie_name}={answer.cookie}; Path=/; Max-Age={seconds}; HttpOnly"
        response = Response(answer.status, answer.document, headers)
        elapsed = time.perf_counter() - started
        metrics.observe_http("acs", answer.status, elapsed)
        logger().info(
            "request_answered",
            frontend="acs",
            leg="tls" if secure else "plain",
            status=answer.status,
            what=answer.what or reason,
            device=answer.device_id,
            ms=round(elapsed * 1000, 2),
        )
        return response

    async def _introduce(self, request: web.BaseRequest, gateways: tuple[Network, ...]) -> Answer:
        """The plain leg: an empty answer with a cookie for a caller the packet core vouches for, else 511.

        Parameters are ignored here: nothing that came in clear from the phone counts.
        """
        enrichment = read_enrichment(
            request.remote or "",
            request.headers.getall(self._settings.imsi_header, ()),
            request.headers.getall(self._settings.msisdn_header, ()),
            gateways,
        )
        if enrichment.worth is not Worth.TRUSTED:
            metrics.count(metrics.acs_enrichment, enrichment.worth.value)
            return Answer(511, what=enrichment.worth.value)
        if enrichment.imsi:
            household = await self._store.load_household("imsi", enrichment.imsi)
        else:
            household = await self._store.load_household("msisdn", enrichment.msisdn)
        if household is None or _contradiction(household.subscriber, "", enrichment.msisdn):
            metrics.count(metrics.acs_enrichment, "unknown_subscriber")
            return Answer(403, what="unknown subscriber")
        metrics.count(metrics.acs_enrichment, "trusted")
        cookie = secrets.token_urlsafe(COOKIE_BYTES)
        expires_at = self._clock() + timedelta(seconds=self._settings.cookie_seconds)
        await self._store.commit(PutEphemeral(_cookie_key(cookie), household.subscriber.id.encode(), expires_at))
        return Answer(200, cookie=cookie, what="introduced")

    async def _provide(self, request: web.BaseRequest) -> Answer:
        """The TLS leg: a document for a client that proves who it is."""
        asked = parse_request(query_of(request))
        for _ in range(2):
            now = self._clock()
            proof = await self._prove(asked, request.headers.getall("Cookie", ()), now)
            if proof is None:
                # Without a number to send an OTP to, and a port to send it to, there is no other way in.
                return Answer(403 if asked.sms_port else 511, what="no proof of identity")
            claim = _contradiction(proof.household.subscriber, asked.imsi, asked.msisdn)
            if claim:
                return Answer(403, what=f"claims another {claim}")
            try:
                return await self._deliver(proof, asked, now)
            except Conflict:
                # A second request of this device was quicker, or the cookie is used up: look again, once.
                continue
        raise Unavailable("two requests of one device at once", RETRY_AFTER_SECONDS)

    async def _prove(self, asked: Request, cookie_headers: Sequence[str], now: datetime) -> Proof | None:
        """Who asks, by a live cookie or else by token; None when the request carries neither.

        Raises: AuthError when what it carries is not good.
        """
        cookies = _read_cookies(cookie_headers, self._settings.cookie_name)
        for cookie in cookies:
            subscriber_id = await self._store.load_ephemeral(_cookie_key(cookie), now)
            household = await self._store.load_household("id", subscriber_id.decode()) if subscriber_id else None
            if household is not None:
                return Proof(household, cookie)
        if asked.token:
            try:
                proof = await self._prove_by_token(asked, now)
            except AuthError:
                metrics.count(metrics.tokens, "refused")
                raise
            metrics.count(metrics.tokens, "accepted")
            return proof
        if cookies:
            raise AuthError("the cookie is used up or expired")
        return None

    async def _prove_by_token(self, asked: Request, now: datetime) -> Proof:
        """Whose token it is.

        Raises: AuthError when it is not good, or comes from another SIM or phone than it was given to: the client
        drops it then and starts again.
        """
        device_id = tokens.device_of(asked.token)
        household = await self._store.load_household("id", device_id.rpartition(".")[0])
        device = next((one for one in household.devices if one.id == device_id), None) if household else None
        if household is None or device is None or device.rcc14 is None:
            raise AuthError("the token is no device's")
        life_seconds = self._terms.token_seconds
        if not tokens.is_valid(
            asked.token, device_id, device.rcc14, self._token_key, now=now, life_seconds=life_seconds
        ):
            raise AuthError("the token is not good")
        claim = _contradiction(household.subscriber, asked.imsi, asked.msisdn)
        if claim or (asked.imei and device.imei and not _is_one_imei(asked.imei, device.imei)):
            raise AuthError(f"the token comes with another {claim or 'IMEI'}")
        return Proof(household, device=device)

    async def _deliver(self, proof: Proof, asked: Request, now: datetime) -> Answer:
        subscriber = proof.household.subscriber
        device = proof.device or _device_of(proof.household, asked)
        if device is None:
            return Answer(403, what="too many devices")

        content = b""

        def digest() -> bytes:
            nonlocal content
            content = self._documents.content(subscriber, device, asked.layout, asked.apps)
            return self._documents.digest(content, asked)

        delivery = deliver(
            device.id,
            device.rcc14 or Rcc14State(),
            asked,
            subscriber.state,
            key=self._documents.key(subscriber, device, asked),
            digest=digest,
            terms=self._terms,
            now=now,
        )
        serial = delivery.state.token_serial
        token = tokens.token_of(device.id, serial, self._token_key) if delivery.token_seconds else ""
        if delivery.kind is not Kind.FULL:
            content = b""
        elif not content:
            content = self._documents.content(subscriber, device, asked.layout, asked.apps)
        document = self._documents.document(delivery, token, content)

        writes: list[Write] = [TakeEphemeral(_cookie_key(proof.cookie), now)] if proof.cookie else []
        if delivery.state is not device.rcc14:
            writes.append(PutDevice(replace(device, rcc14=delivery.state)))
        if device.revision == 0:
            writes.append(Append(Event(at=now, kind="device.seen", subscriber_id=subscriber.id, device_id=device.id)))
        if writes:
            await self._store.commit(*writes)
        self._store.touch(device.id, now)
        metrics.count(metrics.acs_documents, delivery.kind.value)
        if token:
            metrics.count(metrics.tokens, "issued")
        return Answer(200, document, what=delivery.kind.value, device_id=device.id)


def _contradiction(subscriber: Subscriber, imsi: str, msisdn: str) -> str:
    """Which of two claimed identities is another than the subscriber's; empty when none is.

    Claims that are empty, or of what is not on record, contradict nothing.
    """
    if imsi and subscriber.imsis and imsi not in subscriber.imsis:
        return "IMSI"
    if msisdn and subscriber.msisdn and msisdn != subscriber.msisdn:
        return "MSISDN"
    return ""


def _is_one_imei(one: str, other: str) -> bool:
    """Whether both name one phone: the last digits are a check digit in an IMEI, a software version in an IMEISV."""
    return one[:IMEI_DIGITS] == other[:IMEI_DIGITS]


def _device_of(household: Household, asked: Request) -> Device | None:
    """The subscriber's device that asks, by IMEI or else by make and model; a new one when none fits.

    None when the subscriber has as many devices as may be.
    """
    vendor, model = asked.about.get("terminal_vendor", ""), asked.about.get("terminal_model", "")
    for device in household.devices:
        if asked.imei and _is_one_imei(asked.imei, device.imei):
            return device
        if not asked.imei and not device.imei and (device.manufacturer, device.model) == (vendor, model):
            return device
    if len(household.devices) >= MAX_DEVICES:
        return None
    return Device(
        id=next_device_id(household),
        imei=asked.imei,
        manufacturer=vendor,
        model=model,
        software=asked.about.get("terminal_sw_version", ""),
        friendly_name=asked.about.get("friendly_device_name", ""),
    )


def _read_cookies(headers: Sequence[str], name: str) -> list[str]:
    """The values of every cookie of that name, the latest first; headers may repeat and lack spaces.

    What is not ASCII was never given out, and no store could look it up.
    """
    pairs = [pair.strip().partition("=") for header in headers for pair in header.split(";")]
    values = [value.strip().strip('"') for given, _, value in reversed(pairs) if given == name and value]
    return [value for value in values if value.isascii()][:MAX_COOKIES]


def _cookie_key(cookie: str) -> str:
    return f"rcc14-cookie:{cookie}"
