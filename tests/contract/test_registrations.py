"""Words of an IMS core over every store: kept once and told once, whoever brings them at the same moment."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.errors import NotFound
from gateway.fleet.device import Device
from gateway.fleet.registration import RegistrationWord
from gateway.fleet.subscriber import Subscriber
from gateway.mo.catalogue import Catalogue
from gateway.registrations import Registrations
from gateway.store.protocol import PutDevice, PutSubscriber, Store

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
CATALOGUE = Catalogue.load(Path(__file__).parents[2] / "config" / "mo", identifiers={})
IMSI = "001010000000001"


@pytest.fixture
async def registrations(store: Store) -> Registrations:
    ann = Subscriber(id="ann", imsis=(IMSI,), msisdn="+15550100001", attributes={"impu": "sip:ann@example.com"})
    await store.commit(PutSubscriber(ann), PutDevice(Device(id="ann.1", imei="351234560000010")))
    return Registrations(store, lambda name: CATALOGUE.get(name).key, lambda: NOW)


async def test_a_word_is_kept_and_told(store: Store, registrations: Registrations) -> None:
    """With the service and the only device there is; a public identity may stand in the subscriber's attributes."""
    for word in (
        RegistrationWord(state="registered", impi=f"{IMSI}@ims.mnc001.mcc001.3gppnetwork.org"),
        RegistrationWord(state="failed", impu="sip:ann@example.com", service="rcs", why="403 Forbidden"),
    ):
        assert await registrations.report(word) == ("changed", "ann", "ann.1", "")
    events = await store.load_events(subscriber_id="ann")
    assert [(event.kind, event.device_id, event.detail) for event in events] == [
        ("activation.registered", "ann.1", {"services": "ims", "by": "ims core"}),
        (
            "activation.failed",
            "ann.1",
            {"services": "rcs", "by": "ims core", "why": "403 Forbidden", "by_hand": "mogate render ann.1 --as manual"},
        ),
    ]
    household = await store.load_household("id", "ann")
    assert household is not None
    assert [(one.service, one.state) for one in household.subscriber.registrations] == [
        ("ims", "registered"),
        ("rcs", "failed"),
    ]
    assert household.subscriber.content_revision == 1, "what a device is to hold does not follow from it"


async def test_a_storm_is_told_once(store: Store, registrations: Registrations) -> None:
    """The same word many times at once: one event."""
    word = RegistrationWord(state="registered", msisdn="+15550100001")
    reports = await asyncio.gather(*(registrations.report(word) for _ in range(40)))
    assert Counter(report.outcome for report in reports) == {"changed": 1, "known": 39}
    assert len(await store.load_events(subscriber_id="ann")) == 1


async def test_who_is_not_known_and_what_is_no_service(registrations: Registrations) -> None:
    """The one is counted, the other refused by its name."""
    assert (await registrations.report(RegistrationWord(state="registered", impu="sip:eve@example.com"))).outcome == (
        "unknown"
    )
    with pytest.raises(NotFound, match="fax"):
        await registrations.report(RegistrationWord(state="registered", imsi=IMSI, service="fax"))
