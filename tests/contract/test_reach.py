"""Orders that devices should call, over every store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from clocks import WallClock
from msgspec.structs import replace
from store_scene import load_device

from gateway.errors import NotFound
from gateway.fleet.device import Content, Credential, Device, OmaDmState, Rcc14State
from gateway.fleet.profile import ProfileSet
from gateway.fleet.push import Push
from gateway.fleet.subscriber import Subscriber
from gateway.fleet.tac import PhoneModel
from gateway.mo.catalogue import Catalogue
from gateway.outreach.background import Background
from gateway.outreach.reach import WORK, Reachings
from gateway.service import Service
from gateway.settings import Reach
from gateway.store.protocol import PutDevice, PutSubscriber, Store
from gateway.tacs import Tacs

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
CATALOGUE = Catalogue.load(Path(__file__).parents[2] / "config" / "mo", identifiers={})
LOGIN = Credential(name="n", secret=b"s")
MET = Rcc14State(version=1, sent_version=1, sent_at=NOW)


class Sent:
    """Takes the place of a bearer: what was pushed, and by which way."""

    can_send = True

    def __init__(self) -> None:
        self.ways: list[str] = []

    async def notify(self, device: Device) -> Any:
        return self._took("dm_notify")

    async def reconfigure(self, subscriber: Subscriber, imsi: str, *, by_impi: bool) -> Any:
        return self._took("rcscfg")

    def _took(self, way: str) -> Any:
        self.ways.append(way)
        return type("Ordered", (), {"push": None})()


class House(WallClock):
    """One process over the store: its clock, what it sent, and its orders."""

    def __init__(self, store: Store, **settings: Any) -> None:
        super().__init__(NOW)
        self.store, self.sent = store, Sent()
        self.service = service = Service(CATALOGUE, ProfileSet([], CATALOGUE), plmns=["00101"], roots={})
        self.background = Background(store, lambda: self.now, ticks=self.ticks)
        self.reachings = Reachings(
            store, service, self.sent, Reach(**settings), self.background, lambda: self.now  # type: ignore[arg-type]
        )  # fmt: skip

    async def turn(self) -> None:
        """Do what is due, as a process does that finds it."""
        for record in await self.store.load_due(WORK, self.now, 10):
            claimed = await self.background._claim(self.background._kinds[0], record)
            if claimed is not None:
                await self.reachings._work(claimed)

    async def recalled(self) -> None:
        """Take back what a clock that was ahead has put off, as a process does some time after that was set right."""
        await self.background._recall(self.background._kinds[0], self.now)

    async def told(self) -> list[str]:
        return [event.kind for event in await self.store.load_events(subscriber_id="ann")]


@pytest.fixture
async def house(store: Store) -> House:
    pushes = tuple(
        Push(id=f"ann.1-{n}", kind="dm_notify", ordered_at=NOW, parts=1, device_id="ann.1", delivered_at=NOW)
        for n in range(2)
    )
    ann = Subscriber(id="ann", imsis=("001010000000001",), msisdn="+15550100001", pushes=pushes)
    state = OmaDmState(loc_uri="IMEI:351234560000010", client=LOGIN, server=LOGIN)
    phone = Device(id="ann.1", imei="351234560000010", omadm=state, rcc14=MET)
    await store.commit(PutSubscriber(ann), PutDevice(phone))
    return House(store)


async def test_a_protocol_that_pushes_disproved_is_told_once_and_avoided(house: House) -> None:
    """Two notifications that the phone had led nowhere, and it came over RCC.14: that is the way from now on."""
    await house.reachings.order("ann.1", "test", protocol="omadm")
    await house.turn()
    assert house.sent.ways == []
    await house.reachings.order("ann.1", "test")
    house.now += timedelta(hours=1)
    await house.turn()
    assert house.sent.ways == ["rcscfg"]
    told = await house.told()
    assert told.count("device.protocol_disproved") == 1
    device = await load_device(house.store, "ann.1")
    assert device is not None
    assert device.disproved == ("omadm",)


async def test_what_a_model_is_not_said_to_speak_is_avoided(house: House) -> None:
    """Until the phone comes over it all the same."""
    device = await load_device(house.store, "ann.1")
    assert device is not None
    await house.store.commit(PutDevice(replace(device, rcc14=Rcc14State())))
    await Tacs(house.store).put([PhoneModel(tac="35123456", protocols=("omadm",))])
    await house.reachings.order("ann.1", "test", protocol="rcc14")
    await house.turn()
    assert house.sent.ways == []


async def test_nothing_is_pushed_in_quiet_hours(house: House) -> None:
    """An order of the night is pushed for in the morning, by the clock of the zone that the settings name."""
    house = House(house.store, quiet_from="22:00", quiet_until="07:00", timezone="Europe/Berlin")
    house.now = NOW.replace(hour=20, minute=30)
    await house.reachings.order("ann.1", "test", protocol="rcc14")
    while house.now < NOW.replace(day=2, hour=4, minute=59):
        await house.turn()
        assert house.sent.ways == []
        house.now += timedelta(minutes=10)
    house.now = NOW.replace(day=2, hour=5, minute=1)
    await house.turn()
    assert house.sent.ways == ["rcscfg"]


async def test_an_order_that_is_cancelled_pushes_nothing(house: House) -> None:
    """It is told, and there is none to cancel any more."""
    await house.reachings.order("ann.1", "test", protocol="rcc14")
    await house.reachings.cancel("ann.1")
    await house.turn()
    assert house.sent.ways == []
    assert (await house.told())[-1] == "activation.cancelled"
    with pytest.raises(NotFound):
        await house.reachings.cancel("ann.1")


@pytest.mark.parametrize("step", [timedelta(days=-400), timedelta(days=400)])
async def test_a_clock_that_jumps_sends_nothing_twice_and_wedges_nothing(house: House, step: timedelta) -> None:
    """Set back, it waits no longer than until the clock has caught up; set ahead, the deadline ends the order."""
    await house.reachings.order("ann.1", "test", protocol="rcc14")
    await house.turn()
    assert house.sent.ways == ["rcscfg"]
    house.now += step
    await house.turn()
    await house.turn()
    assert house.sent.ways == ["rcscfg"]
    house.now = NOW + timedelta(days=8)
    await house.turn()
    assert house.sent.ways == ["rcscfg"]
    assert await house.reachings.load("ann.1") is None
    assert (await house.told())[-1] == "activation.failed"
    (failed,) = await house.store.load_events(newest=True, limit=1)
    assert failed.detail["by_hand"] == "mogate render ann.1 --as manual"


async def test_an_order_of_a_clock_that_was_ahead_is_made_when_it_is_right(house: House) -> None:
    """One push, however far ahead; the next after the usual wait; and the call that follows ends it."""
    real = house.now
    house.now += timedelta(days=400)
    await house.reachings.order("ann.1", "test", protocol="rcc14")
    await house.turn()
    house.store.touch("ann.1", house.now)
    assert house.sent.ways == ["rcscfg"]
    house.now = real
    await house.recalled()
    await house.turn()
    for _ in range(4):
        house.now += timedelta(minutes=14)
        await house.turn()
    assert house.sent.ways == ["rcscfg"]
    house.now += timedelta(minutes=5)
    await house.turn()
    assert house.sent.ways == ["rcscfg", "rcscfg"]
    household = await house.store.load_household("id", "ann")
    assert household is not None
    phone = household.devices[0]
    key = house.service.configuration_key(household.subscriber, phone)
    contents = {"": Content(key=f"{key}|x", digest=b"", version=1)}
    await house.store.commit(PutDevice(replace(phone, rcc14=Rcc14State(contents=contents, sent_version=1))))
    house.now += timedelta(minutes=1)
    house.store.touch("ann.1", house.now)
    house.now += timedelta(minutes=1)
    await house.turn()
    assert await house.reachings.load("ann.1") is None
    assert (await house.told())[-1] == "activation.configured"
    assert house.sent.ways == ["rcscfg", "rcscfg"]


async def test_an_order_survives_a_clock_that_was_behind_for_a_while(house: House) -> None:
    """Looked at meanwhile or not, the next push comes when it would have come, and its deadline is what it was."""
    await house.reachings.order("ann.1", "test", protocol="rcc14", deadline_seconds=7200)
    await house.turn()
    house.now -= timedelta(days=400)
    await house.recalled()
    await house.turn()
    house.now += timedelta(days=400, minutes=30)
    await house.recalled()
    await house.turn()
    assert house.sent.ways == ["rcscfg"]
    house.now += timedelta(minutes=31)
    await house.turn()
    assert house.sent.ways == ["rcscfg", "rcscfg"]
    house.now += timedelta(minutes=58)
    await house.turn()
    assert await house.reachings.load("ann.1") is not None
    house.now += timedelta(minutes=2)
    await house.turn()
    assert await house.reachings.load("ann.1") is None


async def test_many_orders_do_not_begin_together(house: House) -> None:
    """A fleet that is ordered at once is spread over the time that it has: by half of it, about half have begun."""
    household = await house.store.load_household("id", "ann")
    assert household is not None
    for number in range(10, 210):
        device = replace(household.devices[0], id=f"ann.{number}", imei="", omadm=None, revision=0)
        await house.store.commit(PutDevice(device))
        await house.reachings.order(device.id, "test", within_seconds=1000)
    for seconds, least, most in ((250, 20, 80), (500, 60, 140), (1000, 200, 200)):
        due = await house.store.load_due(WORK, NOW + timedelta(seconds=seconds), 1000)
        assert least <= len(due) <= most


async def test_an_order_that_is_spread_begins_when_it_was_to(house: House) -> None:
    """Also when it is looked at before; after a clock that was ahead, as long after it was set right."""
    house.now += timedelta(days=400)
    await house.reachings.order("ann.1", "test", within_seconds=86_400)
    kept = await house.reachings.load("ann.1")
    assert kept is not None
    assert kept.begins_at is not None
    wait = kept.begins_at - house.now
    await house.recalled()
    (record,) = await house.store.load_records(WORK)
    assert record.due_at == kept.begins_at
    house.now -= timedelta(days=400)
    await house.recalled()
    await house.turn()
    assert house.sent.ways == []
    house.now += wait - timedelta(seconds=1)
    await house.turn()
    assert house.sent.ways == []
    house.now += timedelta(seconds=2)
    await house.turn()
    assert house.sent.ways == ["rcscfg"]
