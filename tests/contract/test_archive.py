"""Exports: whole, streamed, and the same on the other side, whichever store is on either."""

from __future__ import annotations

import io
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from stores import OPENERS

from gateway import archive
from gateway.archive import KINDS, Taken, export_lines, import_lines
from gateway.errors import ConfigError
from gateway.fleet.device import Content, Credential, Device, OmaDmState, Rcc14State
from gateway.fleet.mirror import Fact, Mirror
from gateway.fleet.operation import Operation
from gateway.fleet.subscriber import ServiceState, Subscriber
from gateway.fleet.webhook import Webhook
from gateway.store.protocol import (
    Append,
    Event,
    PutDevice,
    PutEphemeral,
    PutMirror,
    PutOperation,
    PutRecord,
    PutSubscriber,
    Record,
    Store,
)

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
KEY = "0011223344556677"
ALICE = Subscriber(
    id="alice",
    imsis=("1", "2"),
    msisdn="+1",
    attributes={"имя": "Алиса"},
    state=ServiceState.DORMANT,
    content_revision=7,
)
PHONE = Device(
    id="alice.1",
    imei="35",
    omadm=OmaDmState(
        loc_uri="IMEI:35", client=Credential(name="n", secret=b"\x00\xff", nonce=b"\x01"), last_session_at=NOW
    ),
    rcc14=Rcc14State(version=3, contents={"w": Content(3, b"\x00", "k")}),
)

HOOK = Webhook(id="w1", url="https://a.example", events=("*",), secret=b"sealed", created_at=NOW, cursor=70)
RECORDS = (
    *(Record(kind=kind, id="one", payload=b"\x00" + kind.encode(), due_at=NOW) for kind in KINDS if kind != "webhook"),
    Record(kind="webhook", id="w1", payload=msgspec.msgpack.encode(HOOK), due_at=NOW),
    Record(kind="webhook.w1", id="0000000000000070", payload=b"message", due_at=NOW + timedelta(seconds=5)),
    Record(kind="campaign.one", id="0001", payload=b"members"),
    Record(kind="tac", id="35900000", payload=b"model"),
)


async def fill(store: Store, count: int = 60) -> None:
    await store.commit(PutSubscriber(ALICE), PutDevice(PHONE), PutDevice(Device(id="alice.2")))
    await store.commit(PutDevice(replace(PHONE, model="B7", revision=1)))
    await store.commit(
        PutMirror(Mirror(device_id="alice.1", facts={"./A/ü": Fact(read="1", read_at=NOW)}, complete=("./A",))),
        PutOperation("alice.1", Operation(id="z", verb="Get", uri="./A")),
        PutOperation("alice.1", Operation(id="a", verb="Exec", uri="./B", status=200, results=(("./A", "1"),))),
        PutEphemeral("otp", b"1", NOW + timedelta(hours=1)),
    )
    await store.commit(*map(PutRecord, RECORDS))
    await store.commit(PutRecord(Record(kind="chore.sweep", id="chore", payload=b"", due_at=NOW)))
    store.touch("alice.1", NOW)
    for n in range(count):
        await store.commit(
            PutSubscriber(Subscriber(id=f"s{n:03}", imsis=(f"9{n}",))),
            PutDevice(Device(id=f"s{n:03}.1")),
            Append(Event(at=NOW, kind=f"made-{n}", subscriber_id=f"s{n:03}")),
        )


def opened(kind: str, folder: Path) -> Awaitable[Store]:
    folder.mkdir()
    return OPENERS[kind](folder)


async def exported(store: Store) -> bytes:
    return b"".join([line async for line in export_lines(store, KEY, NOW)])


def stored(name: str, octets: bytes) -> io.BytesIO:
    file = io.BytesIO(octets)
    file.name = name
    return file


@pytest.mark.parametrize(("origin", "target"), [("sqlite", "redis"), ("redis", "sqlite"), ("sqlite", "cluster")])
async def test_an_export_is_the_same_on_the_other_side(tmp_path: Path, origin: str, target: str) -> None:
    """All that is kept for long goes over: records, order, times and events. Only revisions begin anew."""
    first, second = await opened(origin, tmp_path / "a"), await opened(target, tmp_path / "b")
    await fill(first)
    octets = await exported(first)
    taken = await import_lines(second, KEY, stored("state", octets))
    assert taken == Taken(households=61, events=60, present=(), events_left_out=0, records=len(RECORDS))
    assert await exported(second) == octets.replace(b'"revision":2', b'"revision":1')
    found = await second.load_contact("IMEI:35", NOW)
    assert found is not None
    assert found.device == replace(PHONE, model="B7", revision=1)
    assert [one.id for one in found.operations] == ["z"]
    for kind, value in (("imsi", "2"), ("msisdn", "+1"), ("imei", "35")):
        household = await second.load_household(kind, value)  # type: ignore[arg-type]
        assert household is not None
    assert await second.load_ephemeral("otp", NOW) is None
    await first.close()
    await second.close()


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
async def test_an_import_is_run_again_and_leaves_alone_what_is_there(tmp_path: Path, kind: str) -> None:
    """A cut-off import goes on where it was; a subscriber or identity that is there stays as it is and is named."""
    first, second = await opened(kind, tmp_path / "a"), await opened(kind, tmp_path / "b")
    await fill(first)
    octets = await exported(first)
    await second.commit(PutSubscriber(Subscriber(id="own", imsis=("95",))))
    lines = octets.splitlines(keepends=True)
    with pytest.raises(ConfigError, match="cut off"):
        await import_lines(second, KEY, stored("state", b"".join(lines[: len(lines) // 3])))
    taken = await import_lines(second, KEY, stored("state", octets))
    assert "s005" in taken.present
    assert taken.events == 60
    assert len(taken.present) + taken.households == 61
    again = await import_lines(second, KEY, stored("state", octets))
    assert (again.households, again.events, again.events_left_out) == (0, 60, 0)
    assert (again.records, again.records_present) == (0, len(RECORDS))
    assert len(await second.load_events(limit=1000)) == 60
    assert await second.load_household("id", "s005") is None
    await first.close()
    await second.close()


@pytest.mark.parametrize(
    ("mend", "why"),
    [
        (lambda text: text.replace(KEY.encode(), b"8899aabbccddeeff"), "sealed with key 8899aabbccddeeff"),
        (lambda text: text.replace(b'"format":2', b'"format":3'), "newer gateway"),
        (lambda text: text.split(b"\n", 1)[1], "not an export"),
        (lambda text: text[: text.rindex(b'{"line":"end"')], "cut off"),
        (lambda text: text.replace(b'"households":4', b'"households":5'), "counts"),
        (lambda text: text.replace(b'"records":%d' % len(RECORDS), b'"records":%d' % (len(RECORDS) + 1)), "counts"),
        (lambda text: b"", "not an export"),
        (lambda text: b"\xff\xfe", "line of an export"),
    ],
)
async def test_what_is_no_whole_export_is_refused(tmp_path: Path, mend: Callable[[bytes], bytes], why: str) -> None:
    """Another key, a newer format, a line that is no line, an end too early: each is named, with the file."""
    store = await opened("sqlite", tmp_path / "a")
    await fill(store, 3)
    octets = mend(await exported(store))
    await store.close()
    other = await opened("sqlite", tmp_path / "b")
    with pytest.raises(ConfigError, match=why) as refused:
        await import_lines(other, KEY, stored("state.jsonl", octets))
    assert refused.value.file == "state.jsonl"
    await other.close()


async def test_lines_that_say_nothing_are_told_and_the_others_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One broken line, or one without end, is named with its number; the same file can be imported again."""
    monkeypatch.setattr(archive, "MAX_LINE_BYTES", 100_000)
    store = await opened("sqlite", tmp_path / "a")
    await fill(store, 3)
    octets = await exported(store)
    await store.close()
    lines = octets.splitlines(keepends=True)
    broken = [number for number, line in enumerate(lines, 1) if b'"id":"s001"' in line or b'"made-2"' in line]
    lines[broken[0] - 1] = b'{"line":"household"' + b" " * archive.MAX_LINE_BYTES + b"}\n"
    lines[broken[1] - 1] = b'{"line":"event"\n'
    other = await opened("sqlite", tmp_path / "b")
    heard: list[int] = []
    taken = await import_lines(other, KEY, stored("state", b"".join(lines)), heard.append)
    assert [fault.line for fault in taken.faults] == broken
    assert "longer than" in taken.faults[0].why
    assert "line of an export" in taken.faults[1].why
    assert (taken.households, taken.events, taken.records) == (3, 2, len(RECORDS))
    assert sum(heard) == len(b"".join(lines[:-1]))
    assert await other.load_household("id", "s001") is None
    assert await other.load_household("id", "s002") is not None
    again = await import_lines(other, KEY, stored("state", b"".join(lines)))
    assert (again.households, again.records, len(again.present)) == (0, 0, 3)
    await other.close()


async def test_a_file_of_nothing_but_broken_lines_is_refused(tmp_path: Path) -> None:
    """A file that is broken throughout ends the import, with the line that was one too many."""
    store = await opened("sqlite", tmp_path / "a")
    head = (await exported(store)).splitlines(keepends=True)[0]
    with pytest.raises(ConfigError, match="more than 1000 lines") as refused:
        await import_lines(store, KEY, stored("state", head + b"{\n" * 2000))
    assert refused.value.line == 1002
    await store.close()


async def test_an_export_goes_on_while_others_write(tmp_path: Path) -> None:
    """It streams: writes between two lines neither wait nor break it, and what stays is in it once."""
    store = await OPENERS["redis"](tmp_path)
    await fill(store, 250)
    ids = []
    async for line in export_lines(store, KEY, NOW):
        value = msgspec.json.decode(line)
        if value["line"] == "household":
            ids.append(value["subscriber"]["id"])
            await store.commit(Append(Event(at=NOW, kind="meanwhile")))
    assert ids == ["alice", *(f"s{n:03}" for n in range(250))]
    await store.close()


@pytest.mark.parametrize(("origin", "target"), [("sqlite", "redis"), ("redis", "sqlite"), ("sqlite", "cluster")])
async def test_events_keep_their_numbers(tmp_path: Path, origin: str, target: str) -> None:
    """A webhook goes on where it was, and no later event gets the number of one that a receiver has had already."""
    first, second = await opened(origin, tmp_path / "a"), await opened(target, tmp_path / "b")
    await first.commit(*(Append(Event(at=NOW, kind=f"old-{n}")) for n in range(5)))
    await first.forget_events(NOW + timedelta(days=1))
    await first.commit(Append(Event(at=NOW, kind="kept", seq=69)), Append(Event(at=NOW, kind="newest")))
    await fill(first, 1)
    await import_lines(second, KEY, stored("state", await exported(first)))
    await second.commit(Append(Event(at=NOW, kind="later")), Append(Event(at=NOW, kind="stale", seq=3)))
    told = {event.kind: event.seq for event in await second.load_events(after_seq=68)}
    assert told == {"kept": 69, "newest": 70, "made-0": 71, "later": 72, "stale": 73}
    await first.close()
    await second.close()


async def test_a_webhook_in_another_log_is_told_what_comes_next(tmp_path: Path) -> None:
    """Where the log has events of its own, a webhook begins after them: numbers of the other log mean nothing there."""
    first, second = await opened("sqlite", tmp_path / "a"), await opened("sqlite", tmp_path / "b")
    await fill(first, 3)
    await second.commit(Append(Event(at=NOW, kind="own")))
    await import_lines(second, KEY, stored("state", await exported(first)))
    record = await second.load_record("webhook", "w1")
    assert record is not None
    assert msgspec.msgpack.decode(record.payload, type=Webhook) == replace(HOOK, cursor=1)
    await first.close()
    await second.close()


ENDING = ("background", "pace", "nodes", "shadow", "awaited")
"""Chores, turns and nodes, of which every store has its own; findings, which a client's next request makes anew; and
whom somebody waits for today."""


def test_every_kind_of_record_is_exported() -> None:
    """What is worked on in the background, and what makes records by itself, is known to the archive."""
    makers = [
        file.stem
        for file in (Path(archive.__file__).parent).rglob("*.py")
        if "store" not in file.parts and re.search(r"\bRecord\(", file.read_text()) and file.stem not in ENDING
    ]
    # Their constants are what KINDS is made of.
    assert set(makers) == {
        "people", "audit", "tacs", "detections", "reach", "deliveries", "campaigns", "members", "webhooks", "rollouts",
        "node_sets", "learnt",
    }  # fmt: skip


async def test_an_export_of_the_first_format_is_read(tmp_path: Path) -> None:
    """An export made before there were records in it, and numbers of events, is put in as it was."""
    lines = [
        {"line": "mogate-export", "format": 1, "key": KEY, "at": NOW},
        {"line": "household", "subscriber": {"id": "alice"}, "devices": []},
        {"line": "event", "event": {"at": NOW, "kind": "made"}},
        {"line": "end", "households": 1, "events": 1},
    ]
    store = await opened("sqlite", tmp_path / "a")
    octets = b"\n".join(map(msgspec.json.encode, lines))
    assert await import_lines(store, KEY, stored("old", octets)) == Taken(1, 1, (), 0)
    assert [event.kind for event in await store.load_events()] == ["made"]
    await store.close()
