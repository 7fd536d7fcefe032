"""The stores that promise the same: each opens a handle to the state of one directory."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

import redis_servers

from gateway.store.protocol import Store
from gateway.store.redis.finding import Seeking
from gateway.store.redis.location import Location
from gateway.store.redis.store import RedisStore
from gateway.store.sqlite import SqliteStore

BY_INDEX = Seeking(rare=0)
"""A walk finds what is not rare; among the few that a test has nothing would be."""


async def open_sqlite(folder: Path) -> Store:
    return SqliteStore.open(folder / "store.sqlite")


def sqlite_octets(folder: Path) -> bytes:
    """All that whoever got at the files of an SQLite store could read."""
    return b"".join(file.read_bytes() for file in folder.glob("store.sqlite*"))


def open_redis(locate: Callable[[], str]) -> Callable[[Path], Awaitable[Store]]:
    """Opens a store on those servers; one folder, one namespace."""
    namespaces: dict[Path, str] = {}

    async def open_one(folder: Path) -> Store:
        namespace = namespaces.setdefault(folder, f"{uuid.uuid4().hex}:")
        return await RedisStore.open(Location.parse(locate()).connect(), namespace=namespace, seeking=BY_INDEX)

    return open_one


OPENERS: dict[str, Callable[[Path], Awaitable[Store]]] = {
    "sqlite": open_sqlite,
    "redis": open_redis(lambda: redis_servers.single().url),
    "valkey": open_redis(lambda: redis_servers.valkey().url),
    "sentinel": open_redis(lambda: redis_servers.watched().url),
    "cluster": open_redis(lambda: redis_servers.cluster().url),
}
