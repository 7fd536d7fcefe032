"""RCC.14 over HTTP: the plain leg that learns who calls from the packet core, and the TLS leg that hands out documents.

Spec: RCC.14 2.2 (cellular), 2.3 (non-cellular)
"""

from __future__ import annotations

import functools
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from aiohttp import hdrs, web
from msgspec.structs import replace

from adapters.rcc14.access import Redirect, host_name, redirect_for
from adapters.rcc14.guard import Guard
from adapters.rcc14.identity.enrichment import HeaderNames, Worth, read_enrichment
from adapters.rcc14.messages import Answer, Whose, parse_request
from adapters.rcc14.order import CHALLENGES, CHECKS, UNCHALLENGED, Fact, Step, decide, facts_of, major, offers_of
from adapters.rcc14.provider import Provider, contradiction
from adapters.rcc14.proving.cookie import Introductions, read_cookies
from adapters.rcc14.proving.proof import Call, Method, Proof
from adapters.rcc14.proving.token import Tokens
from adapters.rcc14.standing import Question, question_of
from adapters.rcc14.tracing import PROTOCOL, about, claims_of, record_answer, record_request
from gateway.errors import AuthError, Conflict, DecodeError, LimitExceeded, Unavailable
from gateway.observe import metrics
from gateway.observe.around import Around, bare
from gateway.observe.load import Load, spread
from gateway.observe.logs import logger
from gateway.observe.requests import OTHER, HttpRoute, http_route
from gateway.peers import Network, client_address, is_trusted
from gateway.serving.front import Handler, Response, query_of
from gateway.serving.stages import Together, next_stage
from gateway.settings import Rcc14
from gateway.store.protocol import Append, Event, Owned, Store, TraceEntry
from gateway.trace import Tracer

MAX_BODY_BYTES = 16_384
TRIES = 3
"""A request for which records changed under the gateway so often is answered 503."""
ALARM_SECONDS = 60
FORM = "application/x-www-form-urlencoded"
_BODY = web.RequestKey("rcc14-body", bytes)


class Leg(NamedTuple):
    """What one listener is for RCC.14.

    ``gateways`` are the peers whose identity headers are believed on a plain leg, ``proxies`` those that pass requests
    on. On a TLS leg without ``ends_tls`` nobody but they may ask.
    """

    secure: bool
    gateways: tuple[Network, ...] = ()
    proxies: tuple[Network, ...] = ()
    ends_tls: bool = True


class _Check(NamedTuple):
    """What looks at a proof, and how it is called; it gives None for a proof that has ended."""

    by: str
    take: Callable[[Call], Awaitable[Proof | Answer | None]]


class Rcc14Front:
    """The front end that RCC.14 clients ask.

    ``hosts`` are its own names. ``methods`` are the ways of proving an identity next to cookie and token. ``clock``
    gives aware UTC times.
    """

    def __init__(
        self,
        store: Store,
        provider: Provider,
        tokens: Tokens,
        settings: Rcc14,
        *,
        tracer: Tracer,
        clock: Callable[[], datetime],
        load: Load,
        hosts: Collection[str] = (),
        methods: Sequence[Method] = (),
        around: Around = bare,
    ) -> None:
        self._store = store
        self._tracer = tracer
        self._provider = provider
        self._settings = settings
        self._clock = clock
        self._load = load
        self._hosts = frozenset(hosts)
        self._methods = tuple(methods)
        self._releases = frozenset(map(major, settings.provisioning_versions))
        self._introductions = Introductions(store, seconds=settings.cookie_seconds)
        self._checks = {
            Step.TAKE_COOKIE: _Check("cookie", self._introductions.take),
            Step.TAKE_TOKEN: _Check("token", tokens.take),
            **{CHECKS[method.name][1]: _Check(method.name, method.check) for method in methods},
        }
        self._challenges = {CHALLENGES[method.name][1]: method for method in methods}
        self._header_names = HeaderNames.of(settings.imsi_headers, settings.msisdn_headers)
        self._redirects = tuple(
            Redirect(one.status, one.to, frozenset(host.lower() for host in one.hosts), one.share_percent)
            for one in settings.redirects
        )
        self._restarts = Guard(settings.max_restarts, settings.restart_seconds)
        self._alarms = Guard(1, ALARM_SECONDS)
        self._take_introduction = around("rcc14 introduce", self._introduce, _told)
        self._standing: Together[tuple[Question, Owned], Answer | None] = Together(
            lambda asked: provider.again(asked, clock())
        )
        self._take_decision = around("rcc14 decide", self._decide, _told)

    def handler(self, leg: Leg, path: str = OTHER) -> Handler:
        """The handler of a listener's GET at that path, and on a TLS leg POST."""

        return functools.partial(self._handle, leg, http_route("acs", path))

    async def _handle(self, leg: Leg, route: HttpRoute, request: web.BaseRequest) -> Response:
        """The answer as a response. Bodies of errors stay empty: clients take them for documents."""
        started = time.perf_counter()
        headers = {"Cache-Control": "no-cache, no-store"}
        self._load.in_flight += 1
        try:
            answer = await self._answer(request, leg)
        except AuthError as error:
            answer = Answer(511, what=str(error))
        except LimitExceeded as error:
            answer = Answer(413 if request.method == "POST" else 414, what=str(error))
        except (DecodeError, web.RequestPayloadError) as error:
            answer = Answer(400, what=str(error))
        except Unavailable as error:
            answer = Answer(503, what=str(error), headers=(("Retry-After", str(spread(error.retry_after_seconds))),))
        except Exception:
            fault = secrets.token_hex(6)
            logger().exception("request_failed", frontend="acs", fault=fault)
            answer = Answer(500, what=fault)
        finally:
            self._load.in_flight -= 1
        if answer.headers:
            headers.update(answer.headers)
        if answer.document:
            headers["Content-Type"] = answer.media_type
        if answer.cookie:
            # The cookie of the plain leg must come back on the TLS leg: there it has no Secure attribute.
            seconds = answer.cookie_seconds or self._settings.cookie_seconds
            headers["Set-Cookie"] = (
                f"{self._settings.cookie_name}={answer.cookie}; Path=/; Max-Age={seconds}; HttpOnly"
                + ("; Secure" if leg.secure else "")
            )
        if answer.traced and self._tracer.wants(failed=answer.status >= 400, armed=answer.traced.armed):
            self._trace(request, answer, answer.traced, headers)
        if self._tracer.awaited:
            self._note_awaited(request, answer, headers)
        response = Response(answer.status, answer.document, headers)
        elapsed = time.perf_counter() - started
        size = len(request.raw_path) + ((request.content_length or 0) if request.method == "POST" else 0)
        route.observe(request.method, answer.status, size, elapsed)
        logger().info(
            "request_answered",
            frontend="acs",
            leg="tls" if leg.secure else "plain",
            status=answer.status,
            what=answer.what,
            device=answer.device_id,
            ms=round(elapsed * 1000, 2),
        )
        return response

    def _trace(self, request: web.BaseRequest, answer: Answer, whose: Whose, headers: dict[str, str]) -> None:
        now = self._clock()

        size = len(request.raw_path) + len(answer.document)
        entry = functools.partial(self._entry, request, answer, headers, now, whose.proven, whose.owner)
        self._tracer.note(now, size, entry, proven=whose.proven, armed=whose.armed)

    def _note_awaited(self, request: web.BaseRequest, answer: Answer, headers: dict[str, str]) -> None:
        """Keep the exchange for those who wait for such a client, whoever it turned out to be."""
        now, whose = self._clock(), answer.traced or Whose(answer.device_id, armed=False, proven=False)
        claims = claims_of(request, self._header_names, self._tracer.address_of(request), whose.owner)
        entry = functools.partial(self._entry, request, answer, headers, now, whose.proven)
        size = len(request.raw_path) + len(answer.document)
        self._tracer.note_awaited(now, size, claims, entry, proven=whose.proven)

    def _entry(
        self,
        request: web.BaseRequest,
        answer: Answer,
        headers: dict[str, str],
        now: datetime,
        proven: bool,
        owner: str,
    ) -> TraceEntry:
        identity = (*self._settings.imsi_headers, *self._settings.msisdn_headers)
        return TraceEntry(
            owner=owner,
            at=now,
            protocol=PROTOCOL,
            request=record_request(request.method, request.raw_path, request.headers, identity),
            answer=record_answer(answer.status, headers, answer.document),
            decisions=(answer.what,),
            proven=proven,
        )

    async def _answer(self, request: web.BaseRequest, leg: Leg) -> Answer:
        host = host_name(request.headers.get(hdrs.HOST, ""))
        if self._settings.other_hosts == "refuse" and host not in self._hosts:
            return Answer(404, what="another host")
        peer = address = request.remote or ""
        if leg.proxies:
            address = client_address(peer, request.headers.getall("X-Forwarded-For", ()), leg.proxies)
        if not leg.secure:
            return await self._take_introduction(request, leg, host, peer, address)
        if not leg.ends_tls and not is_trusted(peer, leg.proxies):
            return Answer(403, what="not by way of a proxy that ends TLS")
        return await self._provide(request, leg, host, address)

    async def _introduce(self, request: web.BaseRequest, leg: Leg, host: str, peer: str, address: str) -> Answer:
        """The plain leg: an empty answer with a cookie for a caller the packet core vouches for, else 511.

        Parameters are ignored here: nothing that came in clear from the phone counts.
        """
        if self._load.is_overloaded:
            return self._shed()
        enrichment = read_enrichment(peer, request.headers.items(), self._header_names, leg.gateways)
        moved = self._moved(request, "http", host, enrichment.imsi or enrichment.msisdn or address)
        if moved is not None:
            return moved
        if enrichment.worth is not Worth.TRUSTED:
            metrics.count(metrics.acs_enrichment, enrichment.worth.value)
            if enrichment.worth in (Worth.UNTRUSTED_SOURCE, Worth.MISMATCH):
                await self._alarm(f"enrichment.{enrichment.worth.value}", address)
            return Answer(511, what=enrichment.worth.value)
        if enrichment.imsi:
            household = await self._store.load_household("imsi", enrichment.imsi)
        else:
            household = await self._store.load_household("msisdn", enrichment.msisdn)
        if household is None:
            metrics.count(metrics.acs_enrichment, "unknown_subscriber")
            return Answer(self._settings.unknown_subscriber, what="unknown subscriber")
        subscriber = household.subscriber
        contradicts = contradiction(subscriber, "", enrichment.msisdn)
        if contradicts or enrichment.contradicted:
            metrics.count(metrics.acs_enrichment, "mismatch")
            await self._alarm("enrichment.mismatch", address, subscriber_id=subscriber.id)
        if contradicts:
            return Answer(403, what="the headers name two subscribers")
        if not enrichment.contradicted:
            metrics.count(metrics.acs_enrichment, "trusted")
        # A number with several SIMs does not tell which of them is in the phone.
        imsi = enrichment.imsi or (subscriber.imsi if len(subscriber.imsis) == 1 else "")
        cookie = await self._introductions.introduce(subscriber, imsi, self._clock())
        return Answer(200, cookie=cookie, what="introduced", traced=about(household, self._clock()))

    async def _provide(self, request: web.BaseRequest, leg: Leg, host: str, address: str) -> Answer:
        """The TLS leg: a document for a client that proves who it is."""
        question = self._question(request, host)
        if question is not None:
            owned = await self._store.load_owned(question.device_id)
            answer = await self._standing.ask((question, owned)) if owned else None
            if answer is not None:
                return answer
        posted = await read_body(request) if request.method == "POST" else b""
        call = self._call(request, posted, host, address, question)
        asked = call.asked
        moved = self._moved(request, "https", host, asked.imsi or asked.imei or asked.msisdn or address)
        if moved is not None:
            return moved
        for _ in range(TRIES):
            try:
                return await self._take_decision(call)
            except AuthError as error:
                return self._start_again(call, str(error))
            except Conflict:
                # A second request of this device was quicker, or the cookie is used up: look again.
                call = replace(call, now=self._clock())
        raise Unavailable("two requests of one device at once", self._settings.retry_after_seconds)

    def _question(self, request: web.BaseRequest, host: str) -> Question | None:
        """What may stand answered: a request that shows nothing but its query, at a server with time for it."""
        headers = request.headers
        if request.method == "POST" or hdrs.COOKIE in headers or hdrs.AUTHORIZATION in headers:
            return None
        return None if self._redirects or self._load.is_overloaded else question_of(query_of(request), host)

    async def _decide(self, call: Call) -> Answer:
        """Go by the order until something comes of it."""
        facts = facts_of(
            call.asked,
            releases=self._releases,
            has_cookie=bool(call.cookies),
            replies=[method.name for method in self._methods if method.is_reply(call)],
        )
        if self._load.is_overloaded:
            facts.add(Fact.OVERLOADED)
        why = "no proof of identity"
        while True:
            step = decide(facts)
            if step in UNCHALLENGED:
                # Only of a client that has nothing to show does it matter by what it could be challenged.
                suited = [method.name for method in self._methods if method.suits(call)]
                step = decide(facts | offers_of(call.asked, suited))
            check = self._checks.get(step)
            if check is None:
                return await self._challenge_or_refuse(step, call, why)
            try:
                found = await check.take(call)
                await next_stage()
            except AuthError as error:
                metrics.count(metrics.acs_proofs, check.by, "refused")
                if step is not Step.TAKE_TOKEN:
                    raise
                why = str(error)
                facts.discard(Fact.TOKEN)
                facts.add(Fact.TOKEN_REFUSED)
                continue
            if found is None:
                metrics.count(metrics.acs_proofs, check.by, "refused")
                facts.discard(Fact.COOKIE)
                continue
            if isinstance(found, Answer):
                return found
            metrics.count(metrics.acs_proofs, found.by, "accepted")
            answer = await self._provider.answer(found, call)
            if answer.status == 403 and found.by == "cookie":
                await self._alarm("identity.mismatch", call.peer, subscriber_id=found.household.subscriber.id)
            return answer

    async def _challenge_or_refuse(self, step: Step, call: Call, why: str) -> Answer:
        method = self._challenges.get(step)
        if method is None:
            return self._refuse(step, call, why)
        challenge = await method.challenge(call)
        metrics.count(metrics.acs_proofs, method.name, "challenged")
        return challenge

    def _refuse(self, step: Step, call: Call, why: str) -> Answer:
        """The answer of a step that lets nobody in."""
        if step is Step.NAME_RELEASES:
            spoken = ", ".join(self._settings.provisioning_versions)
            return Answer(406, headers=(("Supported-Versions", spoken),), what="another release")
        if step is Step.SHED:
            return self._shed()
        if step in (Step.DROP_TOKEN, Step.START_AGAIN):
            return self._start_again(call, why)
        return Answer(403, what=why)

    def _start_again(self, call: Call, why: str) -> Answer:
        """511, until this client has had so many of them that it seems to run in a circle.

        One that does not say who it is counts by what it shows: many clients may share an address, and each that was
        cut off in the middle comes back once with what it holds.
        """
        asked = call.asked
        shown = asked.token or (call.cookies[0] if call.cookies else "")
        key = f"{call.peer} {asked.imsi or asked.imei or asked.msisdn or shown}"
        wait = self._restarts.wait(key, time.monotonic())
        if not wait:
            return Answer(511, what=why)
        what = f"in a circle: {why}"
        if self._settings.after_restarts == 403:
            return Answer(403, what=what)
        return Answer(503, what=what, headers=(("Retry-After", str(spread(max(1, round(wait))))),))

    def _shed(self) -> Answer:
        metrics.count(metrics.shed, "acs")
        return Answer(503, what="overload", headers=(("Retry-After", str(spread(self._settings.retry_after_seconds))),))

    def _moved(self, request: web.BaseRequest, scheme: str, host: str, client: str) -> Answer | None:
        if not self._redirects:
            return None
        redirect = redirect_for(self._redirects, scheme, host, client)
        if redirect is None:
            return None
        return Answer(
            redirect.status, headers=(("Location", redirect.to + request.rel_url.raw_path_qs),), what="another server"
        )

    async def _alarm(self, kind: str, address: str, *, subscriber_id: str = "") -> None:
        """Leave an event for the operator; of many alike from one address only some."""
        if not self._alarms.wait(f"{kind} {address}", time.monotonic()):
            event = Event(at=self._clock(), kind=kind, subscriber_id=subscriber_id, detail={"address": address})
            await self._store.commit(Append(event))

    def _call(self, request: web.BaseRequest, body: bytes, host: str, address: str, question: Question | None) -> Call:
        """The request as the methods see it; a posted form is read like a query.

        Raises: DecodeError, LimitExceeded.
        """
        query, media_type = query_of(request), ""
        if request.method == "POST":
            media_type = request.content_type.lower()
            query = whole_query(request, body)
        return Call(
            parse_request(query, strict=self._settings.strict_vers),
            request.headers,
            read_cookies(request.headers.getall("Cookie", ()), self._settings.cookie_name),
            address,
            self._clock(),
            request.method,
            request.raw_path,
            media_type,
            body,
            self._settings.additional is not None and self._settings.additional.is_meant(host),
            question,
        )


def _told(answer: Answer) -> dict[str, int]:
    return {"mogate.rcc14.status": answer.status, "mogate.rcc14.octets": len(answer.document)}


async def read_body(request: web.BaseRequest) -> bytes:
    """The body of a request to an RCC.14 server, however often it is read. Raises: LimitExceeded."""
    known: bytes | None = request.get(_BODY)
    if known is not None:
        return known
    body = await request.content.read(MAX_BODY_BYTES + 1)
    while not request.content.at_eof() and len(body) <= MAX_BODY_BYTES:
        body += await request.content.read(MAX_BODY_BYTES + 1 - len(body))
    if len(body) > MAX_BODY_BYTES:
        raise LimitExceeded(f"a body over the limit of {MAX_BODY_BYTES} octets")
    request[_BODY] = body
    return body


def whole_query(request: web.BaseRequest, body: bytes) -> str:
    """The query as it was sent, with the form that was posted, if it was one.

    Clients that post a code without saying what their body is mean a form.
    """
    query = query_of(request)
    if not body or (request.headers.get("Content-Type") and request.content_type.lower() != FORM):
        return query
    body = body.strip()
    return f"{query}&{body.decode('latin-1')}" if query else body.decode("latin-1")
