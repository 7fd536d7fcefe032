"""A commit over several nodes of a Cluster, cut off at every point where its process can die."""

from __future__ import annotations

import asyncio
import itertools
import uuid
import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis_servers
from msgspec.structs import replace
from store_scene import load_device
from stores import BY_INDEX

from gateway.errors import ConfigError, Conflict
from gateway.fleet.device import Credential, Device, OmaDmState
from gateway.fleet.mirror import Fact, Mirror
from gateway.fleet.search import Search
from gateway.fleet.subscriber import Subscriber
from gateway.store.protocol import (
    Append,
    DeleteSubscriber,
    Event,
    PutDevice,
    PutEphemeral,
    PutMirror,
    PutSubscriber,
    Store,
    Write,
)
from gateway.store.redis import transaction
from gateway.store.redis.layout import HEAD_BYTES, SCHEMA_VERSION, STAMP_BYTES, Keys
from gateway.store.redis.link import Access
from gateway.store.redis.location import Location
from gateway.store.redis.servers import ClusterServers, Errand
from gateway.store.redis.store import RedisStore
from gateway.store.times import to_integer

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PHONE = OmaDmState(loc_uri="IMEI:35", client=Credential(name="n", secret=b"s"))

BEFORE: tuple[Write, ...] = (
    PutSubscriber(Subscriber(id="a", imsis=("1", "2"), msisdn="+1")),
    PutDevice(Device(id="a.1", imei="35", omadm=PHONE)),
    PutSubscriber(Subscriber(id="b")),
    PutDevice(Device(id="b.1")),
    PutSubscriber(Subscriber(id="c", imsis=("3",))),
)
CHANGE: tuple[Write, ...] = (
    PutSubscriber(Subscriber(id="a", imsis=("1",), revision=1)),
    PutDevice(Device(id="a.1", imei="36", revision=1)),
    PutSubscriber(Subscriber(id="b", imsis=("2",), msisdn="+1", revision=1)),
    PutDevice(Device(id="b.1", imei="35", omadm=PHONE, revision=1)),
    DeleteSubscriber("c"),
    PutSubscriber(Subscriber(id="d", imsis=("3",))),
    Append(Event(at=NOW, kind="moved", subscriber_id="a", device_id="a.1")),
)


class Cut(Exception):
    """The process died here."""


class MortalServers(ClusterServers):
    """Servers to which only so many more errands get through."""

    left: float = float("inf")

    async def run(self, errands: Sequence[Errand]) -> list[Any]:
        through = errands[: int(min(self.left, len(errands)))]
        answers = await super().run(through)
        self.left -= len(through)
        if len(through) < len(errands):
            raise Cut
        return answers


async def everything(store: Store) -> object:
    """All that can be found in the store, by every way to it."""
    found = [household async for household in store.scan_households()]
    names = [("imsi", n) for n in "123"] + [("msisdn", "+1"), ("imei", "35"), ("imei", "36")]
    owners = [await store.load_household(kind, value) for kind, value in names]  # type: ignore[arg-type]
    contact = await store.load_contact("IMEI:35", NOW)
    events = [
        [event.kind for event in await store.load_events(**filters)]
        for filters in ({}, {"subscriber_id": "a"}, {"device_id": "a.1"})
    ]
    return found, owners, contact, events


async def opened(namespace: str) -> RedisStore:
    return await RedisStore.open(Location.parse(redis_servers.cluster().url).connect(), namespace=namespace)


async def state_after(*commits: Sequence[Write]) -> object:
    store = await opened(f"{uuid.uuid4().hex}:")
    for writes in commits:
        await store.commit(*writes)
    found = await everything(store)
    await store.close()
    return found


@pytest.mark.parametrize("mender", ["housekeeping", "next writer"])
async def test_a_commit_cut_off_anywhere_is_whole_or_nothing(monkeypatch: pytest.MonkeyPatch, mender: str) -> None:
    """Wherever its process dies, housekeeping or the next writer that meets it finishes it or takes it back."""
    monkeypatch.setattr(transaction, "PATIENCE_SECONDS", 0.02)
    monkeypatch.setattr(transaction, "REPAIR_SECONDS", 0)
    before, after = await state_after(BEFORE), await state_after(BEFORE, CHANGE)
    assert before != after
    outcomes = []
    for through in itertools.count():
        namespace = f"{uuid.uuid4().hex}:"
        servers = MortalServers(Location.parse(redis_servers.cluster().url).servers, Access())
        dying = await RedisStore.open(servers, namespace=namespace)
        await dying.commit(*BEFORE)
        servers.left = through
        survived = True
        try:
            await dying.commit(*CHANGE)
        except Cut:
            survived = False
        await servers.close()
        heir = await opened(namespace)
        if mender == "next writer":
            # Compare-and-set of every record that the commit touched, as far as they can be found.
            for write in [*CHANGE[:4], DeleteSubscriber("c"), DeleteSubscriber("d")]:
                await _rewrite(heir, write)
            found = [household async for household in heir.scan_households()]
            ids = [household.subscriber.id for household in found]
            assert ids == ["a", "b"]
            moved = found[1].subscriber.imsis == ("2",)
            assert moved == (found[0].subscriber.imsis == ("1",))
            await heir.expire(NOW)
            assert [event.kind for event in await heir.load_events()] == (["moved"] if moved else [])
            outcomes.append(moved)
        else:
            await heir.expire(NOW)
            state = await everything(heir)
            assert state in (before, after)
            outcomes.append(state == after)
        left = await _keys(namespace)
        assert not [key for key in left if key.startswith((f"{namespace}l", f"{namespace}t"))], left
        await heir.close()
        if survived:
            break
    assert outcomes == sorted(outcomes), "once decided, it stays so"
    assert outcomes[0] is False
    assert outcomes[-1] is True
    assert outcomes.count(True) > 3, "the process also died after the decision"


async def test_a_commit_waits_for_a_dead_process_and_finishes_for_it() -> None:
    """Whoever meets what a death left behind is held up for a moment, and refused nothing."""
    servers = MortalServers(Location.parse(redis_servers.cluster().url).servers, Access())
    namespace = f"{uuid.uuid4().hex}:"
    dying, heir = await RedisStore.open(servers, namespace=namespace), await opened(namespace)
    await dying.commit(*BEFORE)

    def all_on(plan: str) -> list[PutSubscriber]:
        return [PutSubscriber(Subscriber(id=name, plan=plan, revision=1)) for name in "bc"]

    servers.left = 3
    with pytest.raises(Cut):
        await dying.commit(*all_on("gold"))
    await servers.close()
    assert [key for key in await _keys(namespace) if key.startswith(f"{namespace}l")], "it died with a lock"
    await heir.commit(*all_on("silver"))
    assert [one.subscriber.plan async for one in heir.scan_households()] == ["", "silver", "silver"]
    await heir.close()


async def test_writers_in_each_others_way_all_get_through() -> None:
    """Two dozen processes that write the same records at once, in any order, each have all of it written."""
    namespace = f"{uuid.uuid4().hex}:"
    stores = [await opened(namespace) for _ in range(24)]
    names = "abcdef"

    async def write(number: int, store: Store) -> None:
        for turn in range(5):
            value = f"{number} {turn}".encode()
            first = (number + turn) % len(names)
            order = names[first:] + names[:first]
            await store.commit(*[PutEphemeral(name, value, NOW + timedelta(days=1)) for name in order])

    await asyncio.gather(*(write(number, store) for number, store in enumerate(stores)))
    assert len({await stores[0].load_ephemeral(name, NOW) for name in names}) == 1, "all are of one commit"
    for store in stores:
        await store.close()


async def _rewrite(store: Store, write: Write) -> None:
    """Write a record again. It may have changed by the very meeting, so a Conflict is an answer, once."""
    try:
        await _rewrite_once(store, write)
    except Conflict:
        await _rewrite_once(store, write)


async def _rewrite_once(store: Store, write: Write) -> None:
    if isinstance(write, PutSubscriber):
        household = await store.load_household("id", write.subscriber.id)
        assert household is not None
        same = household.subscriber
        # Giving an identity up and claiming it again meets whoever holds it.
        await store.commit(PutSubscriber(replace(same, imsis=(), msisdn="")))
        await store.commit(PutSubscriber(replace(same, revision=same.revision + 1)))
    elif isinstance(write, PutDevice):
        device = await load_device(store, write.device.id)
        assert device is not None
        await store.commit(PutDevice(replace(device, imei="", omadm=None)))
        await store.commit(PutDevice(replace(device, revision=device.revision + 1)))
    else:
        await store.commit(write)


async def _keys(namespace: str) -> list[str]:
    servers = Location.parse(redis_servers.cluster().url).connect()
    found: list[str] = []
    for link in await servers.links():
        found += [key.decode() for key in await link.request(("KEYS", f"{namespace}*"))]
    await servers.close()
    return found


async def test_an_ephemeral_value_outlives_its_end_in_redis_by_an_hour_at_most() -> None:
    """What expires does so in Redis itself, even when no housekeeping comes."""
    namespace = f"{uuid.uuid4().hex}:"
    server = redis_servers.single()
    store = await RedisStore.open(Location.parse(server.url).connect(), namespace=namespace)
    await store.commit(PutEphemeral("k", b"", datetime.now(UTC) + timedelta(minutes=1)))
    await store.close()
    (key,) = server.cli("--scan", "--pattern", f"{namespace}k*").splitlines()
    assert 0 < int(server.cli("PTTL", key)) <= 61 * 60_000


async def test_a_store_of_a_newer_gateway_is_refused() -> None:
    """The schema version in the store is compared before anything is read or written."""
    namespace = f"{uuid.uuid4().hex}:"
    server = redis_servers.single()
    server.cli("SET", f"{namespace}v{{log}}", str(SCHEMA_VERSION + 1))
    with pytest.raises(ConfigError, match="newer gateway"):
        await RedisStore.open(Location.parse(server.url).connect(), namespace=namespace)


async def test_a_kind_grows_and_shrinks() -> None:
    """However many come to be of one kind, and cease to be, a search finds those that are, in their order."""
    server = redis_servers.single()
    namespace = f"{uuid.uuid4().hex}:"
    store = await RedisStore.open(Location.parse(server.url).connect(), namespace=namespace, seeking=BY_INDEX)
    names = [f"s{n:04}" for n in range(3000)]
    search = Search({"model": frozenset({"b7"})})
    for first in range(0, len(names), 100):
        some = names[first : first + 100]
        await store.commit(
            *(PutSubscriber(Subscriber(id=name)) for name in some),
            *(PutDevice(Device(id=f"{name}.1", model="B7")) for name in some),
        )
    assert [found.subscriber.id async for found in store.search(search)] == names
    for first in range(0, len(names), 100):
        await store.commit(*(DeleteSubscriber(name) for name in names[first : first + 97]))
    left = [name for n, name in enumerate(names) if n % 100 >= 97]
    assert [found.subscriber.id async for found in store.search(search)] == left
    await store.commit(*map(DeleteSubscriber, left))
    await store.close()
    assert server.cli("--scan", "--pattern", f"{namespace}g*") == ""


@pytest.mark.parametrize("servers", [redis_servers.single, redis_servers.cluster, redis_servers.valkey_cluster])
async def test_a_store_from_before_the_index_gets_one(
    servers: Callable[[], redis_servers.RedisServer | redis_servers.Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opening a store of an older gateway lets searches find what it has, and tells when devices were seen."""
    monkeypatch.setattr("gateway.store.redis.plan.entries_of", lambda _: [])
    monkeypatch.setattr("gateway.store.redis.store.SCHEMA_VERSION", 1)
    url, namespace = servers().url, f"{uuid.uuid4().hex}:"
    old = await RedisStore.open(Location.parse(url).connect(), namespace=namespace, seeking=BY_INDEX)
    for name in ("s", "t", "u"):
        await old.commit(PutSubscriber(Subscriber(id=name, groups=(name,))), PutDevice(Device(id=f"{name}.1")))
    former, field = Keys(namespace).former_seen("t.1")
    await old._servers.run([Errand(former, ("HSET", former, field, to_integer(NOW)))])
    await old.close()
    monkeypatch.undo()
    store = await RedisStore.open(Location.parse(url).connect(), namespace=namespace, seeking=BY_INDEX)
    search = Search({"group": frozenset({"t", "u"})})
    assert [found.subscriber.id async for found in store.search(search)] == ["t", "u"]
    assert await store.load_last_seen(["t.1", "u.1"]) == {"t.1": NOW}
    assert await store._servers.run([Errand(former, ("HGET", former, field))]) == [None]
    await store.close()


@pytest.mark.parametrize("servers", [redis_servers.single, redis_servers.cluster, redis_servers.valkey_cluster])
async def test_a_store_is_moved_on_when_no_older_gateway_is_connected(
    servers: Callable[[], redis_servers.RedisServer | redis_servers.Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then it can read what is written; after that it is packed closer, and what was there stays readable."""
    url, namespace = servers().url, f"{uuid.uuid4().hex}:"
    keys = Keys(namespace)
    with monkeypatch.context() as old:
        old.setattr("gateway.store.redis.link._NAME", f"mogate-{SCHEMA_VERSION - 1}")
        older = Location.parse(url).connect()
        await older.links()
    await older.run([Errand(keys.schema, ("SET", keys.schema, SCHEMA_VERSION - 1))])
    store = await RedisStore.open(Location.parse(url).connect(), namespace=namespace)
    subscriber, device = Subscriber(id="s", msisdn="+1"), Device(id="s.1", model="B7")
    mirror = Mirror(device_id="s.1", facts={"./DevInfo/Mod": Fact(read="B7")})
    home_at, mirror_at = keys.home("s").key, keys.mirror("s.1").key

    async def packed() -> tuple[bytes, bytes]:
        home, tree = await older.run([Errand(key, ("GET", key)) for key in (home_at, mirror_at)])
        return home[STAMP_BYTES:], tree[HEAD_BYTES:]

    try:
        await store.commit(PutSubscriber(subscriber), PutDevice(device), PutMirror(mirror))
        await store.expire(NOW)
        assert await older.run([Errand(keys.schema, ("GET", keys.schema))]) == [b"%d" % (SCHEMA_VERSION - 1)]
        home, tree = await packed()
        assert home[0] == 7
        assert b"./DevInfo/Mod" in zlib.decompress(tree)
        again = Location.parse(url).connect()
        await older.close()
        older = again
        await store.expire(NOW)
        assert await older.run([Errand(keys.schema, ("GET", keys.schema))]) == [b"%d" % SCHEMA_VERSION]
        assert await packed() == (home, tree)
        fresh = await RedisStore.open(Location.parse(url).connect(), namespace=namespace)
        owned, reported = await fresh.load_owned("s.1"), await fresh.load_mirror("s.1")
        assert owned is not None
        assert (owned.subscriber.msisdn, owned.device.model) == ("+1", "B7")
        assert reported.facts == mirror.facts
        await fresh.commit(PutDevice(replace(owned.device, model="B8")), PutMirror(reported))
        assert [one[0] for one in await packed()] == [6, 6]
        changed = replace(owned.device, model="B8", revision=owned.device.revision + 1)
        assert await store.load_owned("s.1") == (owned.subscriber, changed)
        assert (await store.load_mirror("s.1")).facts == mirror.facts
        await fresh.close()
    finally:
        await store.close()
        await older.close()


@pytest.mark.parametrize("subscriber_id", ["a}b", "{", "%7D", "a\nb", "é.📱"])
async def test_an_odd_id_is_found_in_one_script(subscriber_id: str) -> None:
    """A store that knows nothing yet finds household and contact in one round trip, whatever is in the id."""
    namespace = f"{uuid.uuid4().hex}:"
    url = redis_servers.single().url
    first = await RedisStore.open(Location.parse(url).connect(), namespace=namespace)
    device = Device(id=f"{subscriber_id}.1", imei="35", omadm=PHONE)
    await first.commit(PutSubscriber(Subscriber(id=subscriber_id, imsis=("1",))), PutDevice(device))
    await first.close()
    servers = Location.parse(url).connect()
    store = await RedisStore.open(servers, namespace=namespace)
    (link,) = await servers.links()
    before = link.requests
    for kind, value in (("imsi", "1"), ("imei", "35")):
        household = await store.load_household(kind, value)  # type: ignore[arg-type]
        assert household is not None
        assert household.subscriber.id == subscriber_id
    contact = await store.load_contact("IMEI:35", NOW)
    assert contact is not None
    assert contact.device.id == device.id
    assert link.requests - before == 3
    await store.close()
