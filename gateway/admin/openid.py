"""Log-in of people at an OpenID provider: a browser is sent there, comes back with a code, and gets a session.

What the return is known by is in a cookie that only this gateway can open, so that a stranger who begins log-ins leaves
nothing in the store. Tokens of the provider stay in memory for as long as it takes to read them.

Spec: OpenID Connect Core 3.1, OpenID Connect RP-Initiated Logout 1.0, RFC 9700 (OAuth 2.0 security)
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from html import escape
from typing import Any

import msgspec
from aiohttp import web
from msgspec.structs import replace

from gateway.access.audit import Entry, changes, written
from gateway.access.openid import Person, person_in
from gateway.access.people import People, User
from gateway.admin.assets import HEADERS
from gateway.admin.attempts import Attempts, address_limits
from gateway.admin.caller import Callers, cookie_header, origin
from gateway.errors import AuthError, ConfigError, Forbidden, MogateError, NotFound, TooMany, Unavailable
from gateway.observe import metrics
from gateway.observe.logs import logger
from gateway.openid.flow import Attempt, is_return_of, with_query
from gateway.openid.provider import OpenidProvider, new_attempt
from gateway.sealing import Sealer
from gateway.settings.people import RETURN_PATH, PeopleOpenid
from gateway.store.protocol import Store

LEAVE_PATH, LOG_OUT_PATH = "/openid/leave", "/openid/log-out"
COOKIE = "mogate_log_in"
CONSOLE = "../console/"
MAX_PLACE = 300
_PURPOSE = "admin-openid"
_PLACE = re.compile(r"/[\w./?=&%@:+-]*", re.ASCII)
_STATUS_OF: tuple[tuple[type[MogateError], int], ...] = ((TooMany, 429), (Unavailable, 503))
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>MOGate: {title}</title><link rel="stylesheet" href="{console}style.css"></head>
<body><main class="login"><h1>{title}</h1><p role="alert">{text}</p><p><a href="{console}">Back to the console</a></p>
</main></body></html>
"""


class Leaving(msgspec.Struct, frozen=True):
    """A browser that is away at the provider: what its return is known by, and the place that it wants to get to."""

    attempt: Attempt
    place: str
    until: datetime


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Leaving).decode


class OpenidFront:
    """The pages of the log-in at one provider."""

    def __init__(
        self,
        store: Store,
        callers: Callers,
        provider: OpenidProvider,
        rules: PeopleOpenid,
        sealer: Sealer,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._people = People(store)
        self._attempts = Attempts(store)
        self._callers = callers
        self._provider = provider
        self._rules = rules
        self._sealer = sealer
        self._clock = clock

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Serve the pages."""
        router.add_get(LEAVE_PATH, self.handle_leave)
        router.add_get(RETURN_PATH, self.handle_return)
        router.add_get(LOG_OUT_PATH, self.handle_log_out)

    async def handle_leave(self, request: web.Request) -> web.Response:
        """Send the browser to the provider. ``to`` is the place in the console that it wants to get to."""
        now = self._clock()
        attempt, place = new_attempt(), request.query.get("to", "")
        try:
            location = await self._provider.leave(attempt, now)
        except Unavailable as error:
            return self._refused(error)
        leaving = Leaving(attempt, place if _is_place(place) else "", now + timedelta(seconds=self._rules.seconds))
        sealed = base64.urlsafe_b64encode(self._sealer.seal(_encode(leaving), _PURPOSE)).decode()
        return _redirect(location, self._cookie(request, sealed, self._rules.seconds))

    async def handle_return(self, request: web.Request) -> web.Response:
        """Begin a session for whom the provider sends back, or say why there is none."""
        address, secure = origin(request)
        now, bounds = self._clock(), address_limits(address)
        forget = self._cookie(request, "", 0)
        try:
            await self._attempts.admit(bounds, now)
            leaving = self._left(request, now)
            person = person_in(await self._said(request, leaving, now), self._rules)
            user, entry = await self._user(person, now, Entry(at=now, who="", address=address, path=request.path))
        except (AuthError, Forbidden, Unavailable) as error:
            if isinstance(error, AuthError):
                await self._attempts.failed(bounds, now)
            if isinstance(error, Forbidden):
                refused = Entry(at=now, who="", address=address, action="log_in", path=request.path, status=403)
                await self._store.commit(*written(replace(refused, reason=str(error)), secrets.token_hex(4)))
            return self._refused(error, forget)
        cookie, _ = await self._callers.begin(user, now, *written(entry, secrets.token_hex(4)))
        metrics.count(metrics.admin_logins, "ok")
        session = cookie_header(cookie, self._callers.session_seconds, secure=secure)
        return _redirect(f"{CONSOLE}{leaving.place and '#' + leaving.place}", forget, session)

    async def handle_log_out(self, request: web.Request) -> web.Response:
        """Send a browser whose session has ended to the provider, where that can end the one there."""
        try:
            location = await self._provider.offered("end_session_endpoint", self._clock())
        except Unavailable:
            return self._page(
                503, "Signed out here", f"{self._rules.name} does not answer: you may still be signed in there."
            )
        if not location:
            return _redirect(CONSOLE)
        back = self._rules.redirect_uri.removesuffix(RETURN_PATH) + "/"
        return _redirect(with_query(location, {"client_id": self._rules.client_id, "post_logout_redirect_uri": back}))

    def _left(self, request: web.Request, now: datetime) -> Leaving:
        """What the browser took along. Raises: AuthError when the return is not of this browser, or not in time."""
        try:
            leaving = _decode(
                self._sealer.unseal(base64.urlsafe_b64decode(request.cookies.get(COOKIE, "").encode()), _PURPOSE)
            )
        except (ConfigError, binascii.Error, ValueError, msgspec.MsgspecError):
            raise AuthError("no log-in was begun in this browser") from None
        if leaving.until <= now:
            raise AuthError(f"the log-in took longer than {self._rules.seconds} seconds")
        if not is_return_of(leaving.attempt, request.query.get("state", "")):
            raise AuthError("the answer belongs to another log-in than the one begun last in this browser")
        return leaving

    async def _said(self, request: web.Request, leaving: Leaving, now: datetime) -> Any:
        """The claims that the answer leads to. Raises: AuthError, Unavailable."""
        if request.query.get("iss", self._provider.issuer) != self._provider.issuer:
            raise AuthError("the answer is another provider's")
        code = request.query.get("code", "")
        if not code:
            why = re.sub(r"[^a-z_]", "", request.query.get("error", ""))[:40]
            raise AuthError(f"the provider let nobody in ({why or 'no code'})")
        return await self._provider.redeem(leaving.attempt, code, now, with_userinfo=self._rules.userinfo)

    async def _user(self, person: Person, now: datetime, entry: Entry) -> tuple[User, Entry]:
        """The user to keep for this person, and what to write down. Raises: Forbidden."""
        try:
            known = await self._people.user(person.name)
        except NotFound:
            known = None
        if known is not None and known.subject != person.subject:
            raise Forbidden(
                f"there is a user {person.name} here who is somebody else, or logs in with a password;"
                f" an administrator removes that one first: mogate user remove {person.name}"
            )
        if known is not None and known.disabled:
            raise Forbidden(f"{person.name} is disabled here; an administrator can change that")
        before = known or User(name=person.name, role=person.role, subject=person.subject, created_at=now)
        user = replace(before, role=person.role, tenant=person.tenant)
        was, after = changes(
            {"role": known.role, "tenant": known.tenant} if known else {}, {"role": user.role, "tenant": user.tenant}
        )
        return user, replace(
            entry, who=f"user:{user.name}", role=user.role.value, tenant=user.tenant, action="log_in",
            subject=user.name, status=302, before=was, after=after,
        )  # fmt: skip

    def _cookie(self, request: web.Request, value: str, seconds: int) -> str:
        # Lax, for the return comes from another site.
        return cookie_header(value, seconds, name=COOKIE, same_site="Lax", secure=origin(request)[1])

    def _refused(self, error: MogateError, *cookies: str) -> web.Response:
        status = next((status for kind, status in _STATUS_OF if isinstance(error, kind)), 403)
        metrics.count(metrics.admin_logins, "refused")
        logger().warning("openid_log_in_refused", status=status, why=type(error).__name__)
        again = "" if isinstance(error, Forbidden) else " Try again, or sign in another way."
        return self._page(status, f"Not signed in with {self._rules.name}", f"Reason: {error}.{again}", *cookies)

    def _page(self, status: int, title: str, text: str, *cookies: str) -> web.Response:
        body = _PAGE.format(title=escape(title), text=escape(text), console=CONSOLE)
        response = web.Response(status=status, text=body, content_type="text/html", headers=HEADERS)
        for cookie in cookies:
            response.headers.add("Set-Cookie", cookie)
        return response


def _is_place(text: str) -> bool:
    """Whether the text is a place in the console: it becomes a fragment and never part of another address."""
    return len(text) <= MAX_PLACE and _PLACE.fullmatch(text) is not None


def _redirect(location: str, *cookies: str) -> web.Response:
    response = web.Response(status=302, headers={"Location": location, "Cache-Control": "no-store"})
    for cookie in cookies:
        response.headers.add("Set-Cookie", cookie)
    return response
