"""What every store promises of records, the log and the audit log."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from store_scene import LATER, MOMENT, NOW, PHONE, OpenStore, load_device, populate

from gateway.access.audit import INDEX, OPEN, OPEN_SECONDS, AuditLog, Entry
from gateway.errors import Conflict
from gateway.store.protocol import (
    AUDIT,
    Append,
    DeleteRecord,
    Event,
    PutDevice,
    PutRecord,
    Record,
    Store,
)


async def test_events_come_in_the_order_of_commits(store: Store) -> None:
    """Filters combine, ``after_seq`` goes on after an event, ``limit`` bounds, and every field comes back."""
    events = [
        Event(at=NOW - MOMENT * n, kind=f"k{n}", subscriber_id=subscriber, device_id=device, detail={"ключ": "✓"})
        for n, (subscriber, device) in enumerate([("a", "a.1"), ("b", ""), ("a", "a.2"), ("", "a.1"), ("a", "a.1")])
    ]
    await store.commit(*(Append(event) for event in events[:2]))
    await store.commit(*(Append(event) for event in events[2:]))
    stored = list(await store.load_events())
    assert [replace(event, seq=0) for event in stored] == events
    assert all(one.seq < other.seq for one, other in itertools.pairwise(stored))
    assert await store.last_event() == stored[-1].seq

    async def kinds(
        subscriber_id: str = "", device_id: str = "", after_seq: int = 0, limit: int = 100, *, newest: bool = False
    ) -> str:
        found = await store.load_events(
            subscriber_id=subscriber_id, device_id=device_id, after_seq=after_seq, limit=limit, newest=newest
        )
        return " ".join(event.kind for event in found)

    assert await kinds("a") == "k0 k2 k4"
    assert await kinds("", "a.1") == "k0 k3 k4"
    assert await kinds("a", "a.1") == "k0 k4"
    assert await kinds("b", "a.1") == ""
    assert await kinds(limit=2) == "k0 k1"
    assert await kinds(limit=2, newest=True) == "k3 k4"
    assert await kinds("a", limit=2, newest=True) == "k2 k4"
    assert await kinds("", "a.1", after_seq=stored[3].seq, newest=True) == "k4"
    assert await kinds("a", "a.1", newest=True) == "k0 k4"
    assert await kinds(after_seq=stored[1].seq, limit=2) == "k2 k3"
    assert await kinds("a", after_seq=stored[0].seq) == "k2 k4"
    assert await kinds(after_seq=stored[-1].seq) == ""


async def test_a_record_is_one_process_s_at_a_time(open_store: OpenStore) -> None:
    """Of all who move what is due on, by compare-and-set, one succeeds; what is not due is nobody's."""
    stores = [await open_store() for _ in range(3)]
    record = Record(kind="chore", id="sweep", payload=b"\x00", due_at=NOW)
    await stores[0].commit(PutRecord(record), PutRecord(replace(record, id="later", due_at=NOW + MOMENT)))
    found = [await one.load_due("chore", NOW, 10) for one in stores]
    assert found == [[replace(record, revision=1)]] * 3
    moved = PutRecord(replace(record, revision=1, due_at=LATER))
    results = await asyncio.gather(*(one.commit(moved) for one in stores), return_exceptions=True)
    assert sorted(type(one).__name__ for one in results) == ["Conflict", "Conflict", "NoneType"]
    assert await stores[1].load_due("chore", NOW, 10) == []
    assert await stores[1].count_waiting("chore") == 2


async def test_records_are_listed_by_id(store: Store) -> None:
    """A prefix limits the list and the last id seen continues it; without a due time a record waits for nobody."""
    records = [Record(kind="chore", id=one, payload=one.encode()) for one in ("b", "a/2", "a/10", "a", "ä/1")]
    await store.commit(*map(PutRecord, records))
    await store.commit(PutRecord(Record(kind="chore.part", id="a/1", payload=b"")))
    assert [one.id for one in await store.load_records("chore")] == ["a", "a/10", "a/2", "b", "ä/1"]
    assert [one.id for one in await store.load_records("chore", prefix="a/")] == ["a/10", "a/2"]
    assert [one.id for one in await store.load_records("chore", prefix="a/", after="a/10", limit=1)] == ["a/2"]
    assert [one.id for one in await store.load_records("chore", backwards=True)] == ["ä/1", "b", "a/2", "a/10", "a"]
    assert [one.id for one in await store.load_records("chore", after="b", limit=2, backwards=True)] == ["a/2", "a/10"]
    assert [one.id for one in await store.load_records("chore", prefix="a/", backwards=True)] == ["a/2", "a/10"]
    assert await store.count_waiting("chore") == 0
    (kept,) = await store.load_records("chore.part")
    await store.commit(DeleteRecord(kept))
    assert await store.load_record("chore.part", "a/1") is None
    with pytest.raises(Conflict):
        await store.commit(DeleteRecord(kept))


async def test_a_record_is_written_together_with_what_it_is_about(store: Store) -> None:
    """A commit that loses on one of them writes none."""
    await populate(store)
    record = Record(kind="chore", id="c", payload=b"", due_at=NOW)
    with pytest.raises(Conflict):
        await store.commit(PutRecord(record), PutDevice(replace(PHONE, revision=9)))
    assert await store.load_record("chore", "c") is None
    await store.commit(PutRecord(record), PutDevice(replace(PHONE, revision=1, software="2")))
    assert (await store.load_record("chore", "c"), await load_device(store, PHONE.id)) == (
        replace(record, revision=1),
        replace(PHONE, revision=2, software="2"),
    )


async def test_old_events_are_forgotten(store: Store) -> None:
    """From the old end of the log as far as they are old; the numbers of the others stay."""
    assert await store.last_event() == 0
    days = [NOW + timedelta(days=day) for day in range(4)]
    await store.commit(*(Append(Event(at=day, kind="e", subscriber_id="alice")) for day in days))
    assert await store.last_event() == 4
    kept = await store.load_events(after_seq=2)
    assert await store.forget_events(days[2]) == 2
    assert await store.load_events() == await store.load_events(subscriber_id="alice") == kept
    assert await store.forget_events(days[2]) == 0


async def test_the_audit_log_is_only_added_to(store: Store) -> None:
    """A record of that kind is made and read, and then neither replaced nor removed."""
    await store.commit(PutRecord(Record(kind=AUDIT, id="1", payload=b"first")))
    (kept,) = await store.load_records(AUDIT)
    for write in (PutRecord(replace(kept, payload=b"altered")), DeleteRecord(kept)):
        with pytest.raises(Conflict):
            await store.commit(write)
    assert await store.load_records(AUDIT) == [kept]


async def test_the_audit_log_is_trimmed_by_age_alone(store: Store) -> None:
    """What is too old goes, page by page, and that it went is an entry; the rest stays as it was."""
    log, start = AuditLog(store), datetime(2026, 1, 1, tzinfo=UTC)
    for day in range(250):
        await log.add(Entry(at=start + timedelta(days=day), who=f"w{day}"), "n")
    now = start + timedelta(days=250)
    assert await log.forget(now - timedelta(days=30), now, "n") == 220
    kept = await log.load(limit=1000)
    assert [one.who for one in kept] == [*(f"w{day}" for day in range(220, 250)), "gateway"]
    assert (kept[-1].action, kept[-1].after["entries"]) == ("forget_audit", 220)
    assert await log.forget(now - timedelta(days=30), now, "n") == 0
    assert await log.load(limit=1000) == kept


NAMES = {"ann", "+1555", "ann.1"}


async def test_what_is_to_somebody_is_found_without_the_others(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the index in either direction, page by page, also what was there before it; as a walk through all finds it."""
    log, start = AuditLog(store), datetime(2026, 1, 1, tzinfo=UTC)
    subjects = ["ann", "bob", "ann.1", "", "+1555", "ann.2", "bob.1", "annette", "ann.1"]
    for number, subject in enumerate(subjects * 3):
        at = start + timedelta(minutes=number)
        entry = Entry(at=at, who="w", action=("set", "get")[number % 2], subject=subject)
        if number % 3:
            await log.add(entry, "n")
        else:  # as it was written before there was an index
            place = f"{int(at.timestamp()) * 1_000_000:020d}-n"
            await store.commit(PutRecord(Record(kind=AUDIT, id=place, payload=msgspec.json.encode(entry))))
    asked: list[dict[str, Any]] = [
        {}, {"backwards": True}, {"action": "set"}, {"since": start + timedelta(minutes=7)},
        {"until": start + timedelta(minutes=16), "backwards": True},
    ]  # fmt: skip
    walked = [await log.load(limit=100, subjects=NAMES, **one) for one in asked]
    assert [entry.subject for entry in walked[0]] == ["ann", "ann.1", "+1555", "ann.1"] * 3
    for _ in range(2):
        await log.index()
    loaded = store.load_records

    async def by_index_alone(kind: str, **query: Any) -> Sequence[Record]:
        assert kind != AUDIT
        return await loaded(kind, **query)

    monkeypatch.setattr(store, "load_records", by_index_alone)
    for one, wanted in zip(asked, walked, strict=True):
        assert await log.load(limit=100, subjects=NAMES, names=NAMES, **one) == wanted
        pages, after = list[Entry](), ""
        while page := await log.load(limit=2, after=after, subjects=NAMES, names=NAMES, **one):
            pages += page
            after = page[-1].id
        assert pages == wanted
    household = await log.load(limit=100, names={"ann."})
    assert {entry.subject for entry in household} == {"ann", "ann.1", "ann.2"}
    monkeypatch.undo()
    now = start + timedelta(days=1)
    assert await log.forget(now, now, "n") == len(subjects) * 3
    assert await log.load(limit=100, names={"ann."}) == []
    assert [record.id for record in await store.load_records(INDEX)] == ["whole"]


async def test_a_change_that_was_begun_is_on_record_whatever_comes_of_it(store: Store) -> None:
    """Its entry takes the place of the note; a note that nobody ends becomes an entry with an unknown outcome."""
    log, at = AuditLog(store), datetime(2026, 1, 1, tzinfo=UTC)
    entry = Entry(at=at, who="ann", action="set_values")
    ended, left, refused = [await log.begin(entry, nonce) for nonce in ("a", "b", "c")]
    await log.end(ended, replace(entry, status=200), "d")
    await log.refused(refused)
    assert await log.settle(at + timedelta(seconds=OPEN_SECONDS - 1)) == 0
    assert await log.settle(at + timedelta(seconds=OPEN_SECONDS)) == 1
    assert [(one.who, one.status) for one in await log.load(limit=10)] == [("ann", 200), ("ann", 0)]
    assert await store.load_records(OPEN) == []
    # It took so long that it was settled first: then there are two words on it.
    await log.end(left, replace(entry, status=200), "d")
    assert [one.status for one in await log.load(limit=10)] == [200, 0, 200]
