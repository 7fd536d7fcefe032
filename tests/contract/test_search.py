"""What every store promises of a search: found by what it has indexed, as if it had looked at everything."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from gateway.fleet.device import Device, Rcc14State
from gateway.fleet.search import Search, parse_search
from gateway.fleet.subscriber import ServiceState, Subscriber
from gateway.fleet.tenancy import own_id
from gateway.store.protocol import DeleteSubscriber, PutDevice, PutSubscriber, Store
from gateway.store.sqlite import SqliteStore
from gateway.store.sqlite_search import Candidates

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FLEET = 250
"""More than any store reads at once."""


def asked(text: str) -> Search:
    return parse_search(text, NOW)


async def found(store: Store, text: str, after: str = "") -> list[str]:
    return [device.id async for household in store.search(asked(text), after) for device in household.devices]


async def populate(store: Store) -> None:
    for number in range(FLEET):
        subscriber = Subscriber(
            id=f"s{number:03}",
            imsis=(f"26201{number:010}",),
            plan="gold" if number % 2 else "basic",
            groups=("beta",) if number % 50 == 0 else (),
            attributes={"site": f"site-{number % 10}"},
        )
        phone = Device(id=f"{subscriber.id}.1", imei=f"3500000{number % 3}{number:07}", model=f"M{number % 5}")
        await store.commit(PutSubscriber(subscriber), PutDevice(phone))


async def test_every_facet_finds(store: Store) -> None:
    """Tags, plan, model in any case of letters, TAC, network, state and attributes find whom they are of, by id."""
    await populate(store)
    every = [f"s{number:03}.1" for number in range(FLEET)]
    assert await found(store, "") == every
    assert await found(store, "plmn=26201;state=active;role=primary") == every
    assert await found(store, "group=beta") == every[::50]
    assert await found(store, "model=m3;model=M4") == [one for n, one in enumerate(every) if n % 5 in (3, 4)]
    assert await found(store, "tac=35000002;plan=gold") == [one for n, one in enumerate(every) if n % 3 == 2 and n % 2]
    assert await found(store, "attributes.site=site-7;model=M2", after="s017") == every[27::10]
    assert await found(store, "plan=platinum") == []


async def test_a_network_finds_the_devices_whose_sim_is_of_it(store: Store) -> None:
    """Of a subscriber with SIMs of two networks, whichever came first: the SIM that was proven to be in the device."""
    two = Subscriber(id="two", imsis=("001010000000001", "262010000000001"), plan="gold")
    first, second = (Device(id=f"two.{n}", rcc14=Rcc14State(imsi=imsi)) for n, imsi in enumerate(two.imsis, 1))
    await store.commit(PutSubscriber(two), PutDevice(first), PutDevice(second))
    assert await found(store, "plmn=26201") == await found(store, "plmn=262010;plan=gold") == ["two.2"]
    assert await found(store, "plmn=00101") == ["two.1"]


async def test_a_page_begins_after_any_id(store: Store) -> None:
    """The id after which a search begins need not be there, so paging goes on when the last one is gone."""
    await populate(store)
    assert (await found(store, "plan=gold", after="s100a"))[:2] == ["s101.1", "s103.1"]


async def test_a_search_tells_how_far_it_has_looked(store: Store) -> None:
    """Where it has to look at everybody and finds nobody, marks without devices say so; without them none comes."""
    await populate(store)
    search = Search({"attributes.site": frozenset({"x" * 300})})
    marks = [household async for household in store.search(search, marks=True)]
    assert len(marks) > 1
    assert marks[-1].subscriber.id == f"s{FLEET - 1:03}"
    assert not any(household.devices for household in marks)
    assert [household async for household in store.search(search)] == []


async def test_the_index_follows_the_record(store: Store) -> None:
    """What a commit changes is found by its new values and no more by the old, at once."""
    await populate(store)
    household = await store.load_household("id", "s050")
    assert household is not None
    moved = replace(household.subscriber, plan="platinum", groups=())
    phone = replace(household.devices[0], model="New", state=ServiceState.DORMANT)
    await store.commit(PutSubscriber(moved), PutDevice(phone))
    assert await found(store, "plan=platinum") == ["s050.1"]
    assert await found(store, "group=beta") == ["s000.1", "s100.1", "s150.1", "s200.1"]
    assert await found(store, "model=new;state=dormant") == ["s050.1"]
    assert "s050.1" not in await found(store, "model=M0")


async def test_when_it_was_last_seen(store: Store) -> None:
    """``seen<`` finds whom there was contact with, just noted or long written; ``seen>`` all others, never seen too."""
    await populate(store)
    store.touch("s003.1", NOW - timedelta(days=1))
    store.touch("s004.1", NOW - timedelta(days=40))
    assert await found(store, "seen<30d") == ["s003.1"]
    assert await found(store, "seen<10w") == ["s003.1", "s004.1"]
    assert await found(store, "seen>30d;seen<10w") == ["s004.1"]
    assert await found(store, "seen > 30 d;model=M3") == [f"s{n:03}.1" for n in range(8, FLEET, 5)]
    store.touch("s004.1", NOW)
    assert await found(store, "seen<5m") == ["s004.1"]


async def test_pages_by_last_contact_leave_nobody_out_who_calls_between_them(store: Store) -> None:
    """Whoever is of the search all the while comes once, in the order of ids, whether or not it calls meanwhile."""
    await populate(store)
    every = [f"s{number:03}.1" for number in range(FLEET)]
    for number, device_id in enumerate(every):
        store.touch(device_id, NOW - timedelta(days=number % 50, hours=12))
    recent = [one for number, one in enumerate(every) if number % 50 < 40]
    pages: list[str] = []
    while page := (await found(store, "seen<40d", after=pages[-1].partition(".")[0] if pages else ""))[:30]:
        pages += page
        store.touch(page[0], NOW)
        store.touch(recent[-1], NOW)
    assert pages == recent
    assert await found(store, "seen>40d") == [one for one in every if one not in recent]


async def test_a_store_from_before_the_index_gets_one(tmp_path: Path) -> None:
    """Opening a file of an older gateway indexes what it has, once, and changes no record."""
    path = tmp_path / "store.sqlite"
    store = SqliteStore.open(path)
    await populate(store)
    before = [household async for household in store.scan_households()]
    await store.close()
    with sqlite3.connect(path) as back:
        back.executescript(
            """DROP TABLE facet; DROP TABLE term;
            ALTER TABLE subscriber DROP COLUMN terms; ALTER TABLE device DROP COLUMN terms; DROP TABLE last_seen;
            CREATE TABLE last_seen (
                device INTEGER PRIMARY KEY REFERENCES device ON DELETE CASCADE, at INTEGER NOT NULL);
            PRAGMA user_version = 3"""
        )
    store = SqliteStore.open(path)
    assert [household async for household in store.scan_households()] == before
    assert await found(store, "group=beta;tac=35000002") == ["s050.1", "s200.1"]
    assert await found(store, "seen>1d;model=M0") == [f"s{n:03}.1" for n in range(0, FLEET, 5)]
    await store.close()


async def test_a_network_leads_to_those_with_a_sim_of_it_and_to_nobody_else(tmp_path: Path) -> None:
    """SQLite: whoever has no SIM of the network is not looked at, in a file of a gateway that did not index it too."""
    path = tmp_path / "store.sqlite"
    store = SqliteStore.open(path)
    await populate(store)
    for number, imsis in enumerate((("001010000000001",), ("262010000000999", "00102000000001"), ())):
        guest = Subscriber(id=f"t{number}", imsis=imsis)
        await store.commit(PutSubscriber(guest), PutDevice(Device(id=f"{guest.id}.1")))

    def candidates(text: str) -> list[str]:
        with sqlite3.connect(path) as looking:
            read = lambda query, *parameters: looking.execute(query, parameters).fetchall()  # noqa: E731
            stretches = Candidates(read, asked(text)).after("")
            return [one for ids in stretches for one in ids]

    for _ in range(2):
        assert candidates("plmn=00101") == candidates("plmn=001010") == ["t0"]
        assert candidates("plmn=00101;plmn=00102;state=active") == ["t0", "t1"]
        assert candidates("plmn=001011") == []
        assert await found(store, "plmn=00102;plmn=00101") == ["t0.1"]
        assert len(await found(store, "plmn=26201")) == FLEET + 1
        await store.close()
        with sqlite3.connect(path) as back:
            back.executescript(
                """DELETE FROM facet WHERE term IN (SELECT key FROM term WHERE text LIKE 'plmn=%');
                UPDATE subscriber SET terms =
                    (SELECT json_group_array(value) FROM json_each(terms) WHERE value NOT LIKE 'plmn=%');
                PRAGMA user_version = 5"""
            )
        store = SqliteStore.open(path)
    await store.close()


async def test_ids_of_tenants_are_ids_like_any(store: Store) -> None:
    """The same name at two tenants and without one: each found by its tenant, in their order, and removed alone."""
    for tenant in ("", "bluebird", "redkite"):
        subscriber = Subscriber(id=own_id("s1", tenant) if tenant else "s1", tenant=tenant)
        await store.commit(PutSubscriber(subscriber), PutDevice(Device(id=f"{subscriber.id}.1")))
    assert await found(store, "") == ["s1.1", "s1~bluebird.1", "s1~redkite.1"]
    assert await found(store, "tenant=redkite") == ["s1~redkite.1"]
    assert await found(store, "", after="s1") == ["s1~bluebird.1", "s1~redkite.1"]
    await store.commit(DeleteSubscriber("s1~bluebird"))
    assert await found(store, "") == ["s1.1", "s1~redkite.1"]
