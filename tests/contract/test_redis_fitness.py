"""Which Redis servers the gateway takes: those that keep what they acknowledge, and that let it in."""

from __future__ import annotations

import asyncio
import re
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis_servers
from live_gateway import free_ports
from recorder import DEADLINE_SECONDS, until
from redis_servers import PASSWORD, RedisServer

from gateway.errors import ConfigError, Unavailable
from gateway.fleet.subscriber import Subscriber
from gateway.serving.demo_tls import ensure_demo_certificates
from gateway.settings import Store as StoreSettings
from gateway.store.opening import open_store
from gateway.store.protocol import PutSubscriber
from gateway.store.redis.fitness import examine
from gateway.store.redis.link import Access, Link, Server
from gateway.store.redis.location import Location


def settings(url: str, **fields: object) -> StoreSettings:
    return StoreSettings(url=url, namespace=f"{uuid.uuid4().hex}:", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("redis://", "names no host"),
        ("redis:///0", "names no host"),
        ("redis://a,b", "cluster's or Sentinels'"),
        ("redis://a/x", "invalid literal"),
        ("redis://a/0/1", "path"),
        ("redis+cluster://a/1", "path"),
        ("redis+sentinel://a", "path"),
        ("redis://user:pw@a", "password has no place"),
        ("redis://a?db=1", "form is not known"),
        ("redis+ring://a", "form is not known"),
        ("postgres://a", "form is not known"),
        ("redis://a:99999", "range"),
    ],
)
def test_a_url_that_means_nothing_is_refused(url: str, why: str) -> None:
    """Each mistake is named, with the setting and the forms there are."""
    with pytest.raises(ConfigError, match=why) as refused:
        Location.parse(url)
    assert refused.value.key == "store.url"


async def test_a_server_that_forgets_is_refused(tmp_path: Path) -> None:
    """Eviction is refused always; no append-only file, or a lazy one, when the settings ask for more. With the mend."""
    server = RedisServer("appendonly yes", "appendfsync everysec", 'save ""').start()
    with pytest.raises(ConfigError, match=r"Set appendfsync always there, or ask for less with store.durability"):
        await open_store(settings(server.url), tmp_path)
    store, doubts = await open_store(settings(server.url, durability="second"), tmp_path)
    await store.close()
    assert doubts == []
    server.cli("CONFIG", "SET", "appendonly", "no")
    with pytest.raises(ConfigError, match="Set appendonly yes there"):
        await open_store(settings(server.url, durability="second"), tmp_path)
    store, doubts = await open_store(settings(server.url, durability="any", replicas=1), tmp_path)
    await store.close()
    assert [doubt.partition(" has ")[2] for doubt in doubts] == ["0 replicas, and writes wait for 1: add some"]
    server.cli("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    with pytest.raises(ConfigError, match=r"Set maxmemory-policy noeviction there$"):
        await open_store(settings(server.url, durability="any"), tmp_path)
    server.kill()
    with pytest.raises(Unavailable, match=str(server.port)):
        await open_store(settings(server.url), tmp_path)


async def test_a_replica_is_no_place_to_write(tmp_path: Path) -> None:
    """A URL that names a replica is refused at start, not at the first write."""
    replica = redis_servers.watched().servers[1]
    if replica.port == redis_servers.watched().primary().port:
        replica = redis_servers.watched().servers[0]
    with pytest.raises(ConfigError, match="is a replica"):
        await open_store(settings(replica.url, durability="any"), tmp_path)


def guarded(folder: Path, port: int) -> list[str]:
    """Options of a server with TLS at the port, and a password."""
    return [
        f"tls-port {port}", f"tls-cert-file {folder / 'server.pem'}", f"tls-key-file {folder / 'server.key'}",
        f"tls-ca-cert-file {folder / 'ca.pem'}", "tls-auth-clients no", f"requirepass {PASSWORD}",
    ]  # fmt: skip


async def test_tls_and_a_password_from_a_file(tmp_path: Path) -> None:
    """rediss trusts the named authority alone; without the password, or a right one, the server is not used."""
    ensure_demo_certificates(tmp_path, ("localhost",), datetime.now(UTC))
    (port,) = free_ports(1)
    RedisServer(*guarded(tmp_path, port), "appendonly yes", "appendfsync always").start()
    secret = tmp_path / "redis.password"
    secret.write_text(f"{PASSWORD}\n")
    url = f"rediss://localhost:{port}"
    store, _ = await open_store(settings(url, password_file=secret, authority=tmp_path / "ca.pem"), tmp_path)
    await store.commit(PutSubscriber(Subscriber(id="s")))
    assert await store.load_household("id", "s") is not None
    await store.close()
    with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
        await open_store(settings(url, password_file=secret), tmp_path)
    with pytest.raises(Unavailable, match="Authentication required"):
        await open_store(settings(url, authority=tmp_path / "ca.pem"), tmp_path)
    with pytest.raises(Unavailable, match="invalid username-password"):
        await open_store(settings(url, password="wrong", authority=tmp_path / "ca.pem"), tmp_path)
    with pytest.raises(ConfigError, match="cannot read the password"):
        await open_store(settings(url, password_file=tmp_path / "none"), tmp_path)


async def test_sentinels_with_tls_and_a_password(tmp_path: Path) -> None:
    """They are trusted by the named authority and take a password of their own; why they do not answer is told."""
    ensure_demo_certificates(tmp_path, ("localhost",), datetime.now(UTC))
    port, sentinel_port = free_ports(2)
    RedisServer(*guarded(tmp_path, port)).start()
    sentinel = RedisServer(
        *guarded(tmp_path, sentinel_port), "tls-replication yes", "sentinel resolve-hostnames yes",
        "sentinel announce-hostnames yes", f"sentinel monitor mogate localhost {port} 1",
        f"sentinel auth-pass mogate {PASSWORD}", mode=("--sentinel",),
    ).start()  # fmt: skip
    redis_servers.wait_until(lambda: sentinel.cli("SENTINEL", "CKQUORUM", "mogate").startswith("OK"), "the Sentinel")
    url = f"rediss+sentinel://localhost:{sentinel_port}/mogate"
    known = {"authority": tmp_path / "ca.pem", "password": PASSWORD, "sentinel_password": PASSWORD, "durability": "any"}
    store, _ = await open_store(settings(url, **known), tmp_path)
    await store.commit(PutSubscriber(Subscriber(id="s")))
    await store.close()
    with pytest.raises(Unavailable, match=r"named mogate: .*CERTIFICATE_VERIFY_FAILED"):
        await open_store(settings(url, **known | {"authority": None}), tmp_path)
    with pytest.raises(Unavailable, match="named mogate: invalid username-password"):
        await open_store(settings(url, **known | {"sentinel_password": "wrong"}), tmp_path)
    with pytest.raises(Unavailable, match="named other: 1 of 1 answer, and have none that is up"):
        await open_store(settings(url.replace("/mogate", "/other"), **known), tmp_path)


async def test_a_sentinel_that_is_too_hasty_is_told_of(tmp_path: Path) -> None:
    """One that takes a server for down before it may have reached a new primary would replace that at once."""
    watched = redis_servers.start_watched()
    watched.sentinels[1].cli("SENTINEL", "SET", "mogate", "down-after-milliseconds", "1000")
    watched.sentinels[2].kill()
    store, doubts = await open_store(settings(watched.url, durability="second"), tmp_path)
    await store.close()
    assert [re.findall(r"after \d+ ms|set .* or more", doubt) for doubt in doubts] == [
        ["after 1000 ms", "set down-after-milliseconds to 1500 or more"]
    ]
    for one in (*watched.servers, *watched.sentinels):
        one.kill()


async def test_a_write_waits_for_replicas(tmp_path: Path) -> None:
    """With ``replicas`` a commit returns once they have it, and is Unavailable when too few do."""
    watched = redis_servers.watched()
    store, doubts = await open_store(settings(watched.url, durability="second", replicas=2), tmp_path)
    assert doubts == []
    await store.commit(PutSubscriber(Subscriber(id="s")))
    await store.close()
    store, doubts = await open_store(
        settings(watched.url, durability="second", replicas=3, timeout_seconds=0.5), tmp_path
    )
    assert len(doubts) == 1
    with pytest.raises(Unavailable, match="fewer than 3 replicas"):
        await store.commit(PutSubscriber(Subscriber(id="s")))
    await store.close()


async def test_a_write_that_replicas_cannot_confirm_is_refused() -> None:
    """One whose connection was lost just before ends at once, and one that reached a replica has none to wait for."""
    server = RedisServer('save ""').start()
    link = await Link.open(Server("127.0.0.1", server.port), Access(replicas=1))
    server.kill()
    await until(lambda: not link.alive)
    async with asyncio.timeout(DEADLINE_SECONDS):
        with pytest.raises(Unavailable, match="is gone"):
            await link.write(("SET", "a", "1"))
    replica = next(one for one in redis_servers.watched().servers if "role:slave" in one.cli("INFO", "replication"))
    link = await Link.open(Server("127.0.0.1", replica.port), Access(replicas=1))
    with pytest.raises(Unavailable, match="does not tell whether replicas have the write"):
        await link.write(("GET", "a"))
    await link.close()


async def test_every_server_of_a_cluster_is_looked_at() -> None:
    """One primary that forgets is enough to refuse the Cluster."""
    cluster = redis_servers.cluster()
    servers = Location.parse(cluster.url).connect()
    last = cluster.primaries()[-1]
    last.cli("CONFIG", "SET", "maxmemory-policy", "volatile-lru")
    try:
        with pytest.raises(ConfigError, match=str(last.port)):
            await examine(servers, "any")
    finally:
        last.cli("CONFIG", "SET", "maxmemory-policy", "noeviction")
    assert await examine(servers, "second") == []
    await servers.close()
