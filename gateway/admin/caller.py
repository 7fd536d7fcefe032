"""Who calls the admin API: found out from a token or from a browser's session, before anything else is looked at."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

import msgspec
from aiohttp import web
from msgspec.structs import replace

from gateway.access.people import People, Token, User
from gateway.access.roles import EVERYTHING, permits
from gateway.admin.auth import is_bearer
from gateway.errors import AuthError, Conflict, Forbidden, NotFound
from gateway.peers import Network, client_address, is_trusted
from gateway.store.protocol import PutEphemeral, Store, TakeEphemeral, Write

COOKIE = "mogate_session"
CSRF_HEADER = "X-CSRF-Token"
PROXIES = web.AppKey("proxies", tuple[Network, ...])
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
NOTED_SECONDS = 60
"""How old the note of a token's last use may get."""


class Caller(NamedTuple):
    """Whoever makes a request. ``name`` says user or token; ``tenant`` is the only one whose subscribers are theirs.

    ``csrf`` is what a browser's session has to send with every change, ``session`` the key that ends it.
    """

    name: str
    permissions: frozenset[str]
    tenant: str = ""
    address: str = ""
    role: str = ""
    secure: bool = False
    by: Literal["token", "password", "openid"] = "token"
    csrf: str = ""
    session: str = ""

    def may(self, needed: str) -> bool:
        """Whether this caller has the permission."""
        return permits(self.permissions, needed)


class Asked(NamedTuple):
    """What of a request tells who makes it."""

    method: str
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    address: str
    secure: bool


class Session(msgspec.Struct, frozen=True):
    """A browser's session: whose, begun with which password, and what it has to send with changes."""

    user: str
    proof: bytes
    csrf: str


_encode = msgspec.msgpack.Encoder().encode
_decode_session = msgspec.msgpack.Decoder(Session).decode


class Callers:
    """Finds out who calls. ``token_digest`` is the SHA-256 of the local administrator's token."""

    def __init__(
        self, store: Store, *, token_digest: bytes, clock: Callable[[], datetime], session_seconds: int
    ) -> None:
        self._store = store
        self._people = People(store)
        self._token_digest = token_digest
        self._clock = clock
        self.session_seconds = session_seconds

    async def identify(self, asked: Asked) -> Caller:
        """Who asks.

        Raises: AuthError when nothing good says who, Forbidden when a browser changes something without its CSRF token.
        """
        if authorization := asked.headers.get("Authorization", ""):
            if is_bearer(authorization, self._token_digest):
                return Caller("admin.token", EVERYTHING, "", asked.address, "admin")
            return await self._by_token(authorization, asked.address)
        if cookie := asked.cookies.get(COOKIE, ""):
            return await self._by_session(cookie, asked)
        raise AuthError(
            "send `Authorization: Bearer <token>` or log in at /api/v1/session; "
            "the local administrator's token is in admin.token of the data directory"
        )

    async def begin(self, user: User, now: datetime, *others: Write) -> tuple[str, Session]:
        """The cookie of a new session of that user, and the session; the user is saved with it, and others at once."""
        cookie = secrets.token_urlsafe(32)
        session = Session(user.name, user.proof, secrets.token_urlsafe(32))
        put = PutEphemeral(_key(cookie), _encode(session), now + timedelta(seconds=self.session_seconds))
        try:
            await self._people.save(replace(user, last_login_at=now), put, *others)
        except Conflict:  # the same user logs in elsewhere at this moment
            await self._store.commit(put, *others)
        return cookie, session

    async def end(self, caller: Caller) -> None:
        """End the session that the caller came with, if it was one."""
        with suppress(Conflict):
            await self._store.commit(TakeEphemeral(caller.session, self._clock()))

    async def _by_token(self, authorization: str, address: str) -> Caller:
        scheme, _, given = authorization.partition(" ")
        token_id, _, secret = given.strip().partition(".")
        now = self._clock()
        try:
            token = await self._people.token(token_id[:64]) if token_id else None
        except NotFound:
            token = None
        digest = hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
        good = hmac.compare_digest(digest, token.digest if token else bytes(32))
        if token is None or not good or scheme.lower() != "bearer" or not _is_of(address, token.networks):
            raise AuthError(
                "the token is wrong, was revoked, or may not be used from here; see admin.token, `mogate token list`"
            )
        if token.expires_at is not None and token.expires_at <= now:
            raise AuthError(f"the token {token.name} ended at {token.expires_at.isoformat()}; make a new one")
        await self._note_use(token, now)
        return Caller(f"token:{token.name}", frozenset(token.permissions), token.tenant, address)

    async def _note_use(self, token: Token, now: datetime) -> None:
        if token.last_used_at is None or now - token.last_used_at > timedelta(seconds=NOTED_SECONDS):
            with suppress(Conflict):  # another request noted the same
                await self._people.save(replace(token, last_used_at=now))

    async def _by_session(self, cookie: str, asked: Asked) -> Caller:
        key = _key(cookie)
        raw = await self._store.load_ephemeral(key, self._clock())
        if raw is None:
            raise AuthError("the session is over; log in again")
        session = _decode_session(raw)
        try:
            user = await self._people.user(session.user)
        except NotFound:
            raise AuthError("the user of this session was removed") from None
        if user.disabled or not hmac.compare_digest(user.proof, session.proof):
            raise AuthError("the session is over: the user was disabled or has a new password; log in again")
        given = asked.headers.get(CSRF_HEADER, "").encode("utf-8", "surrogateescape")
        if asked.method not in SAFE_METHODS and not hmac.compare_digest(given, session.csrf.encode()):
            raise Forbidden(f"a change by a browser needs the header {CSRF_HEADER} with `csrf` of GET /api/v1/session")
        return Caller(
            f"user:{user.name}", user.permissions, user.tenant, asked.address, user.role.value, asked.secure,
            "openid" if user.subject else "password", session.csrf, key,
        )  # fmt: skip


def origin(request: web.Request) -> tuple[str, bool]:
    """The address of the client, and whether it came over TLS: to the gateway, or to a proxy in front of it."""
    peer, proxies = request.remote or "", request.app[PROXIES]
    forwarded = request.headers.getall("X-Forwarded-For", ())
    return client_address(peer, forwarded, proxies), request.secure or is_trusted(peer, proxies)


def _key(cookie: str) -> str:
    """Under which a session is kept: nobody who reads the store can use it."""
    return "console/" + hashlib.sha256(cookie.encode("utf-8", "surrogateescape")).hexdigest()


def cookie_header(
    value: str, seconds: int, *, name: str = COOKIE, same_site: Literal["Strict", "Lax"] = "Strict", secure: bool
) -> str:
    """A cookie that no script reads, and that goes along with no request that another site's page makes."""
    end = "; Secure" if secure else ""
    return f"{name}={value}; HttpOnly; SameSite={same_site}; Path=/; Max-Age={seconds}{end}"


def _is_of(address: str, networks: tuple[str, ...]) -> bool:
    return not networks or any(ipaddress.ip_address(address) in ipaddress.ip_network(network) for network in networks)
