"""The people and programs that may use the admin API, as they are stored."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from gateway.access.roles import PERMISSIONS, Role
from gateway.errors import NotFound
from gateway.store.protocol import DeleteRecord, PutRecord, Record, Store, Write

MAX_PEOPLE = 1000
NAME = "[A-Za-z0-9][A-Za-z0-9._@-]{0,63}"
"""What a person can be called."""
USER, TOKEN = "access.user", "access.token"  # kinds of record


class User(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person. ``tenant`` empty is all.

    ``password_hash`` is Argon2's, and empty for one who logs in at the OpenID provider, which knows them as
    ``subject``.
    """

    name: str
    role: Role
    password_hash: str = ""
    subject: str = ""
    tenant: str = ""
    disabled: bool = False
    created_at: datetime
    last_login_at: datetime | None = None
    revision: int = 0

    @property
    def permissions(self) -> frozenset[str]:
        """What this person may do."""
        return PERMISSIONS[self.role]

    @property
    def proof(self) -> bytes:
        """Changes with the password, and with who it is at the provider: what was begun with another one is over."""
        return hashlib.sha256(f"{self.password_hash}{self.subject}".encode()).digest()


class Token(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A program's way in. The token itself is ``id.secret``; of the secret only the SHA-256 is kept.

    ``networks`` are the addresses it may come from (none: any). ``permissions`` are fixed when it is made.
    """

    id: str
    name: str
    digest: bytes
    permissions: tuple[str, ...]
    tenant: str = ""
    networks: tuple[str, ...] = ()
    created_by: str = ""
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revision: int = 0


Kept = TypeVar("Kept", User, Token)

_encode = msgspec.msgpack.Encoder().encode


class People:
    """Users and tokens in a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def user(self, name: str) -> User:
        """The user of that name. Raises: NotFound."""
        return await self._load(User, USER, name)

    async def token(self, token_id: str) -> Token:
        """The token with that id. Raises: NotFound."""
        return await self._load(Token, TOKEN, token_id)

    async def users(self) -> Sequence[User]:
        """All users, by name."""
        return [_decoded(User, one) for one in await self._store.load_records(USER, limit=MAX_PEOPLE)]

    async def tokens(self) -> Sequence[Token]:
        """All tokens, by id."""
        return [_decoded(Token, one) for one in await self._store.load_records(TOKEN, limit=MAX_PEOPLE)]

    async def save(self, one: User | Token, *others: Write) -> None:
        """Create (revision 0) or replace. Raises: Conflict."""
        await self._store.commit(PutRecord(_record(one)), *others)

    async def remove(self, one: User | Token) -> None:
        """Remove. Raises: Conflict."""
        await self._store.commit(DeleteRecord(_record(one)))

    async def _load(self, kind: type[Kept], name: str, record_id: str) -> Kept:
        record = await self._store.load_record(name, record_id)
        if record is None:
            raise NotFound(f"there is no {name.rpartition('.')[2]} {record_id!r}")
        return _decoded(kind, record)


def _record(one: User | Token) -> Record:
    kind, record_id = (USER, one.name) if isinstance(one, User) else (TOKEN, one.id)
    return Record(kind=kind, id=record_id, payload=_encode(replace(one, revision=0)), revision=one.revision)


def _decoded(kind: type[Kept], record: Record) -> Kept:
    return replace(msgspec.msgpack.decode(record.payload, type=kind), revision=record.revision)
