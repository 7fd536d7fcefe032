"""The store that the settings name, opened and found fit for its promise."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from gateway import settings
from gateway.errors import ConfigError
from gateway.store.protocol import Store
from gateway.store.sqlite import SqliteStore

DATABASE_FILE = "mogate.db"
LOCK_FILE = "mogate.lock"


async def open_store(chosen: settings.Store, data: Path) -> tuple[Store, list[str]]:
    """The store, and what is doubtful about its server.

    Raises: ConfigError when it cannot be used or would not keep what it acknowledges; Unavailable when no server
    answers.
    """
    if chosen.url == "sqlite":
        return SqliteStore.open(data / DATABASE_FILE), []
    # Ten MiB that a gateway on SQLite does without.
    from gateway.store.redis.fitness import examine
    from gateway.store.redis.location import Location
    from gateway.store.redis.store import RedisStore

    servers = Location.parse(chosen.url).connect(
        password=settings.read_password(chosen.password, chosen.password_file, "store.password_file"),
        sentinel_password=settings.read_password(
            chosen.sentinel_password, chosen.sentinel_password_file, "store.sentinel_password_file"
        ),
        authority=chosen.authority,
        timeout_seconds=chosen.timeout_seconds,
        replicas=chosen.replicas,
    )
    try:
        doubts = await examine(servers, chosen.durability)
    except BaseException:
        await servers.close()
        raise
    return await RedisStore.open(servers, namespace=chosen.namespace, kept_events=chosen.events), doubts


@contextlib.contextmanager
def served_alone(chosen: settings.Store, data: Path) -> Iterator[None]:
    """While this is open, no second server begins on the embedded store there; Redis is made for many.

    Reading and writing beside a server stays possible. The kernel lets go when the process ends, however it ends.

    Raises: ConfigError when a server has the store.
    """
    if chosen.url != "sqlite":
        yield
        return
    path = data / LOCK_FILE
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigError(f"cannot make the store's lock: {error.strerror}", file=path) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                "another gateway serves this data directory: stop it, give this one a directory of its own (data), "
                "or keep the state of both in Redis (store.url)",
                file=path,
            ) from None
        yield
    finally:
        os.close(lock)
