"""What every store promises: the docstrings of ``gateway.store.protocol``, one test each."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

import msgspec
import pytest
from msgspec.structs import replace
from store_scene import (
    ALICE,
    LATER,
    MOMENT,
    NOW,
    PHONE,
    TABLET,
    OpenStore,
    collect,
    exchange,
    load_device,
    operation,
    populate,
    session,
)

from gateway.errors import Conflict, Unavailable
from gateway.fleet.device import Device, Rcc14State
from gateway.fleet.mirror import Fact, Mirror
from gateway.fleet.subscriber import Subscriber
from gateway.store.protocol import (
    Append,
    DeleteDevice,
    DeleteSubscriber,
    Event,
    Household,
    IdentityKind,
    PutDevice,
    PutEphemeral,
    PutMirror,
    PutOperation,
    PutSession,
    PutSubscriber,
    SessionRecord,
    Store,
    TakeEphemeral,
    Write,
)


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


async def test_a_device_comes_with_its_subscriber(store: Store) -> None:
    """As both are now, whichever of the household it is; nothing for a device that is not there or has gone."""
    phone, client = Device(id="s.1", model="phone"), Device(id="s.2", model="client")
    await store.commit(PutSubscriber(Subscriber(id="s", plan="basic")), PutDevice(phone), PutDevice(client))
    await store.commit(PutSubscriber(Subscriber(id="s", plan="premium", revision=1)))
    subscriber = Subscriber(id="s", plan="premium", revision=2)
    assert await store.load_owned("s.1") == (subscriber, replace(phone, revision=1))
    assert await store.load_owned("s.2") == (subscriber, replace(client, revision=1))
    await store.commit(DeleteDevice("s.2"))
    for nobody in ("s.2", "s.3", "s", "t.1", ""):
        assert await store.load_owned(nobody) is None


async def test_a_record_comes_back_in_its_own_order(store: Store) -> None:
    """What a device says is kept in the order it was said in: digests are made of the encoded record."""
    said = dict.fromkeys(("zeta", "alpha", "mid", "rcs_profile", "IMEI", "app"), "1")
    state = Rcc14State(parameters=said, unknown=dict(reversed(said.items())), token_issued_at=NOW)
    device = Device(id="order.1", rcc14=state, overrides={"rcs": {"b": "1", "a": "2"}, "ims": {"c": "3"}})
    await store.commit(PutSubscriber(Subscriber(id="order")), PutDevice(device))
    found = await load_device(store, "order.1")
    assert msgspec.msgpack.encode(found) == msgspec.msgpack.encode(replace(device, revision=1))


async def test_a_subscriber_id_may_contain_the_separator(store: Store) -> None:
    """``a.1`` as a subscriber and ``a.1`` as a device of ``a`` do not meet, nor do their devices."""
    await store.commit(
        *(PutSubscriber(Subscriber(id=name)) for name in ("a", "a.1")),
        *(PutDevice(Device(id=name)) for name in ("a.1", "a.1.1")),
    )
    await store.commit(DeleteSubscriber("a"))
    assert await store.load_owned("a.1") is None
    assert await load_device(store, "a.1.1") == Device(id="a.1.1", revision=1)


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


async def test_what_was_not_there_is_found_once_another_process_has_written_it(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever its octets begin with: a store may put octets of chance before them."""
    one, other = await open_store(), await open_store()
    await populate(one)
    contact = await one.load_contact("IMEI:490154203237518", NOW)
    assert contact is not None
    assert contact.session is None
    with monkeypatch.context() as patch:
        patch.setattr(os, "urandom", lambda count: b" " * count)
        await other.commit(PutSession(session(b"state"), NOW))
    contact = await one.load_contact("IMEI:490154203237518", NOW)
    assert contact is not None
    assert contact.session is not None
    assert contact.session.payload == b"state"


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
    assert await store.load_owned("alice.1") is None
    assert await store.load_contact("IMEI:490154203237518", NOW) is None
    assert await store.load_household("imei", "490154203237518") is None
    assert (await store.load_owned("alice.2") is None) is isinstance(deletion, DeleteSubscriber)
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


async def test_a_closed_store_is_unavailable(open_store: OpenStore) -> None:
    """After close, loads and commits raise Unavailable; closing waits for what was under way, and again is harmless."""
    store = await open_store()
    under_way = [asyncio.ensure_future(store.commit(PutSubscriber(Subscriber(id=f"s{n}")))) for n in range(5)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*under_way)
    with pytest.raises(Unavailable):
        await store.load_owned("alice.1")
    with pytest.raises(Unavailable):
        await store.commit(PutSubscriber(ALICE))
    await store.close()
    assert len(await collect(await open_store())) == 5
