"""Standing beside another RCC.14 server: it answers, and what the gateway would have answered is compared with that.

Clients' requests are passed on as they are and get the other server's answers. What is compared is worked out after an
answer has gone, from what is in the store, and nothing of it is written but the finding.

Spec: RCC.14 2.2 (responses), VERS
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from aiohttp import web
from msgspec.structs import replace

from adapters.provisioning.comparison import DIFFER_ANYWAY, compare_documents, has_configuration
from adapters.provisioning.document import MAX_BYTES, Characteristic, parse_document
from adapters.rcc14.devices import described, find_device, new_device
from adapters.rcc14.documents import Documents
from adapters.rcc14.handlers import Leg, read_body, whole_query
from adapters.rcc14.identity.enrichment import Enrichment, HeaderNames, Worth, read_enrichment
from adapters.rcc14.messages import Request, parse_request
from adapters.rcc14.proving.proof import load_claimed
from gateway.errors import DecodeError, LimitExceeded
from gateway.fleet.activation import service_state
from gateway.fleet.subscriber import ServiceState
from gateway.inventory import next_device_id
from gateway.observe import metrics
from gateway.observe.requests import OTHER, http_route
from gateway.peers import client_address, is_trusted
from gateway.serving.front import Handler, Response
from gateway.serving.upstream import REFUSED, Passed, Upstream, observe, refusal
from gateway.settings import Rcc14
from gateway.shadow import MAX_WAITING, Difference, Finding, Findings, Outcome, finding_id, watch
from gateway.store.protocol import Store

MAX_KNOWN = 50_000

_ROUTE = http_route("acs_shadow", OTHER)


class Exchange(NamedTuple):
    """A request with the other server's answer, to be compared."""

    asked: Request
    shown: tuple[str, ...]
    vouched: Enrichment
    host: str
    answer: Passed
    at: datetime


class Rcc14Shadow:
    """The front end in front of another server; ``upstreams`` are its legs by whether they are the secure one."""

    def __init__(
        self,
        store: Store,
        documents: Documents,
        settings: Rcc14,
        findings: Findings,
        *,
        upstreams: Mapping[bool, Upstream],
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._documents = documents
        self._settings = settings
        self._findings = findings
        self._upstreams = upstreams
        self._clock = clock
        self._names = HeaderNames.of(settings.imsi_headers, settings.msisdn_headers)
        self._waiting: asyncio.Queue[Exchange] = asyncio.Queue(MAX_WAITING)
        self._known: OrderedDict[bytes, tuple[str, str]] = OrderedDict()

    @property
    def legs(self) -> frozenset[bool]:
        """The legs there are: True for the secure one."""
        return frozenset(self._upstreams)

    def handler(self, leg: Leg) -> Handler:
        """What answers every request of a listener."""
        upstream = self._upstreams[leg.secure]

        async def handle(request: web.BaseRequest) -> Response:
            return await self._handle(leg, upstream, request)

        return handle

    async def _handle(self, leg: Leg, upstream: Upstream, request: web.BaseRequest) -> Response:
        started = time.perf_counter()
        peer = address = request.remote or ""
        if leg.proxies:
            address = client_address(peer, request.headers.getall("X-Forwarded-For", ()), leg.proxies)
        response = await self._answer(leg, upstream, request, peer, address)
        observe(_ROUTE, request, response.status, started, secure=leg.secure)
        return response

    async def _answer(
        self, leg: Leg, upstream: Upstream, request: web.BaseRequest, peer: str, address: str
    ) -> Response:
        if leg.secure and not leg.ends_tls and not is_trusted(peer, leg.proxies):
            return Response(403)
        # The other server believes what comes from here: nobody else's word on who calls may go along.
        believed = not leg.secure and is_trusted(peer, leg.gateways)
        try:
            body = await read_body(request)
            without = frozenset() if believed else self._names.as_strangers_write
            answer = await upstream.ask(request, body, address=address, without=without)
        except REFUSED as error:
            return refusal(error)
        self._note(leg, request, body, peer, answer)
        return Response(answer.status, answer.body, answer.headers)

    def _note(self, leg: Leg, request: web.BaseRequest, body: bytes, peer: str, answer: Passed) -> None:
        """Put the exchange where it waits to be compared; whatever is wrong with it is no client's concern."""
        try:
            asked = parse_request(whole_query(request, body))
            cookies = [one for values in request.headers.getall("Cookie", ()) for one in _cookie_values(values)]
            vouched = Enrichment(Worth.MISSING)
            if not leg.secure:
                vouched = read_enrichment(peer, request.headers.items(), self._names, leg.gateways)
            shown = (*cookies, *([asked.token] if asked.token else []))
            self._waiting.put_nowait(
                Exchange(asked, shown, vouched, request.headers.get("Host", ""), answer, self._clock())
            )
        except asyncio.QueueFull:
            metrics.count(metrics.shadow, "rcc14", "left_out")
        except (DecodeError, LimitExceeded):
            metrics.count(metrics.shadow, "rcc14", "not_compared")

    async def watch(self) -> None:
        """Compare what waits, for ever."""
        await watch(self._waiting, self.compare, "rcc14")

    async def compare(self, exchange: Exchange) -> None:
        """Compare one answer with what would have been said here, and note what that gives.

        Raises: Unavailable.
        """
        if exchange.vouched.worth is Worth.TRUSTED:
            for cookie in _cookies_set(exchange.answer):
                self._remember(cookie, exchange.vouched.imsi, exchange.vouched.msisdn)
        finding = await self._finding(exchange)
        if finding is not None:
            await self._findings.note(finding)

    async def _finding(self, exchange: Exchange) -> Finding | None:
        """None for an exchange that is no answer yet: a step on the way to one."""
        status = exchange.answer.status
        if status not in (200, 403) or (status == 200 and not exchange.answer.body):
            return None
        asked = self._claimed(exchange)
        household = await load_claimed(self._store, asked)
        if household is None:
            if not (asked.imsi or asked.msisdn):
                return None if status == 403 else self._about(exchange, asked, "not_compared", why="names nobody")
            outcome: Outcome = "unknown" if status == 200 else "same"
            return self._about(exchange, asked, outcome, subscriber=asked.imsi or asked.msisdn)
        device = find_device(household.devices, asked) or new_device(next_device_id(household), asked)
        device = described(device, asked)
        state = service_state(household.subscriber, device)
        about = functools.partial(self._about, exchange, asked, subscriber=household.subscriber.id, device=device.id)
        if status == 403:
            return about("differing", differences=(Difference("status", "HTTP", "403", "200"),))
        try:
            theirs = parse_document(exchange.answer.content(MAX_BYTES))
        except DecodeError as error:
            return about("not_compared", why=str(error))
        if token := _parm(theirs, "TOKEN", "token"):
            self._remember(token, asked.imsi, asked.msisdn)
        if found := _states(theirs, state):
            return about("differing", differences=found)
        if not has_configuration(theirs):
            return about("unchanged")
        additional = self._settings.additional is not None and self._settings.additional.is_meant(exchange.host)
        ours = self._documents.preview(
            household.subscriber, device, asked.layout, apps=asked.apps, additional=additional
        )
        compared = compare_documents(theirs, parse_document(ours))
        telling = tuple(Difference(*one) for one in compared if one.kind not in DIFFER_ANYWAY)
        return about("differing" if telling else "same", differences=telling)

    def _about(
        self,
        exchange: Exchange,
        asked: Request,
        outcome: Outcome,
        *,
        subscriber: str = "",
        device: str = "",
        why: str = "",
        differences: tuple[Difference, ...] = (),
    ) -> Finding:
        about = asked.about.get
        client = (asked.imei, about("terminal_vendor", ""), about("terminal_model", ""), about("client_vendor", ""))
        return Finding(
            id=finding_id(subscriber, *client, asked.layout, *asked.apps),
            at=exchange.at,
            outcome=outcome,
            subscriber=subscriber,
            device=device or asked.imei,
            why=why,
            differences=differences,
        )

    def _claimed(self, exchange: Exchange) -> Request:
        """The request with the identities that go with what it shows, where it does not say them itself."""
        asked = exchange.asked
        if exchange.vouched.worth is Worth.TRUSTED:
            return replace(asked, imsi=exchange.vouched.imsi, msisdn=exchange.vouched.msisdn)
        if asked.imsi or asked.msisdn:
            return asked
        for secret in exchange.shown:
            imsi, msisdn = self._known.get(_digest(secret), ("", ""))
            if imsi or msisdn:
                return replace(asked, imsi=imsi, msisdn=msisdn)
        return asked

    def _remember(self, secret: str, imsi: str, msisdn: str) -> None:
        """Whose a cookie or a token of the other server's is; kept here only, and of so many."""
        self._known[_digest(secret)] = (imsi, msisdn)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)


def _states(theirs: Characteristic, state: ServiceState) -> tuple[Difference, ...]:
    """In what the service is on with one of the two and off with the other, as VERS says it."""
    version = _parm(theirs, "VERS", "version").strip()
    off = version.startswith("-") or version == "0"
    if off == (state is not ServiceState.ACTIVE):
        return ()
    said = version if off else "active"
    return (Difference("state", "VERS/version", said, state.name.lower()),)


def _parm(document: Characteristic, kind: str, name: str) -> str:
    """One parm of the first characteristic of that type below the root; empty when it is not there."""
    for one in document.characteristics:
        if one.type.upper() == kind:
            return next((parm.value for parm in one.parms if parm.name.lower() == name), "")
    return ""


def _cookie_values(header: str) -> list[str]:
    return [one.partition("=")[2].strip() for one in header.split(";") if "=" in one]


def _cookies_set(answer: Passed) -> list[str]:
    return [one.partition(";")[0].partition("=")[2].strip() for one in answer.headers.getall("Set-Cookie", ())]


def _digest(secret: str) -> bytes:
    return hashlib.blake2b(secret.encode("utf-8", "replace"), digest_size=16).digest()
