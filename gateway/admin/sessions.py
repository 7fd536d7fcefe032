"""The admin API's routes for people at a browser: log in, log out, and the first user of all."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

from msgspec.structs import replace

from gateway.access.people import People, User
from gateway.access.roles import RESOURCES, Role
from gateway.admin.attempts import Attempts, Limit, limits
from gateway.admin.auth import SETUP_FILE, read_setup_token
from gateway.admin.caller import Caller, Callers, cookie_header
from gateway.admin.models.sessions import Credentials, FirstUser, LogInWays, NewPassword, SessionView
from gateway.admin.passwords import hash_password, is_password
from gateway.admin.routes import PUBLIC, SIGNED_IN, Call, Reply, Route
from gateway.errors import AuthError, Forbidden, NotFound, TooMany
from gateway.observe import metrics
from gateway.store.protocol import Store


class SessionRoutes:
    """Sessions of people. ``data`` is the directory that may hold a set-up token; ``pause`` holds an attempt back.

    ``provider`` is what the OpenID provider is called where people log in at one.
    """

    def __init__(
        self,
        store: Store,
        callers: Callers,
        data: Path,
        clock: Callable[[], datetime],
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        passwords: bool = True,
        provider: str = "",
    ) -> None:
        self._people = People(store)
        self._callers = callers
        self._attempts = Attempts(store)
        self._data = data
        self._clock = clock
        self._pause = pause
        self._ways = LogInWays(passwords=passwords, provider=provider)

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "POST", "/session", self.log_in, "Log in, for a browser: the session is in a cookie",
                takes=Credentials, gives=SessionView, needs=PUBLIC,
            ),
            Route("GET", "/session", self.show_session, "Who the caller is", gives=SessionView, needs=SIGNED_IN),
            Route("GET", "/session/ways", self.show_ways, "How people can log in", gives=LogInWays, needs=PUBLIC),
            Route("DELETE", "/session", self.log_out, "Log out", status=204, needs=SIGNED_IN),
            Route(
                "PUT", "/session/password", self.change_password, "Change one's own password; all sessions end",
                takes=NewPassword, status=204, needs=SIGNED_IN,
            ),
            Route(
                "POST", "/setup", self.set_up, "Make the first administrator, with the set-up token, and log in",
                takes=FirstUser, gives=SessionView, status=201, needs=PUBLIC,
            ),
        )  # fmt: skip

    async def show_ways(self, _: Call) -> LogInWays:
        """How people can log in."""
        return self._ways

    async def log_in(self, call: Call) -> Reply:
        """Begin a session."""
        body: Credentials = call.body
        self._check_passwords()
        user = await self._prove(body.name, body.password, call.caller)
        return await self._begun(user, call.caller)

    async def show_session(self, call: Call) -> SessionView:
        """Who the caller is, and what a browser has to send with every change."""
        return _view(call.caller)

    async def log_out(self, call: Call) -> Reply:
        """End the session of the cookie."""
        await self._callers.end(call.caller)
        return Reply(None, {"Set-Cookie": cookie_header("", 0, secure=call.caller.secure)})

    async def change_password(self, call: Call) -> None:
        """Change one's own password."""
        body: NewPassword = call.body
        if call.caller.by != "password":
            raise Forbidden("only a person who logs in with a password has one here")
        name = call.caller.name.removeprefix("user:")
        user = await self._prove(name, body.old, call.caller)
        await self._people.save(replace(user, password_hash=await hash_password(body.new)))

    async def set_up(self, call: Call) -> Reply:
        """Make the first user."""
        body: FirstUser = call.body
        self._check_passwords()
        now, bounds = self._clock(), limits("", call.caller.address)
        await self._admit(bounds, now)
        token = read_setup_token(self._data)
        if not token or await self._people.users():
            raise Forbidden("this gateway is set up; an administrator makes further users")
        if not hmac.compare_digest(body.token.encode("utf-8", "surrogatepass"), token.encode()):
            await self._attempts.failed(bounds, now)
            raise AuthError(f"this is not the set-up token; it is in {SETUP_FILE} of the data directory")
        user = User(name=body.name, role=Role.ADMIN, password_hash=await hash_password(body.password), created_at=now)
        await self._people.save(user)
        (self._data / SETUP_FILE).unlink(missing_ok=True)
        return await self._begun(replace(user, revision=1), call.caller)

    def _check_passwords(self) -> None:
        """Raises: Forbidden where people have none."""
        if not self._ways.passwords:
            raise Forbidden(
                f"nobody logs in with a password here: admin.passwords refuses it; use {self._ways.provider}"
            )

    async def _prove(self, name: str, password: str, caller: Caller) -> User:
        """The user, who gave the right password."""
        now, bounds = self._clock(), limits(name, caller.address)
        await self._admit(bounds, now)
        try:
            user: User | None = await self._people.user(name)
        except NotFound:
            user = None
        good = await is_password(password, user.password_hash if user else "")
        if user is None or not good or user.disabled:
            await self._attempts.failed(bounds, now)
            metrics.count(metrics.admin_logins, "refused")
            raise AuthError("the name or the password is wrong")
        metrics.count(metrics.admin_logins, "ok")
        return user

    async def _admit(self, bounds: tuple[Limit, ...], now: datetime) -> None:
        try:
            seconds = await self._attempts.admit(bounds, now)
        except TooMany:
            metrics.count(metrics.admin_logins, "throttled")
            raise
        if seconds:
            await self._pause(seconds)

    async def _begun(self, user: User, caller: Caller) -> Reply:
        cookie, session = await self._callers.begin(user, self._clock())
        known = caller._replace(
            name=f"user:{user.name}", permissions=user.permissions, tenant=user.tenant, role=user.role.value,
            by="password", csrf=session.csrf,
        )  # fmt: skip
        return Reply(
            _view(known), {"Set-Cookie": cookie_header(cookie, self._callers.session_seconds, secure=caller.secure)}
        )


def _view(caller: Caller) -> SessionView:
    return SessionView(
        name=caller.name,
        role=caller.role,
        tenant=caller.tenant,
        by=caller.by,
        permissions=sorted(
            f"{resource}:{verb}"
            for resource in RESOURCES
            for verb in ("read", "write")
            if caller.may(f"{resource}:{verb}")
        ),
        csrf=caller.csrf,
    )
