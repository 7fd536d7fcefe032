"""Where the Redis store is: what the settings' URL says."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

import msgspec
from redis.asyncio.connection import parse_url

from gateway.errors import ConfigError
from gateway.store.redis.link import Access, Server
from gateway.store.redis.servers import ClusterServers, OneServer, SentinelServers, Servers

_PORTS = {"sentinel": 26379}
_KINDS = ("", "sentinel", "cluster")
FORMS = (
    "redis://host:port/0, redis+sentinel://host:port,host:port/primary-name/0 or redis+cluster://host:port,host:port "
    "(rediss for TLS)"
)


class Location(msgspec.Struct, frozen=True):
    """A parsed URL."""

    kind: str
    tls: bool
    servers: Sequence[Server]
    primary: str = ""
    database: int = 0
    username: str = ""

    @classmethod
    def parse(cls, url: str) -> Self:
        """The location that a URL names.

        Raises: ConfigError.
        """
        parts = urlsplit(url)
        scheme, _, kind = parts.scheme.partition("+")
        try:
            if scheme not in ("redis", "rediss") or kind not in _KINDS or parts.query or parts.fragment:
                raise ValueError("its form is not known")
            user, at, hosts = parts.netloc.rpartition("@")
            if ":" in user:
                raise ValueError("a password has no place in a URL: set store.password, or store.password_file")
            path = [unquote(step) for step in parts.path.split("/")[1:]]
            primary = path.pop(0) if kind == "sentinel" and path else ""
            database = int(path.pop(0) or 0) if path else 0
            if path or (kind == "cluster" and database) or (kind == "sentinel" and not primary):
                raise ValueError("its path is not one for that form")
            found = [parse_url(f"{scheme}://{user}{at}{host}") for host in hosts.split(",")]
            servers = [Server(one.get("host", ""), one.get("port", _PORTS.get(kind, 6379))) for one in found]
            if not all(one.host for one in servers):
                raise ValueError("a part of it names no host")
            if not kind and len(servers) != 1:
                raise ValueError("several hosts are a cluster's or Sentinels'")
        except ValueError as error:
            raise ConfigError(f"{error}; write {FORMS}", key="store.url") from None
        return cls(kind, scheme == "rediss", servers, primary, database, found[0].get("username", ""))

    def connect(
        self,
        *,
        password: str = "",
        sentinel_password: str = "",
        authority: Path | None = None,
        timeout_seconds: float = 2.0,
        replicas: int = 0,
    ) -> Servers:
        """The servers there; nothing is connected before it is needed.

        Raises: ConfigError when the certificate authority's file cannot be read.
        """
        context = None
        if self.tls:
            try:
                context = ssl.create_default_context(cafile=authority)
            except (OSError, ssl.SSLError) as error:
                raise ConfigError(f"cannot read certificates: {error}", file=authority, key="store.authority") from None
        access = Access(self.username, password, self.database, context, timeout_seconds, replicas)
        if self.kind == "sentinel":
            sentinel_access = access._replace(username="", password=sentinel_password)
            return SentinelServers(self.servers, self.primary, access, sentinel_access)
        if self.kind == "cluster":
            return ClusterServers(self.servers, access)
        return OneServer(self.servers[0], access)
