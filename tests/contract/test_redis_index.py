"""What leads a search in Redis: the index alone names whom to look at."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis_servers

from gateway.fleet.device import Device, Rcc14State
from gateway.fleet.search import parse_search
from gateway.fleet.subscriber import Subscriber
from gateway.store.protocol import DeleteDevice, PutDevice, PutSubscriber, Write
from gateway.store.redis.finding import Seeking
from gateway.store.redis.location import Location
from gateway.store.redis.scripts import FIND
from gateway.store.redis.servers import Errand
from gateway.store.redis.store import RedisStore

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FLEET = 400


@pytest.fixture
async def store(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RedisStore]:
    """Subscribers with a phone each, all in one shard, so that its sets have been split several times."""
    monkeypatch.setattr("gateway.store.redis.layout.SHARDS", 1)
    url, namespace = redis_servers.single().url, f"{uuid.uuid4().hex}:"
    store = await RedisStore.open(
        Location.parse(url).connect(), namespace=namespace, seeking=Seeking(entries_at_once=150)
    )
    writes: list[Write] = []
    for number in range(FLEET):
        attributes = {"account": f"A{number}", "site": f"site-{number % 40}"}
        home = 20801 if number == 321 else 26201
        sims = [f"{network}{number:010}" for network in ((home, 26201, 310410) if number % 80 == 9 else (home,))]
        subscriber = Subscriber(id=f"s{number:03}", imsis=tuple(sims), attributes=attributes)
        state = Rcc14State(version=7 if number % 100 == 50 else 2, imsi=sims[-1])
        writes += [PutSubscriber(subscriber), PutDevice(Device(id=f"s{number:03}.1", rcc14=state))]
    await store.commit(*writes)
    for number in range(FLEET):
        store.touch(f"s{number:03}.1", NOW - timedelta(hours=number))
    yield store
    await store.close()


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("attributes.account=A123", ["s123"]),
        ("attributes.site=site-7", [f"s{number:03}" for number in range(7, FLEET, 40)]),
        ("attributes.site=site-7;version=2;seen<2d", ["s007", "s047"]),
        ("plmn=20801", ["s321"]),
        ("plmn=310410", ["s009", "s089", "s169", "s249", "s329"]),
        ("plmn=31041;plmn=20801", ["s009", "s089", "s169", "s249", "s321", "s329"]),
        ("version=7", ["s050", "s150", "s250", "s350"]),
        ("seen<181m", ["s000", "s001", "s002", "s003"]),
        ("seen>16d;seen<390h", [f"s{number}" for number in range(385, 391)]),
        ("seen>397h", ["s398", "s399"]),
        ("attributes.account=A400", []),
    ],
)
async def test_what_is_rare_is_not_walked_to(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch, asked: str, found: list[str]
) -> None:
    """Attributes, networks, version and last contact lead to those who have them, in order, and to few besides."""
    read: list[str] = []
    run = store._servers.run

    async def spy(errands: Sequence[Errand]) -> list[Any]:
        read.extend(one.key for one in errands if one.request[0] == "GET")
        return await run(errands)

    monkeypatch.setattr(store._servers, "run", spy)
    assert [one.subscriber.id async for one in store.search(parse_search(asked, NOW))] == found
    assert len(read) <= max(10, len(found))
    half = len(found) // 2
    rest = store.search(parse_search(asked, NOW), after=found[half - 1] if half else "")
    assert [one.subscriber.id async for one in rest] == found[half:]


async def test_others_get_their_turn_in_a_search_by_last_contact(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its scripts are sent one by one: a server takes all that comes together before anybody else's commands."""
    together: list[int] = []
    run = store._servers.run

    async def spy(errands: Sequence[Errand]) -> list[Any]:
        together.append(sum(one.request[:2] == ("EVALSHA", FIND.digest) for one in errands))
        return await run(errands)

    monkeypatch.setattr(store._servers, "run", spy)
    assert [one.subscriber.id async for one in store.search(parse_search("seen<181m", NOW))]
    assert together.count(1) > 1
    assert max(together) == 1


async def test_a_device_that_is_gone_is_not_seen_again(store: RedisStore) -> None:
    """A touch that is written after the device was removed tells nothing of one that gets its name later."""
    await store.commit(DeleteDevice("s000.1"))
    store.touch("s000.1", NOW)
    assert [one.subscriber.id async for one in store.search(parse_search("seen<61m", NOW))] == ["s001"]
    await store.commit(PutDevice(Device(id="s000.1")))
    assert await store.load_last_seen(["s000.1", "s001.1"]) == {"s001.1": NOW - timedelta(hours=1)}
