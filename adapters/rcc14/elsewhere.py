"""While a fleet moves here by ranges of numbers: who is not served here yet gets an answer of the server before.

It stands in front of the front end, and only where there are ranges.

Spec: RCC.14 2.2 (responses: redirection)
"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime

from aiohttp import web

from adapters.rcc14.cutover import Cutover
from adapters.rcc14.handlers import Leg, read_body, whole_query
from adapters.rcc14.identity.eap_aka import permanent_imsi
from adapters.rcc14.identity.enrichment import HeaderNames, Worth, read_enrichment
from adapters.rcc14.identity.token import device_of
from adapters.rcc14.messages import parse_request
from adapters.rcc14.proving.cookie import read_cookies
from adapters.rcc14.proving.proof import cookie_key
from gateway.errors import DecodeError
from gateway.fleet import old_token
from gateway.observe import metrics
from gateway.observe.requests import OTHER, HttpRoute, http_route
from gateway.peers import client_address, is_trusted
from gateway.serving.front import Handler, Response
from gateway.serving.upstream import REFUSED, Upstream, observe, refusal
from gateway.settings import Rcc14
from gateway.store.protocol import Household, Store

_OWN_COOKIE = re.compile(r"[A-Za-z0-9_-]{24}", re.ASCII)
"""What every cookie of this server looks like, whichever way of proof it belongs to."""


class Rcc14Elsewhere:
    """The way to ``here``, the front end, for those whose numbers are served here; all others get to ``upstreams``.

    Those are both legs of the server before, by whether they are the secure one.
    """

    def __init__(
        self,
        here: Callable[[Leg, str], Handler],
        store: Store,
        settings: Rcc14,
        cutover: Cutover,
        *,
        upstreams: Mapping[bool, Upstream],
        clock: Callable[[], datetime],
    ) -> None:
        self._here = here
        self._store = store
        self._cookie_name = settings.cookie_name
        self._names = HeaderNames.of(settings.imsi_headers, settings.msisdn_headers)
        self._cutover = cutover
        self._upstreams = upstreams
        self._clock = clock

    def adopt(self, cutover: Cutover) -> None:
        """Go by these ranges from now on."""
        self._cutover = cutover

    def handler(self, leg: Leg, path: str = OTHER) -> Handler:
        """The handler of a listener's GET at that path, and on a TLS leg POST."""
        here, upstream = self._here(leg, path), self._upstreams[leg.secure]
        return functools.partial(self._handle, leg, http_route("acs", path), here, upstream)

    async def _handle(
        self, leg: Leg, route: HttpRoute, here: Handler, upstream: Upstream, request: web.BaseRequest
    ) -> web.StreamResponse:
        started = time.perf_counter()
        cutover, peer = self._cutover, request.remote or ""
        believed = False
        try:
            if not leg.secure:
                vouched = read_enrichment(peer, request.headers.items(), self._names, leg.gateways)
                believed = vouched.worth is Worth.TRUSTED
                served = await self._serves(cutover, vouched.imsi, vouched.msisdn)
            elif leg.ends_tls or is_trusted(peer, leg.proxies):
                served = await self._serves_client(cutover, request)
            else:
                served = True
        except (DecodeError, *REFUSED):
            # What is wrong with it the front end says.
            served = True
        if served:
            return await here(request)
        response = await self._elsewhere(cutover, leg, upstream, request, peer, believed=believed)
        metrics.count(metrics.acs_elsewhere, cutover.by)
        observe(route, request, response.status, started, secure=leg.secure, what=f"not served here: {cutover.by}")
        return response

    async def _elsewhere(
        self, cutover: Cutover, leg: Leg, upstream: Upstream, request: web.BaseRequest, peer: str, *, believed: bool
    ) -> Response:
        if cutover.by == "redirect":
            return Response(307, headers={"Location": upstream.url_of(request), "Cache-Control": "no-store"})
        address = peer
        if leg.proxies:
            address = client_address(peer, request.headers.getall("X-Forwarded-For", ()), leg.proxies)
        # The other server believes what comes from here: nobody else's word on who calls may go along.
        without = frozenset() if believed else self._names.as_strangers_write
        try:
            body = await read_body(request) if request.method == "POST" else b""
            answer = await upstream.ask(request, body, address=address, without=without)
        except REFUSED as error:
            return refusal(error)
        return Response(answer.status, answer.body, answer.headers)

    async def _serves_client(self, cutover: Cutover, request: web.BaseRequest) -> bool:
        """Whether a client of the TLS leg is served here. One that has something of this server's goes on with it.

        Raises: DecodeError, LimitExceeded, Unavailable.
        """
        body = await read_body(request) if request.method == "POST" else b""
        asked = parse_request(whole_query(request, body))
        imsi = asked.imsi or permanent_imsi(asked.eap_id.encode("utf-8", "replace"))
        if imsi or asked.msisdn:
            return await self._serves(cutover, imsi, asked.msisdn)
        cookies = read_cookies(request.headers.getall("Cookie", ()), self._cookie_name)
        household = await self._household_shown(cookies, asked.token)
        if household is not None:
            return _serves_household(cutover, household)
        return any(map(_OWN_COOKIE.fullmatch, cookies)) or cutover.default == "here"

    async def _serves(self, cutover: Cutover, imsi: str, msisdn: str) -> bool:
        """Whether whoever has these numbers is served here, by the numbers on record where these do not tell."""
        served = cutover.serves((imsi,), msisdn)
        if served is not None:
            return served
        household = await self._store.load_household("imsi", imsi) if imsi else None
        if household is None and msisdn:
            household = await self._store.load_household("msisdn", msisdn)
        return cutover.default == "here" if household is None else _serves_household(cutover, household)

    async def _household_shown(self, cookies: tuple[str, ...], token: str) -> Household | None:
        """Whose a cookie of the plain leg or a token is; None when it is nobody's here."""
        for cookie in cookies:
            if (known := await self._store.load_ephemeral(cookie_key(cookie), self._clock())) is not None:
                return await self._store.load_household("id", known.decode().partition(" ")[0])
        if not token:
            return None
        subscriber_id = device_of(token).rpartition(".")[0]
        household = await self._store.load_household("id", subscriber_id) if subscriber_id else None
        if household is None:
            kept = await self._store.load_ephemeral(old_token.key_of(token), self._clock())
            if kept is not None:
                household = await self._store.load_household("id", old_token.decode(kept).subscriber_id)
        return household


def _serves_household(cutover: Cutover, household: Household) -> bool:
    served = cutover.serves(household.subscriber.imsis, household.subscriber.msisdn)
    return cutover.default == "here" if served is None else served
