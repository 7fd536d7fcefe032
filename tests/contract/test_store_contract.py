"""What every store promises: the docstrings of ``gateway.store.protocol``, one test each."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from gateway.access.audit import OPEN, OPEN_SECONDS, AuditLog, Entry
from gateway.errors import Conflict, Unavailable
from gateway.fleet.device import Content, Credential, Device, OmaDmState, Rcc14State
from gateway.fleet.mirror import Fact, Mirror
from gateway.fleet.operation import Operation
from gateway.fleet.subscriber import ServiceState, Subscriber
from gateway.store.protocol import (
    AHEAD,
    AUDIT,
    Append,
    ClaimEphemeral,
    DeleteDevice,
    DeleteRecord,
    DeleteSubscriber,
    Event,
    Household,
    IdentityKind,
    PutDevice,
    PutEphemeral,
    PutMirror,
    PutOperation,
    PutRecord,
    PutSession,
    PutSubscriber,
    Record,
    SessionRecord,
    Store,
    TakeEphemeral,
    TraceEntry,
    Write,
)

OpenStore = Callable[[], Awaitable[Store]]

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
MOMENT = timedelta(microseconds=1)

ALICE = Subscriber(
    id="alice",
    imsis=("262010000000001", "262010000000002"),
    msisdn="+4915100000001",
    plan="gold",
    groups=("beta", "früh"),
    attributes={"имя": "Алиса", "emoji": "📱"},
    overrides={"ims": {"Timer_T1": "2000"}},
    state=ServiceState.DORMANT,
)
PHONE = Device(
    id="alice.1",
    imei="490154203237518",
    model="A1Pro",
    omadm=OmaDmState(
        loc_uri="IMEI:490154203237518",
        client=Credential(name="phone", secret=b"\x00\xffsealed", nonce=b"\x01\x02"),
        roots={"urn:oma:mo:ext-3gpp-ims:1.0": "./IMS"},
        last_session_at=NOW,
    ),
)
TABLET = Device(
    id="alice.2",
    friendly_name="Küche",
    rcc14=Rcc14State(version=3, contents={"w": Content(3, b"\x00", "k")}, sent_at=NOW),
)


def session(payload: bytes, revision: int = 0, expires_at: datetime = LATER) -> SessionRecord:
    return SessionRecord(device_id="alice.1", payload=payload, expires_at=expires_at, revision=revision)


def operation(name: str, status: int | None = None) -> Operation:
    return Operation(id=name, verb="Get", uri=f"./DevInfo/{name}", status=status, created_at=NOW)


async def populate(store: Store) -> None:
    await store.commit(PutSubscriber(ALICE), PutDevice(PHONE), PutDevice(TABLET))


async def collect(store: Store, after: str = "") -> list[Household]:
    return [household async for household in store.scan_households(after)]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("id", "alice"),
        ("imsi", "262010000000001"),
        ("imsi", "262010000000002"),
        ("msisdn", "+4915100000001"),
        ("imei", "490154203237518"),
    ],
)
async def test_a_household_is_found_by_every_identity(store: Store, kind: IdentityKind, value: str) -> None:
    """Id, each IMSI, MSISDN and a device's IMEI name the subscriber, who comes whole with devices as first seen."""
    await populate(store)
    assert await store.load_household(kind, value) == Household(
        replace(ALICE, revision=1), (replace(PHONE, revision=1), replace(TABLET, revision=1))
    )


@pytest.mark.parametrize("kind", ["id", "imsi", "msisdn", "imei"])
@pytest.mark.parametrize("value", ["", "alice.1", "unknown", "ALICE", "' OR 1=1 --", "\x00"])
async def test_what_names_nobody_finds_nothing(store: Store, kind: IdentityKind, value: str) -> None:
    """An unknown value gives None, and so does the empty one, though records without that identity exist."""
    await populate(store)
    await store.commit(PutSubscriber(Subscriber(id="nameless")), PutDevice(Device(id="nameless.1")))
    assert await store.load_household(kind, value) is None


async def test_a_subscriber_without_devices_is_a_household(store: Store) -> None:
    """No devices is an empty tuple, and several nameless subscribers and devices live side by side."""
    await store.commit(PutSubscriber(Subscriber(id="a")), PutSubscriber(Subscriber(id="b")))
    assert await store.load_household("id", "a") == Household(Subscriber(id="a", revision=1), ())


async def test_devices_keep_the_order_they_were_first_seen_in(store: Store) -> None:
    """Neither the number in the id nor a later write changes the order of a household."""
    numbers = [10, 9, 2, 1]
    await store.commit(PutSubscriber(Subscriber(id="s")), *(PutDevice(Device(id=f"s.{n}")) for n in numbers))
    await store.commit(PutDevice(Device(id="s.10", model="new", revision=1)))
    household = await store.load_household("id", "s")
    assert household is not None
    assert [device.id for device in household.devices] == ["s.10", "s.9", "s.2", "s.1"]


async def test_a_subscriber_id_may_contain_the_separator(store: Store) -> None:
    """``a.1`` as a subscriber and ``a.1`` as a device of ``a`` do not meet, nor do their devices."""
    await store.commit(
        *(PutSubscriber(Subscriber(id=name)) for name in ("a", "a.1")),
        *(PutDevice(Device(id=name)) for name in ("a.1", "a.1.1")),
    )
    await store.commit(DeleteSubscriber("a"))
    assert await store.load_device("a.1") is None
    assert await store.load_device("a.1.1") == Device(id="a.1.1", revision=1)


@pytest.mark.parametrize(
    "intruder",
    [
        PutSubscriber(Subscriber(id="bob", imsis=("1", "262010000000002"), revision=1)),
        PutSubscriber(Subscriber(id="bob", msisdn=ALICE.msisdn, revision=1)),
        PutDevice(Device(id="bob.1", omadm=PHONE.omadm, revision=1)),
        PutSubscriber(Subscriber(id="carol", imsis=("262010000000001",))),
        PutDevice(Device(id="bob.2", omadm=PHONE.omadm)),
        PutDevice(replace(TABLET, omadm=PHONE.omadm, revision=1)),
    ],
)
async def test_an_identity_belongs_to_one_record(store: Store, intruder: PutSubscriber | PutDevice) -> None:
    """An IMSI, MSISDN or LocURI of another record is refused with Conflict, and nothing changes."""
    await populate(store)
    await store.commit(PutSubscriber(Subscriber(id="bob", imsis=("1",))), PutDevice(Device(id="bob.1")))
    before = await collect(store)
    with pytest.raises(Conflict):
        await store.commit(intruder)
    assert await collect(store) == before


async def test_identities_move_between_subscribers(store: Store) -> None:
    """Given up in the same commit, IMSI, MSISDN and LocURI may go to another record and are found there alone."""
    await populate(store)
    await store.commit(PutSubscriber(Subscriber(id="bob")), PutDevice(Device(id="bob.1")))
    await store.commit(
        PutSubscriber(replace(ALICE, imsis=("262010000000001",), msisdn="", revision=1)),
        PutDevice(replace(PHONE, omadm=None, revision=1)),
        PutSubscriber(Subscriber(id="bob", imsis=("262010000000002",), msisdn=ALICE.msisdn, revision=1)),
        PutDevice(Device(id="bob.1", omadm=PHONE.omadm, revision=1)),
    )
    owners = {}
    for kind, value in [("imsi", ALICE.imsis[0]), ("imsi", ALICE.imsis[1]), ("msisdn", ALICE.msisdn)]:
        household = await store.load_household(kind, value)
        assert household is not None
        owners[value] = household.subscriber.id
    contact = await store.load_contact("IMEI:490154203237518", NOW)
    assert list(owners.values()) == ["alice", "bob", "bob"]
    assert contact is not None
    assert contact.device.id == "bob.1"


async def test_an_imei_names_the_device_that_was_given_it_last(store: Store) -> None:
    """A phone moves to another subscriber and back: each time the newest owner is found, writes alone move nothing."""
    await store.commit(
        *(PutSubscriber(Subscriber(id=name)) for name in "ab"),
        *(PutDevice(Device(id=f"{name}.1")) for name in "ab"),
    )

    async def owner() -> str:
        household = await store.load_household("imei", "35")
        return household.subscriber.id if household else ""

    await store.commit(PutDevice(Device(id="b.1", imei="35", revision=1)))
    assert await owner() == "b"
    await store.commit(PutDevice(Device(id="a.1", imei="35", revision=1)))
    assert await owner() == "a"
    await store.commit(PutDevice(Device(id="b.1", imei="35", model="M", revision=2)))
    assert await owner() == "a"
    await store.commit(PutDevice(Device(id="b.1", imei="35", omadm=PHONE.omadm, revision=3)))
    assert await owner() == "a"
    await store.commit(PutDevice(Device(id="b.1", imei="36", revision=4)))
    await store.commit(PutDevice(Device(id="b.1", imei="35", revision=5)))
    assert await owner() == "b"
    await store.commit(DeleteDevice("b.1"))
    assert await owner() == "a"


async def test_a_contact_is_all_that_one_message_needs(store: Store) -> None:
    """Device, subscriber, live session and pending operations in order come from one load."""
    await populate(store)
    await store.commit(
        PutSession(session(b"state"), NOW),
        *(PutOperation("alice.1", operation(name, status)) for name, status in [("z", None), ("m", 200), ("a", None)]),
        PutOperation("alice.2", operation("other")),
    )
    contact = await store.load_contact("IMEI:490154203237518", NOW)
    assert contact == (
        replace(ALICE, revision=1),
        replace(PHONE, revision=1),
        session(b"state", revision=1),
        (operation("z"), operation("a")),
    )


@pytest.mark.parametrize("loc_uri", ["", "imei:490154203237518", "IMEI:490154203237518 ", "IMEI:49015420323751%"])
async def test_a_loc_uri_is_compared_exactly(store: Store, loc_uri: str) -> None:
    """Case, blanks and wildcards count; the empty LocURI is nobody's."""
    await populate(store)
    assert await store.load_contact(loc_uri, NOW) is None


async def test_a_session_lives_until_its_end_and_not_at_it(store: Store) -> None:
    """A session is live while ``now`` is before its end. After that it is absent: revision 0 creates, others lose."""
    await populate(store)
    await store.commit(PutSession(session(b"1"), NOW))
    await store.commit(PutSession(session(b"2", revision=1), NOW))
    for now, payload in [(LATER - MOMENT, b"2"), (LATER, None), (LATER + MOMENT, None)]:
        contact = await store.load_contact("IMEI:490154203237518", now)
        assert contact is not None
        assert (contact.session.payload if contact.session else None) == payload
    with pytest.raises(Conflict):
        await store.commit(PutSession(session(b"3"), LATER - MOMENT))
    with pytest.raises(Conflict):
        await store.commit(PutSession(session(b"3", revision=2), LATER))
    await store.commit(PutSession(session(b"3", expires_at=LATER + MOMENT), LATER))
    contact = await store.load_contact("IMEI:490154203237518", LATER)
    assert contact is not None
    assert contact.session == session(b"3", revision=1, expires_at=LATER + MOMENT)


async def test_a_mirror_of_a_megabyte_comes_back_whole(store: Store) -> None:
    """Size is no matter; before anything was reported the mirror is empty with revision 0."""
    await populate(store)
    assert await store.load_mirror("alice.1") == Mirror(device_id="alice.1")
    facts = {f"./A/ü{n}": Fact(read="🙂" * 60, read_at=NOW) for n in range(4000)}
    mirror = Mirror(device_id="alice.1", facts=facts, complete=("./A",))
    await store.commit(PutMirror(mirror))
    assert await store.load_mirror("alice.1") == replace(mirror, revision=1)
    assert await store.load_mirror("alice.2") == Mirror(device_id="alice.2")


async def test_operations_keep_the_order_of_their_creation(store: Store) -> None:
    """Replacing one changes neither its place nor the others; an answered one is not pending, but not lost."""
    await populate(store)
    for name in "zmab":
        await store.commit(PutOperation("alice.1", operation(name)))
    await store.commit(PutOperation("alice.1", operation("m", status=200)))
    await store.commit(PutOperation("alice.1", replace(operation("z"), attempts=1)))
    assert list(await store.load_operations("alice.1")) == [
        replace(operation("z"), attempts=1), operation("a"), operation("b")
    ]  # fmt: skip
    everything = await store.load_operations("alice.1", pending_only=False)
    assert [(one.id, one.status) for one in everything] == [("z", None), ("m", 200), ("a", None), ("b", None)]
    assert list(await store.load_operations("alice.2", pending_only=False)) == []


@pytest.mark.parametrize(
    "orphan",
    [
        PutDevice(Device(id="nobody.1")),
        PutDevice(Device(id="nobody")),
        PutMirror(Mirror(device_id="alice.9")),
        PutSession(SessionRecord(device_id="alice.9", payload=b"", expires_at=LATER), NOW),
        PutOperation("alice.9", operation("o")),
    ],
)
async def test_nothing_outlives_what_it_belongs_to(store: Store, orphan: PutDevice | PutMirror) -> None:
    """A device without a subscriber, or something of a device that is not there, is refused with Conflict."""
    await populate(store)
    with pytest.raises(Conflict):
        await store.commit(orphan)


@pytest.mark.parametrize("revision", [0, 1, 3, 99])
@pytest.mark.parametrize("record", ["subscriber", "device", "mirror", "session"])
async def test_only_the_stored_revision_may_be_replaced(store: Store, record: str, revision: int) -> None:
    """With revision 2 stored, every other one loses, an absent record has only revision 0, and a win counts up."""
    writes: dict[str, Callable[[int], Write]] = {
        "subscriber": lambda n: PutSubscriber(replace(ALICE, revision=n)),
        "device": lambda n: PutDevice(replace(PHONE, revision=n)),
        "mirror": lambda n: PutMirror(Mirror(device_id="alice.1", revision=n)),
        "session": lambda n: PutSession(session(b"", revision=n), NOW),
    }
    write = writes[record]
    if record != "subscriber":
        await store.commit(PutSubscriber(ALICE))
    if record in ("mirror", "session"):
        await store.commit(PutDevice(PHONE))
    with pytest.raises(Conflict):
        await store.commit(write(1))
    await store.commit(write(0))
    await store.commit(write(1))
    with pytest.raises(Conflict):
        await store.commit(write(revision))
    await store.commit(write(2))
    contact = await store.load_contact("IMEI:490154203237518", NOW)
    stored = {
        "subscriber": (await collect(store))[0].subscriber,
        "device": contact and contact.device,
        "mirror": await store.load_mirror("alice.1"),
        "session": contact and contact.session,
    }[record]
    assert stored is not None
    assert stored.revision == 3


async def test_a_commit_is_all_or_nothing(store: Store) -> None:
    """One losing write at the end takes back every write before it, whatever its kind."""
    await populate(store)
    await store.commit(PutEphemeral("otp", b"1", LATER))
    with pytest.raises(Conflict):
        await store.commit(
            TakeEphemeral("otp", NOW),
            PutEphemeral("new", b"2", LATER),
            PutSubscriber(Subscriber(id="bob", imsis=("9",))),
            PutDevice(replace(PHONE, model="changed", revision=1)),
            PutMirror(Mirror(device_id="alice.1")),
            PutSession(session(b""), NOW),
            PutOperation("alice.1", operation("o")),
            Append(Event(at=NOW, kind="k")),
            DeleteDevice("alice.2"),
            PutSubscriber(replace(ALICE, revision=7)),
        )
    assert await store.load_ephemeral("otp", NOW) == b"1"
    assert await store.load_ephemeral("new", NOW) is None
    assert await collect(store) == [
        Household(replace(ALICE, revision=1), (replace(PHONE, revision=1), replace(TABLET, revision=1)))
    ]
    assert await store.load_household("imsi", "9") is None
    contact = await store.load_contact("IMEI:490154203237518", NOW)
    assert contact is not None
    assert (contact.session, contact.operations) == (None, ())
    assert (await store.load_mirror("alice.1")).revision == 0
    assert list(await store.load_events()) == []
    assert await store.last_event() == 0


async def test_writes_of_a_commit_see_those_before_them(store: Store) -> None:
    """Writes are carried out in their order: create, replace, delete and create again in one commit."""
    await store.commit(
        PutSubscriber(ALICE),
        PutSubscriber(replace(ALICE, plan="silver", revision=1)),
        PutDevice(PHONE),
        DeleteSubscriber("alice"),
        PutSubscriber(replace(ALICE, plan="bronze")),
        PutEphemeral("k", b"", LATER),
        TakeEphemeral("k", NOW),
    )
    assert await collect(store) == [Household(replace(ALICE, plan="bronze", revision=1), ())]
    assert await store.load_ephemeral("k", NOW) is None


async def test_commits_that_run_together_fail_alone(store: Store) -> None:
    """A commit that conflicts, or cannot be written at all, harms none of those that wait beside it."""
    await store.commit(PutSubscriber(Subscriber(id="s-00")))
    outcomes = await asyncio.gather(
        *(store.commit(PutSubscriber(Subscriber(id=f"s-{n % 30:02}")), Append(Event(at=NOW, kind=f"{n}")))
          for n in range(40)),
        store.commit(Append(Event(at=NOW, kind="unwritable"))  , PutSubscriber(Subscriber(id="\ud800"))),
        return_exceptions=True,
    )  # fmt: skip
    assert [n for n, outcome in enumerate(outcomes) if isinstance(outcome, Conflict)] == [0, *range(30, 40)]
    assert isinstance(outcomes[40], UnicodeError)
    assert [household.subscriber.id for household in await collect(store)] == [f"s-{n:02}" for n in range(30)]
    assert {event.kind for event in await store.load_events()} == {f"{n}" for n in range(1, 30)}


async def test_a_refused_removal_loses_no_trace(store: Store) -> None:
    """What was said with a phone is kept, though the removal that came next met a conflict."""
    await store.commit(PutSubscriber(ALICE), PutDevice(PHONE))
    store.trace(exchange(PHONE.id, 1), LATER, keep=5)
    with pytest.raises(Conflict):
        await store.commit(DeleteDevice("nobody"), PutSubscriber(ALICE))
    assert len(await store.load_trace([PHONE.id], 5, NOW)) == 1


async def test_a_cancelled_commit_holds_up_nobody(store: Store) -> None:
    """Whoever gives up waiting leaves the commits beside and after it untouched."""
    commits = [asyncio.ensure_future(store.commit(PutSubscriber(Subscriber(id=f"s{n}")))) for n in range(3)]
    await asyncio.sleep(0)
    commits[0].cancel()
    outcomes = await asyncio.gather(*commits, return_exceptions=True)
    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert outcomes[1:] == [None, None]
    await store.commit(PutSubscriber(Subscriber(id="after")))
    assert {"s1", "s2", "after"} <= {household.subscriber.id for household in await collect(store)}


async def test_racing_writers_lose_nothing(open_store: OpenStore) -> None:
    """Compare-and-set loops through two handles, as two workers run them, add up to every single increment."""
    stores = [await open_store(), await open_store()]
    await stores[0].commit(PutSubscriber(Subscriber(id="s", attributes={"n": "0"})))

    async def count_up(store: Store, times: int) -> None:
        while times:
            household = await store.load_household("id", "s")
            assert household is not None
            subscriber = household.subscriber
            n = int(subscriber.attributes["n"])
            try:
                await store.commit(PutSubscriber(replace(subscriber, attributes={"n": str(n + 1)})))
                times -= 1
            except Conflict:
                continue

    await asyncio.gather(*(count_up(store, 5) for store in stores for _ in range(4)))
    household = await stores[0].load_household("id", "s")
    assert household is not None
    assert (household.subscriber.attributes["n"], household.subscriber.revision) == ("40", 41)


async def test_what_was_committed_is_seen_by_every_handle(open_store: OpenStore) -> None:
    """When commit returns, this handle and any other load what was written, and so does one opened after a close."""
    first, second = await open_store(), await open_store()
    await populate(first)
    assert await collect(second) == await collect(first)
    await first.close()
    assert await collect(await open_store()) == await collect(second)


async def test_an_empty_commit_is_nothing(store: Store) -> None:
    """No writes, no effect, no error."""
    await store.commit()
    assert await collect(store) == []


async def test_an_ephemeral_value_lives_until_its_end(store: Store) -> None:
    """It can be loaded and taken before its end and not at it; a later value takes its place."""
    await store.commit(PutEphemeral("k", b"old", NOW), PutEphemeral("k", b"\x00new", LATER))
    assert await store.load_ephemeral("k", LATER - MOMENT) == b"\x00new"
    assert await store.load_ephemeral("k", LATER) is None
    assert await store.load_ephemeral("K", NOW) is None
    with pytest.raises(Conflict):
        await store.commit(TakeEphemeral("k", LATER))
    await store.commit(TakeEphemeral("k", LATER - MOMENT))
    assert await store.load_ephemeral("k", NOW) is None


async def test_a_place_is_claimed_once(open_store: OpenStore) -> None:
    """Of many who claim a key at once, through several connections, one gets it, until its end."""
    stores = [await open_store() for _ in range(2)]
    claim = ClaimEphemeral("place", b"mine", LATER, NOW)
    outcomes = await asyncio.gather(
        *(store.commit(claim) for _ in range(8) for store in stores), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes if outcome is not None] == [Conflict] * 15
    await stores[0].commit(ClaimEphemeral("place", b"theirs", LATER + MOMENT, LATER))
    assert await stores[1].load_ephemeral("place", LATER) == b"theirs"


async def test_an_ephemeral_value_is_taken_once(open_store: OpenStore) -> None:
    """Of many takes at the same moment, through two handles, exactly one wins."""
    stores = [await open_store(), await open_store()]
    await stores[0].commit(PutEphemeral("otp", b"123456", LATER))
    outcomes = await asyncio.gather(
        *(store.commit(TakeEphemeral("otp", NOW)) for _ in range(8) for store in stores), return_exceptions=True
    )
    assert [outcome for outcome in outcomes if not isinstance(outcome, Conflict)] == [None]


async def test_expire_drops_what_ended_and_nothing_else(store: Store) -> None:
    """Sessions and values that ended by ``now`` go, more than one batch of them, and are counted once."""
    await populate(store)
    await store.commit(
        *(PutEphemeral(f"old-{n}", b"", NOW) for n in range(1201)),
        PutEphemeral("live", b"1", NOW + MOMENT),
        PutSession(session(b"", expires_at=NOW), NOW - MOMENT),
        PutSession(SessionRecord(device_id="alice.2", payload=b"", expires_at=NOW + MOMENT), NOW),
    )
    assert await store.expire(NOW) == 1202
    assert await store.expire(NOW) == 0
    assert await store.load_ephemeral("live", NOW) == b"1"
    assert await store.expire(NOW + MOMENT) == 2


@pytest.mark.parametrize("deletion", [DeleteSubscriber("alice"), DeleteDevice("alice.1")])
async def test_deletion_removes_everything_but_the_log(store: Store, deletion: DeleteSubscriber | DeleteDevice) -> None:
    """Nothing of a deleted device is found, its identities are free, and the same id starts from nothing."""
    await populate(store)
    await store.commit(
        PutMirror(Mirror(device_id="alice.1", facts={"./A": Fact(read="1")})),
        PutSession(session(b"state"), NOW),
        PutOperation("alice.1", operation("o")),
        PutOperation("alice.1", operation("done", status=200)),
        Append(Event(at=NOW, kind="seen", subscriber_id="alice", device_id="alice.1")),
    )
    store.touch("alice.1", NOW)
    await store.commit(deletion)
    assert await store.load_device("alice.1") is None
    assert await store.load_contact("IMEI:490154203237518", NOW) is None
    assert await store.load_household("imei", "490154203237518") is None
    assert (await store.load_device("alice.2") is None) is isinstance(deletion, DeleteSubscriber)
    if isinstance(deletion, DeleteSubscriber):
        for kind, value in [("id", "alice"), ("imsi", ALICE.imsis[1]), ("msisdn", ALICE.msisdn)]:
            assert await store.load_household(kind, value) is None
        await store.commit(PutSubscriber(ALICE))
    await store.commit(PutDevice(PHONE))
    assert await store.load_contact("IMEI:490154203237518", NOW) == (
        replace(ALICE, revision=1), replace(PHONE, revision=1), None, ()
    )  # fmt: skip
    assert await store.load_mirror("alice.1") == Mirror(device_id="alice.1")
    assert list(await store.load_operations("alice.1", pending_only=False)) == []
    assert await store.load_last_seen(["alice.1"]) == {}
    assert [event.kind for event in await store.load_events(device_id="alice.1")] == ["seen"]


async def test_deleting_what_is_not_there_is_no_error(store: Store) -> None:
    """A deletion says what shall be gone."""
    await populate(store)
    before = await collect(store)
    await store.commit(DeleteDevice("alice.9"), DeleteSubscriber("bob"), DeleteSubscriber("alice.1"))
    assert await collect(store) == before


async def test_last_seen_is_the_newest_touch(open_store: OpenStore) -> None:
    """A touch counts at once in its own handle, an older one changes nothing, and close keeps it for others."""
    first = await open_store()
    await populate(first)
    first.touch("alice.1", NOW)
    first.touch("alice.1", NOW - MOMENT)
    first.touch("alice.9", NOW)
    assert await first.load_last_seen(["alice.1", "alice.2", "alice.9"]) == {"alice.1": NOW}
    await first.close()
    second = await open_store()
    assert await second.load_last_seen(["alice.1", "alice.2"]) == {"alice.1": NOW}
    second.touch("alice.1", NOW - MOMENT)
    assert await second.load_last_seen(["alice.1"]) == {"alice.1": NOW}
    await second.close()
    third = await open_store()
    assert await third.load_last_seen(["alice.1"] * 2) == {"alice.1": NOW}
    third.touch("alice.1", LATER)
    await third.close()
    assert await (await open_store()).load_last_seen(["alice.1"]) == {"alice.1": LATER}


async def test_a_touch_of_a_clock_that_was_ahead_gives_way(open_store: OpenStore) -> None:
    """When the clock is right again, so is what it notes."""
    for at in (NOW + AHEAD + MOMENT, NOW):
        store = await open_store()
        if at != NOW:
            await populate(store)
        store.touch("alice.1", at)
        await store.close()
    assert await (await open_store()).load_last_seen(["alice.1"]) == {"alice.1": NOW}


def exchange(owner: str, number: int, *, proven: bool = True) -> TraceEntry:
    return TraceEntry(
        owner=owner,
        at=NOW + MOMENT * number,
        protocol="omadm-wbxml",
        request=b"\x02\xff%d" % number,
        answer=b"\x00",
        decisions=("gesagt: ✓",),
        proven=proven,
    )


async def requests(store: Store, *owners: str, limit: int = 100) -> list[bytes]:
    return [entry.request for entry in await store.load_trace(owners, limit, NOW - MOMENT)]


async def test_traces_come_back_newest_last(store: Store, open_store: OpenStore) -> None:
    """What was noted is seen at once here and after a close elsewhere; owners are told apart, ``limit`` bounds."""
    for number in range(4):
        store.trace(exchange("alice.1", number), LATER, 10)
        store.trace(exchange("alice", number + 10), LATER, 10)
    found = await store.load_trace(["alice.1"], 3, NOW)
    assert [replace(entry, seq=0) for entry in found] == [exchange("alice.1", number) for number in (1, 2, 3)]
    assert all(one.seq < other.seq for one, other in itertools.pairwise(found))
    assert await requests(store, "alice.1", "alice", limit=3) == [b"\x02\xff12", b"\x02\xff3", b"\x02\xff13"]
    assert await requests(store, "bob.1") == []
    store.trace(exchange("alice.1", 4), LATER, 10)
    await store.close()
    assert len(await requests(await open_store(), "alice.1")) == 5


async def test_a_trace_is_found_while_it_is_being_written(store: Store) -> None:
    """Whoever asks in the very moment in which noted exchanges are written waits for that."""
    store.trace(exchange("alice.1", 1), LATER, 10)
    loads = (store.load_trace(["alice.1"], 5, NOW) for _ in range(2))
    assert [len(found) for found in await asyncio.gather(*loads)] == [1, 1]
    store.trace(exchange("alice.1", 2), LATER, 10)
    assert await asyncio.gather(store.load_traced_owners(5), store.load_traced_owners(5)) == [["alice.1"], ["alice.1"]]


async def test_who_was_traced_last_comes_first(store: Store) -> None:
    """Each once, those just noted and those of before, as many as are asked for."""
    for number, owner in enumerate(["alice.1", "bob", "alice.1", "carol.1"]):
        store.trace(exchange(owner, number), LATER, 10)
    assert await store.load_traced_owners(10) == ["carol.1", "alice.1", "bob"]
    store.trace(exchange("bob", 5), LATER, 10)
    assert await store.load_traced_owners(2) == ["bob", "carol.1"]


async def test_strangers_push_no_trace_out(store: Store) -> None:
    """The newest of each owner stay, counted apart for those who proved who they are and those who did not."""
    for number in range(5):
        store.trace(exchange("alice.1", number), LATER, 3)
    for number in range(5, 30):
        store.trace(exchange("alice.1", number, proven=False), LATER, 2)
    store.trace(exchange("alice.2", 30), LATER, 3)
    assert await requests(store, "alice.1") == [b"\x02\xff%d" % number for number in (2, 3, 4, 28, 29)]


async def test_traces_end_with_their_time_and_their_owner(store: Store) -> None:
    """Expired traces are dropped; those of a device or subscriber go with it, and other owners' stay."""
    await store.commit(PutSubscriber(ALICE), PutDevice(PHONE), PutDevice(Device(id="alice.2")))
    for owner in ("alice", "alice.1", "alice.2", "alice-2.1", "alice2"):
        store.trace(exchange(owner, 1), LATER, 10)
    store.trace(exchange("alice.1", 0), NOW, 10)
    assert len(await store.load_trace(["alice.1"], 10, NOW - MOMENT)) == 2
    assert len(await store.load_trace(["alice.1"], 10, NOW)) == 1
    assert await store.expire(NOW) == 0
    store.trace(exchange("alice.1", 2), LATER, 10)
    await store.commit(DeleteDevice("alice.1"))
    assert await requests(store, "alice.1") == []
    await store.commit(DeleteSubscriber("alice"))
    assert await requests(store, "alice", "alice.2") == []
    assert len(await requests(store, "alice-2.1", "alice2")) == 2


async def test_a_scan_gives_every_household_once_in_order(store: Store) -> None:
    """Ascending by id as code points, from after the given id, with all devices, however many there are."""
    names = sorted([f"s{n:03}" for n in range(240)] + ["S", "é", "z\U0001f4f1", "z\uffff"])
    await store.commit(*(PutSubscriber(Subscriber(id=name)) for name in reversed(names)))
    await store.commit(*(PutDevice(Device(id=f"{name}.{n}")) for name in names[::3] for n in range(3)))
    households = await collect(store)
    assert [household.subscriber.id for household in households] == names
    assert [len(household.devices) for household in households] == [0 if n % 3 else 3 for n in range(len(names))]
    assert [household.subscriber.id for household in await collect(store, after="s2")] == names[names.index("s200") :]
    assert await collect(store, after=names[-1]) == []


async def test_a_scan_is_steady_while_others_write(store: Store) -> None:
    """Households that stay throughout are given exactly once, though others come and go meanwhile."""
    stay = [f"s{n:03}" for n in range(0, 600, 2)]
    await store.commit(*(PutSubscriber(Subscriber(id=name)) for name in stay))
    seen: list[str] = []
    async for household in store.scan_households():
        number = len(seen)
        seen.append(household.subscriber.id)
        if number % 50 == 0:
            await store.commit(
                PutSubscriber(Subscriber(id=f"{household.subscriber.id}-behind")),
                DeleteSubscriber(f"s{number - 49:03}"),
            )
            await store.commit(PutSubscriber(Subscriber(id=f"s{number + 1:03}")))
    assert [name for name in seen if name in stay] == stay


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


async def test_a_closed_store_is_unavailable(open_store: OpenStore) -> None:
    """After close, loads and commits raise Unavailable; closing waits for what was under way, and again is harmless."""
    store = await open_store()
    under_way = [asyncio.ensure_future(store.commit(PutSubscriber(Subscriber(id=f"s{n}")))) for n in range(5)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*under_way)
    with pytest.raises(Unavailable):
        await store.load_device("alice.1")
    with pytest.raises(Unavailable):
        await store.commit(PutSubscriber(ALICE))
    await store.close()
    assert len(await collect(await open_store())) == 5


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
    assert (await store.load_record("chore", "c"), await store.load_device(PHONE.id)) == (
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
