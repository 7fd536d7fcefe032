"""The store that the settings name, opened and found fit for its promise."""

from __future__ import annotations

from pathlib import Path

from gateway import settings
from gateway.store.protocol import Store
from gateway.store.redis.fitness import examine
from gateway.store.redis.location import Location
from gateway.store.redis.store import RedisStore
from gateway.store.sqlite import SqliteStore

DATABASE_FILE = "mogate.db"


async def open_store(chosen: settings.Store, data: Path) -> tuple[Store, list[str]]:
    """The store, and what is doubtful about its server.

    Raises: ConfigError when it cannot be used or would not keep what it acknowledges; Unavailable when no server
    answers.
    """
    if chosen.url == "sqlite":
        return SqliteStore.open(data / DATABASE_FILE), []
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
