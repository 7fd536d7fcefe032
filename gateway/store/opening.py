"""The store that the settings name, opened and found fit for its promise."""

from __future__ import annotations

from pathlib import Path

import pydantic

from gateway import settings
from gateway.errors import ConfigError
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
        password=_secret(chosen.password, chosen.password_file, "store.password_file"),
        sentinel_password=_secret(
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


def _secret(value: pydantic.SecretStr, file: Path | None, key: str) -> str:
    if file is None:
        return value.get_secret_value()
    try:
        return file.read_text(encoding="utf-8").rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the password: {error}", file=file, key=key) from None
