"""Pushes from the order to the call: handed over, tried again, given up, heard of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from clocks import WallClock
from msgspec.structs import replace

from gateway.errors import ConfigError, Conflict, NotFound, Rejected, Throttled, Unavailable
from gateway.fleet.device import Device
from gateway.fleet.push import Fate, PreparedPush, Push, Receipt, Submission
from gateway.fleet.subscriber import Subscriber
from gateway.observe import metrics
from gateway.outreach.background import Background
from gateway.outreach.deliveries import CODE, LEASE_SECONDS, Reach, find_push, note_awaited, note_call
from gateway.sealing import Sealer
from gateway.settings import Sms
from gateway.store.protocol import PutDevice, PutSubscriber
from gateway.store.sqlite import SqliteStore

START = datetime(2026, 3, 1, tzinfo=UTC)
SECRET = b"\x01\x06secret"
SEGMENTS = (bytes.fromhex("0605040B8423F0") + SECRET, bytes.fromhex("0605040B8423F0") + b"second")
PREPARED = PreparedPush("OMA DM notification", {}, "", b"", b"", SEGMENTS)
QUICK = Sms(retry_seconds=0.01, max_retry_seconds=0.02)


class Outbox:
    """A bearer that does as it is told, one word after the other: an error, or nothing."""

    channel = "smpp"

    def __init__(self, *words: Exception | None) -> None:
        self.words = list(words)
        self.sent: list[Submission] = []

    async def send(self, message: Submission, validity_seconds: int, *, receipt: bool = False) -> str:
        word = self.words.pop(0) if self.words else None
        if word is not None:
            raise word
        self.sent.append(message)
        return f"/m{len(self.sent)}"


class Lab(WallClock):
    """A store, and whatever reaches for phones over it; the clock stands unless it is moved."""

    def __init__(self, store: SqliteStore, sealer: Sealer) -> None:
        super().__init__(START)
        self.store = store
        self.sealer = sealer
        self.open: list[tuple[Reach, Background]] = []

    def reach(self, outbox: Outbox, settings: Sms = QUICK) -> Reach:
        background = Background(self.store, self.clock, ticks=self.ticks, poll_seconds=0.01)
        reach = Reach(self.store, outbox, self.sealer, settings, background, self.clock)
        self.open.append((reach, background))
        background.start()
        return reach

    async def close(self) -> None:
        """What the end of a process is to its pushes."""
        while self.open:
            for part in self.open.pop():
                await part.close()

    def clock(self) -> datetime:
        # Time goes by while something waits: what is due in a moment comes due.
        self.now += timedelta(milliseconds=5)
        return self.now

    async def settled(self, reach: Reach, push_id: str) -> Push:
        """The push when nothing more is done about it here."""
        await asyncio.wait_for(reach.settled(), 30)
        async with asyncio.timeout(30):
            while await self.store.count_waiting("push"):  # noqa: ASYNC110 - the store tells nobody
                await asyncio.sleep(0.01)
        return (await find_push(self.store, push_id))[1]

    async def events(self) -> list[str]:
        return [event.kind for event in await self.store.load_events(device_id="ann.1")]


@pytest.fixture
async def lab(store: SqliteStore, sealer: Sealer) -> AsyncIterator[Lab]:
    subscriber = Subscriber(id="ann", imsis=("001010000000001",), msisdn="+15550100123")
    await store.commit(PutSubscriber(subscriber), PutDevice(Device(id="ann.1")))
    lab = Lab(store, sealer)
    yield lab
    await lab.close()


def count(result: str) -> float:
    return (
        metrics.registry.get_sample_value(
            "mogate_push_total", {"channel": "smpp", "kind": "dm_notify", "result": result}
        )
        or 0.0
    )


async def test_a_push_is_kept_before_it_is_sent(lab: Lab) -> None:
    """The answer has the id; the octets are sealed while they are kept, and gone when all parts are handed over."""
    outbox = Outbox()
    reach = lab.reach(outbox)
    ordered = await reach.order("ann", PREPARED, "dm_notify", device_id="ann.1", session_id="1A2B")
    kept = (await find_push(lab.store, ordered.id))[1]
    assert (kept.state, kept.parts, kept.attempts, kept.session_id) == ("waiting", 2, 1, "1A2B")
    assert SECRET not in kept.payload
    after = await lab.settled(reach, ordered.id)
    assert (after.state, after.message_ids, after.payload, after.due_at) == ("submitted", ("/m1", "/m2"), b"", None)
    assert [message.header + message.body for message in outbox.sent] == list(SEGMENTS)
    assert {(message.to, message.coding) for message in outbox.sent} == {("+15550100123", 4)}
    assert await lab.events() == ["push.ordered", "push.submitted"]


async def test_what_failed_is_tried_again_from_the_part_that_failed(lab: Lab) -> None:
    """A part that was taken is not sent twice; too many at once are counted apart."""
    throttled = count("throttled")
    outbox = Outbox(None, Unavailable("the link is down"), Throttled("too many", 0), None)
    reach = lab.reach(outbox)
    push = await lab.settled(reach, (await reach.order("ann", PREPARED, "dm_notify", device_id="ann.1")).id)
    assert (push.state, push.attempts, push.why) == ("submitted", 3, "")
    assert [message.header + message.body for message in outbox.sent] == list(SEGMENTS)
    await reach.settled()
    metrics.render()
    assert count("throttled") == throttled + 1


@pytest.mark.parametrize(
    ("word", "settings", "why"),
    [
        (Rejected("ESME_RINVDSTADR"), QUICK, "ESME_RINVDSTADR"),
        (Unavailable("the link is down"), Sms(retry_seconds=10, deadline_seconds=5), "the link is down"),
    ],
)
async def test_what_is_hopeless_is_given_up(lab: Lab, word: Exception, settings: Sms, why: str) -> None:
    """A refusal for good, or the deadline: the push says why, and its octets are gone."""
    reach = lab.reach(Outbox(word), settings)
    push = await lab.settled(reach, (await reach.order("ann", PREPARED, "dm_notify", device_id="ann.1")).id)
    assert (push.state, push.why, push.payload, push.due_at) == ("failed", why, b"", None)
    assert await lab.events() == ["push.ordered", "push.failed"]


async def test_what_a_dead_process_left_is_sent_once_more(lab: Lab) -> None:
    """Not before its turn at it is over, and by one of those that start then."""
    dead = lab.reach(Outbox())
    ordered = await dead.order("ann", PREPARED, "dm_notify", device_id="ann.1")
    await lab.close()
    outboxes = Outbox(), Outbox()
    lab.reach(outboxes[0])
    await asyncio.sleep(0.05)
    await lab.close()
    assert not outboxes[0].sent
    lab.now = START + timedelta(seconds=LEASE_SECONDS + 1)
    late = [lab.reach(outbox) for outbox in outboxes]
    assert (await lab.settled(late[0], ordered.id)).state == "submitted"
    assert sorted(len(outbox.sent) for outbox in outboxes) == [0, 2]


async def test_receipts_are_matched_to_their_push(lab: Lab) -> None:
    """It is delivered when all parts are; a receipt that comes twice, or says that all goes well, changes nothing."""
    reach = lab.reach(Outbox())
    push = await lab.settled(reach, (await reach.order("ann", PREPARED, "dm_notify", device_id="ann.1")).id)
    for receipt in (
        Receipt("/m1", None, "ENROUTE"), Receipt("/m1", Fate.DELIVERED, ""), Receipt("/m1", Fate.DELIVERED, "")
    ):  # fmt: skip
        reach.hear(receipt)
        push = await lab.settled(reach, push.id)
    assert push.state == "submitted"
    reach.hear(Receipt("/m2", Fate.DELIVERED, "DELIVRD"))
    assert (await lab.settled(reach, push.id)).state == "delivered"
    assert await lab.events() == ["push.ordered", "push.submitted", "push.delivered"]


async def test_a_receipt_of_failure_says_why(lab: Lab) -> None:
    """In the SMSC's words."""
    reach = lab.reach(Outbox())
    push = await lab.settled(reach, (await reach.order("ann", PREPARED, "dm_notify", device_id="ann.1")).id)
    reach.hear(Receipt("/m1", Fate.EXPIRED, "EXPIRED, error 001"))
    after = await lab.settled(reach, push.id)
    assert (after.state, after.why) == ("failed", "EXPIRED, error 001")


async def test_a_receipt_for_a_code_is_counted(lab: Lab) -> None:
    """One that arrived is delivered; whatever came of it, it is no push's."""

    def found() -> tuple[float | None, ...]:
        metrics.render()
        pushes = [
            metrics.registry.get_sample_value("mogate_push_total", {"channel": "smpp", "kind": "otp", "result": result})
            for result in ("delivered", "failed")
        ]
        return (metrics.registry.get_sample_value("mogate_otp_total", {"stage": "delivered"}), *pushes)

    def grown(before: tuple[float | None, ...]) -> list[float]:
        return [(after or 0) - (was or 0) for after, was in zip(found(), before, strict=True)]

    before, reach = found(), lab.reach(Outbox())
    until = lab.now + timedelta(hours=1)
    await lab.store.commit(note_awaited("/c1", CODE, until), note_awaited("/c2", CODE, until))
    reach.hear(Receipt("/c1", Fate.DELIVERED, ""))
    reach.hear(Receipt("/c2", Fate.FAILED, "UNDELIV"))
    await asyncio.wait_for(reach.settled(), 30)
    assert grown(before) == [1, 1, 1]


async def test_a_receipt_for_nothing_known_is_counted(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """And harms nothing."""
    monkeypatch.setattr("gateway.outreach.deliveries.RECEIPT_WAITS", (0.0,))
    before = metrics.registry.get_sample_value("mogate_push_receipts_total", {"result": "unknown"}) or 0.0
    reach = lab.reach(Outbox())
    reach.hear(Receipt("/nobody", Fate.DELIVERED, ""))
    await asyncio.wait_for(reach.settled(), 30)
    metrics.render()
    assert metrics.registry.get_sample_value("mogate_push_receipts_total", {"result": "unknown"}) == before + 1


async def test_a_call_ends_what_it_was_asked_for_by(lab: Lab) -> None:
    """Of the device that was called, by the protocol that it was called to; a push not handed over called nobody."""
    reach = lab.reach(Outbox())
    push = await lab.settled(reach, (await reach.order("ann", PREPARED, "dm_notify", device_id="ann.1")).id)
    (subscriber, _), now = await find_push(lab.store, push.id), lab.now
    assert note_call(subscriber, "ann.2", ("dm_notify",), now) == []
    assert note_call(subscriber, "ann.1", ("rcscfg",), now) == []
    await lab.store.commit(*note_call(subscriber, "ann.1", ("dm_notify",), now))
    subscriber, push = await find_push(lab.store, push.id)
    assert (push.state, push.contacted_at) == ("contacted", now)
    assert note_call(subscriber, "ann.1", ("dm_notify",), now) == []
    waiting = replace(push, submitted_at=None, contacted_at=None, message_ids=())
    assert note_call(replace(subscriber, pushes=(waiting,)), "ann.1", ("dm_notify",), now) == []
    assert (await lab.events())[-1] == "push.contacted"


async def test_an_order_that_cannot_be_kept_sends_nothing(lab: Lab) -> None:
    """Without a number, or with other records that lost against another writer."""
    outbox = Outbox()
    reach = lab.reach(outbox)
    stale = PutDevice(Device(id="ann.1"))
    with pytest.raises(Conflict):
        await reach.order("ann", PREPARED, "cp", [stale], device_id="ann.1")
    await lab.store.commit(PutSubscriber(Subscriber(id="mute")))
    with pytest.raises(ConfigError, match="MSISDN"):
        await reach.order("mute", PREPARED, "rcscfg")
    assert not outbox.sent
    for unknown in ("ann.1-none", "", "-", "nobody-1"):
        with pytest.raises(NotFound):
            await find_push(lab.store, unknown)


async def test_the_newest_are_remembered(lab: Lab) -> None:
    """Old ones that are over make room."""
    reach = lab.reach(Outbox())
    ids = []
    for _ in range(7):
        ids.append((await reach.order("ann", PREPARED, "dm_notify", device_id="ann.1")).id)
        await lab.settled(reach, ids[-1])
    household = await lab.store.load_household("id", "ann")
    assert household is not None
    assert [push.id for push in household.subscriber.pushes] == ids[-5:]


class SlowOutbox(Outbox):
    """A bearer that waits for a word before it takes a message."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = 0
        self.answers = asyncio.Event()

    async def send(self, message: Submission, validity_seconds: int, *, receipt: bool = False) -> str:
        self.begun += 1
        await self.answers.wait()
        return await super().send(message, validity_seconds, receipt=receipt)


@pytest.mark.parametrize("step", [timedelta(days=400), timedelta(days=-400)])
async def test_a_push_under_way_while_the_clock_is_moved_is_sent_once(lab: Lab, step: timedelta) -> None:
    """Neither this process nor another one takes it for left behind."""
    outbox, other = SlowOutbox(), Outbox()
    reach = lab.reach(outbox)
    lab.reach(other)
    ordered = await reach.order("ann", PREPARED, "dm_notify", device_id="ann.1")
    async with asyncio.timeout(30):
        while not outbox.begun:  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.005)
    lab.move(step)
    await lab.noticed(lab.store, 2)
    assert (outbox.begun, other.sent) == (1, [])
    outbox.answers.set()
    assert (await lab.settled(reach, ordered.id)).state == "submitted"
    lab.move(-step)
    await lab.noticed(lab.store, 4)
    lab.now += timedelta(seconds=LEASE_SECONDS)
    await asyncio.sleep(0.1)
    assert (len(outbox.sent), other.sent) == (2, [])


async def test_a_push_that_a_clock_ahead_put_off_is_sent_when_it_is_right(lab: Lab) -> None:
    """Once."""
    lab.move(timedelta(days=400))
    outbox = Outbox(Unavailable("the link is down"))
    reach = lab.reach(outbox, Sms(retry_seconds=300, max_retry_seconds=300))
    ordered = await reach.order("ann", PREPARED, "dm_notify", device_id="ann.1")
    await asyncio.wait_for(reach.settled(), 30)
    lab.move(timedelta(days=-400))
    await lab.noticed(lab.store)
    assert outbox.sent == []
    lab.now += timedelta(seconds=LEASE_SECONDS + 1)
    assert (await lab.settled(reach, ordered.id)).state == "submitted"
    assert len(outbox.sent) == 2


async def test_what_waited_for_its_turn_longer_than_its_lease_is_left_to_who_has_it_then(lab: Lab) -> None:
    """So it is sent once, though many were ordered at once and the bearer is slow."""
    outbox = SlowOutbox()
    reach = lab.reach(outbox)
    reach._turns = asyncio.Semaphore(1)
    first = await reach.order("ann", PREPARED, "dm_notify", device_id="ann.1")
    second = await reach.order("ann", PREPARED, "dm_notify", device_id="ann.1")
    async with asyncio.timeout(30):
        while not outbox.begun:  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.005)
    await lab.open[0][1].close()  # This process looks for no work any more; what it has, it has.
    heir = lab.reach(Outbox())
    lab.now += timedelta(seconds=LEASE_SECONDS)
    async with asyncio.timeout(30):
        while (await find_push(lab.store, second.id))[1].state != "submitted":  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    outbox.answers.set()
    await lab.settled(heir, first.id)
    await asyncio.wait_for(reach.settled(), 30)
    assert len(outbox.sent) == 2
