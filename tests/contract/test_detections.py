"""Sightings over every store: kept once and told once, whoever tells of them at the same moment."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime

import pytest

from gateway.detections import Detections
from gateway.fleet.detection import Sighting
from gateway.fleet.subscriber import Subscriber
from gateway.settings import Detection
from gateway.store.protocol import PutSubscriber, Store

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
IMSI = "001010000000001"
PHONES = ("3512345600000101", "358888880000011")


def detections(store: Store, **settings: str) -> Detections:
    return Detections(store, Detection(**settings), lambda: NOW)  # type: ignore[arg-type]


@pytest.fixture
async def ann(store: Store) -> None:
    await store.commit(PutSubscriber(Subscriber(id="ann", imsis=(IMSI,), msisdn="+15550100001")))


async def causes(store: Store) -> list[tuple[str, str, str]]:
    """What the log says of ann: kind or cause, IMEI, device."""
    events = await store.load_events(subscriber_id="ann")
    return [(event.detail.get("cause", event.kind), event.detail.get("imei", ""), event.device_id) for event in events]


@pytest.mark.usefixtures("ann")
async def test_a_new_phone_gets_a_record_and_an_event(store: Store) -> None:
    """The record has the IMEI with its check digit, so that the phone's own protocols find it."""
    report = await detections(store).report(Sighting(imsi=IMSI, imei=PHONES[0], source="map"))
    assert report == ("detected", "ann", "ann.1", ("first-imei",), "")
    household = await store.load_household("imei", "351234560000010")
    assert household is not None
    assert [(device.id, device.tac) for device in household.devices] == [("ann.1", "35123456")]
    (event,) = await store.load_events(subscriber_id="ann")
    assert (event.kind, event.detail) == (
        "device.detected",
        {"cause": "first-imei", "source": "map", "imsi": IMSI, "imei": PHONES[0]},
    )


@pytest.mark.usefixtures("ann")
async def test_a_storm_is_told_once(store: Store) -> None:
    """A thousand sightings of one SIM in one phone, many at a time: one event, one device."""
    told = detections(store)
    sighting = Sighting(msisdn="+15550100001", imei=PHONES[0])
    reports = await asyncio.gather(*(told.report_all([sighting] * 100) for _ in range(10)))
    outcomes = Counter(report.outcome for some in reports for report in some)
    assert outcomes == {"detected": 1, "known": 999}
    assert await causes(store) == [("first-imei", PHONES[0], "ann.1")]


@pytest.mark.usefixtures("ann")
async def test_many_are_told_in_their_order(store: Store) -> None:
    """Of one subscriber each after the other, by SIM or by number; strangers are told from them."""
    first, second = PHONES
    sightings = [
        Sighting(imsi=IMSI, imei=first),
        Sighting(imsi="001019999999999", imei=first),
        Sighting(msisdn="+15550100001", imei=second),
        Sighting(imsi=IMSI, imei=first),
    ]
    reports = await detections(store).report_all(sightings)
    assert [report.outcome for report in reports] == ["detected", "unknown", "detected", "detected"]
    assert await causes(store) == [
        ("first-imei", first, "ann.1"),
        ("changed-imei", second, "ann.2"),
        ("changed-imei", first, "ann.1"),
    ]


async def test_strangers_become_subscribers_where_that_is_wanted(store: Store) -> None:
    """Once, however many tell of them."""
    told = detections(store, unknown_subscribers="create")
    sighting = Sighting(imsi=IMSI, msisdn="+15550100001", imei=PHONES[0])
    reports = await asyncio.gather(*(told.report(sighting) for _ in range(5)))
    assert sorted(report.outcome for report in reports) == ["detected", *["known"] * 4]
    household = await store.load_household("msisdn", "+15550100001")
    assert household is not None
    assert (household.subscriber.imsis, len(household.devices)) == ((IMSI,), 1)
    events = await store.load_events(subscriber_id=household.subscriber.id)
    assert [event.kind for event in events] == ["subscriber.created", "device.detected"]


@pytest.mark.usefixtures("ann")
async def test_a_new_sim_is_found_by_number_and_then_by_itself(store: Store) -> None:
    """An IMSI changeover: the number stays, and the new SIM names the subscriber from then on."""
    told = detections(store)
    await told.report(Sighting(imsi="001010000000009", msisdn="+15550100001"))
    report = await told.report(Sighting(imsi="001010000000009", imei=PHONES[0]))
    assert (report.subscriber_id, report.causes) == ("ann", ("first-imei",))
    assert await store.load_household("imsi", IMSI) is None
