"""Whether Redis servers keep what they acknowledge: looked up at start, in their own configuration."""

from __future__ import annotations

from typing import Literal

from redis.exceptions import ResponseError

from gateway.errors import ConfigError
from gateway.store.redis.link import Link
from gateway.store.redis.servers import Servers

Durability = Literal["always", "second", "any"]

_OLDEST = (7, 0)
_FSYNC = {"always": ("always",), "second": ("always", "everysec"), "any": ("always", "everysec", "no")}


async def examine(servers: Servers, durability: Durability) -> list[str]:
    """What is doubtful about the servers, each a sentence with its mend.

    Raises: ConfigError when one is too old, may throw data away, or does not write as the settings ask; Unavailable.
    """
    doubts: list[str] = []
    for link in await servers.links():
        doubts += await _examine(link, durability, servers.access.replicas)
    return [*doubts, *await servers.doubts()]


async def _examine(link: Link, durability: Durability, replicas: int) -> list[str]:
    where = f"Redis at {link.server}"
    info = _fields(await link.request(("INFO", "server"))) | _fields(await link.request(("INFO", "replication")))
    version = tuple(map(int, info.get("redis_version", "0.0").split(".")[:2]))
    if version < _OLDEST:
        raise ConfigError(
            f"{where} is version {info.get('redis_version')}: upgrade it to 7.0 or newer, or to Valkey", key="store.url"
        )
    if info.get("role") != "master":
        raise ConfigError(f"{where} is a replica: name its primary, or let Sentinels find it", key="store.url")
    doubts = []
    if int(info.get("connected_slaves", 0)) < replicas:
        doubts.append(f"{where} has {info.get('connected_slaves')} replicas, and writes wait for {replicas}: add some")
    try:
        kept = {
            name: (await link.request(("CONFIG", "GET", name)))[1].decode()
            for name in ("maxmemory-policy", "appendonly", "appendfsync")
        }
    except (ResponseError, IndexError) as error:
        return [*doubts, f"{where} does not tell how it keeps data ({error}): see that it is durable enough"]
    faults = []
    if kept["maxmemory-policy"] != "noeviction":
        faults.append(("maxmemory-policy", "noeviction", "it throws records away when memory is short"))
    if durability != "any" and kept["appendonly"] != "yes":
        faults.append(("appendonly", "yes", "it loses acknowledged writes when it restarts"))
    if durability != "any" and kept["appendfsync"] not in _FSYNC[durability]:
        wanted = _FSYNC[durability][-1]
        faults.append(
            ("appendfsync", wanted, f"a power cut loses writes that store.durability {durability!r} promises")
        )
    if faults:
        name, wanted, why = faults[0]
        raise ConfigError(
            f"{where} has {name} {kept[name]!r}: {why}. Set {name} {wanted} there"
            + ("" if name == "maxmemory-policy" else ", or ask for less with store.durability"),
            key="store.url",
        )
    return doubts


def _fields(info: bytes) -> dict[str, str]:
    return dict(line.split(":", 1) for line in info.decode().splitlines() if ":" in line)
