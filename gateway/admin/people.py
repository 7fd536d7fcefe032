"""The admin API's routes for those who may use it: people with a role, and tokens for programs."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from gateway.access.people import People, Token, User
from gateway.access.roles import PERMISSIONS, Role
from gateway.admin.models.people import IssuedToken, NewToken, NewUser, TokenView, UserChange, UserView
from gateway.admin.passwords import hash_password
from gateway.admin.routes import Call, Route
from gateway.errors import ConfigError, Conflict, Forbidden
from gateway.store.protocol import Store


class PeopleRoutes:
    """Users and tokens. Nobody can give what he does not have himself."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._people = People(store)
        self._clock = clock

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route("GET", "/users", self.list_users, "People who may use the API", gives=UserView, many=True),
            Route(
                "POST", "/users", self.create_user, "Let a person use the API", takes=NewUser, gives=UserView,
                status=201,
            ),
            Route("GET", "/users/{name}", self.show_user, "One person", gives=UserView),
            Route(
                "PATCH", "/users/{name}", self.change_user, "Change a person's role, tenant or password",
                takes=UserChange, gives=UserView,
            ),
            Route("DELETE", "/users/{name}", self.delete_user, "Remove a person; their sessions end", status=204),
            Route("GET", "/tokens", self.list_tokens, "Tokens of programs", gives=TokenView, many=True),
            Route(
                "POST", "/tokens", self.create_token, "Make a token; it is shown this once", takes=NewToken,
                gives=IssuedToken, status=201,
            ),
            Route("GET", "/tokens/{id}", self.show_token, "One token, without its secret", gives=TokenView),
            Route("DELETE", "/tokens/{id}", self.delete_token, "Revoke a token", status=204),
        )  # fmt: skip

    async def list_users(self, _: Call) -> Sequence[UserView]:
        """All users, by name."""
        return [_user_view(user) for user in await self._people.users()]

    async def create_user(self, call: Call) -> UserView:
        """Create one user."""
        body: NewUser = call.body
        password_hash = await hash_password(body.password) if body.password else ""
        role = Role(body.role)
        _check_gives(call, PERMISSIONS[role])
        user = User(
            name=body.name, role=role, tenant=body.tenant, password_hash=password_hash, created_at=self._clock()
        )
        try:
            await self._people.save(user)
        except Conflict:
            raise Conflict(f"there is a user {body.name!r} already; change or delete that one") from None
        return _user_view(user)

    async def show_user(self, call: Call) -> UserView:
        """One user."""
        return _user_view(await self._people.user(call.path["name"]))

    async def change_user(self, call: Call) -> UserView:
        """Change what is given of one user."""
        body: UserChange = call.body
        known = await self._people.user(call.path["name"])
        if body.password is not None and known.subject:
            raise ConfigError(f"{known.name} logs in at the OpenID provider and has no password here", key="password")
        changes = body.model_dump(exclude_none=True, exclude={"password"})
        if body.role is not None:
            changes["role"] = Role(body.role)
            _check_gives(call, PERMISSIONS[changes["role"]])
        if body.password is not None:
            changes["password_hash"] = await hash_password(body.password)
        user = replace(known, **changes)
        await self._people.save(user)
        return _user_view(user)

    async def delete_user(self, call: Call) -> None:
        """Remove one user."""
        await self._people.remove(await self._people.user(call.path["name"]))

    async def list_tokens(self, _: Call) -> Sequence[TokenView]:
        """All tokens."""
        return [_token_view(token) for token in await self._people.tokens()]

    async def create_token(self, call: Call) -> IssuedToken:
        """Create one token."""
        body: NewToken = call.body
        permissions = PERMISSIONS[Role(body.role)] if body.role else frozenset(body.permissions)
        _check_gives(call, permissions)
        now, secret = self._clock(), secrets.token_urlsafe(32)
        token = Token(
            id=secrets.token_hex(6),
            name=body.name,
            digest=hashlib.sha256(secret.encode()).digest(),
            permissions=tuple(sorted(permissions)),
            tenant=body.tenant,
            networks=tuple(map(str, body.networks)),
            created_by=call.caller.name,
            created_at=now,
            expires_at=now + timedelta(days=body.days) if body.days else None,
        )
        await self._people.save(token)
        return IssuedToken(token=f"{token.id}.{secret}", **_token_view(token).model_dump())

    async def show_token(self, call: Call) -> TokenView:
        """One token."""
        return _token_view(await self._people.token(call.path["id"]))

    async def delete_token(self, call: Call) -> None:
        """Revoke one token."""
        await self._people.remove(await self._people.token(call.path["id"]))


def _check_gives(call: Call, permissions: frozenset[str]) -> None:
    """Raises: Forbidden when the caller would give more than he has."""
    if missing := sorted(one for one in permissions if not call.caller.may(one)):
        raise Forbidden(f"{call.caller.name} cannot give {', '.join(missing)}, which it does not have")


def _user_view(user: User) -> UserView:
    return UserView(**{name: getattr(user, name) for name in UserView.model_fields})


def _token_view(token: Token) -> TokenView:
    return TokenView(**{name: getattr(token, name) for name in TokenView.model_fields})
