"""Changing a subscription: who the subscriber is stays, and so do the devices."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.errors import Conflict, NotFound
from gateway.fleet.device import Device
from gateway.fleet.subscriber import Seen, Sim, Subscriber
from gateway.inventory import Inventory
from gateway.mo.catalogue import Catalogue
from gateway.sealing import Sealer
from gateway.store.protocol import PutDevice, PutSubscriber
from gateway.store.sqlite import SqliteStore
from gateway.subscriptions import Change, Subscriptions, with_change

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CATALOGUE = Catalogue.load(Path(__file__).parents[3] / "config" / "mo", identifiers={})
ALICE = Subscriber(
    id="alice",
    imsis=("001010000000001",),
    msisdn="+15550100001",
    plan="basic",
    groups=("staff",),
    attributes={"color": "red", "site": "north"},
    overrides={"ims": {"Timer_T1": "2500"}},
    sims={"001010000000001": Sim(keys=b"sealed")},
    seen={"001010000000001": Seen(imei="001015000000015")},
)


@pytest.fixture
async def subscriptions(store: SqliteStore, sealer: Sealer) -> Subscriptions:
    await store.commit(PutSubscriber(ALICE), PutDevice(Device(id="alice.1")))
    await store.commit(PutSubscriber(Subscriber(id="bob", msisdn="+15550100002")))
    return Subscriptions(store, Inventory(store, CATALOGUE, sealer, lambda: NOW), lambda: NOW)


async def test_what_is_named_changes_and_the_rest_stays(store: SqliteStore, subscriptions: Subscriptions) -> None:
    """Another plan and number: found by the new number and not the old, with the devices and values as they were."""
    await subscriptions.change("+15550100001", Change(msisdn="+15550100009", plan="gold", groups=[]))
    assert await store.load_household("msisdn", "+15550100001") is None
    household = await store.load_household("msisdn", "+15550100009")
    assert household is not None
    found = household.subscriber
    assert (found.id, found.plan, found.groups, found.attributes) == ("alice", "gold", (), ALICE.attributes)
    assert (found.imsis, found.sims, found.overrides) == (ALICE.imsis, ALICE.sims, ALICE.overrides)
    assert [device.id for device in household.devices] == ["alice.1"]
    (event,) = await store.load_events(subscriber_id="alice")
    assert (event.kind, event.detail) == ("subscriber.changed", {"changed": "msisdn, plan, groups"})


def test_a_configuration_is_looked_at_again_only_for_a_change() -> None:
    """Naming what is so already leaves the very same subscriber; any change makes the content count as another."""
    assert with_change(ALICE, Change()) is ALICE
    assert with_change(ALICE, Change(plan="basic", groups=["staff"], attributes={"color": "red"})) is ALICE
    assert with_change(ALICE, Change(plan="gold")).content_revision == ALICE.content_revision + 1


def test_an_attribute_is_set_or_taken_back_by_itself() -> None:
    """Those that are not named stay."""
    after = with_change(ALICE, Change(attributes={"color": None, "size": "L"}))
    assert after.attributes == {"site": "north", "size": "L"}


def test_nothing_is_kept_of_a_sim_that_is_gone() -> None:
    """Neither its keys nor the phone it was seen in: they would be the next subscriber's who gets the IMSI."""
    after = with_change(ALICE, Change(imsis=["001010000000007", "001010000000007"]))
    assert (after.imsis, after.sims, after.seen) == (("001010000000007",), {}, {})


async def test_what_is_anothers_is_refused(store: SqliteStore, subscriptions: Subscriptions) -> None:
    """It says whose the number is, and the subscriber is as before."""
    with pytest.raises(Conflict, match=r"msisdn \+15550100002 belongs to subscriber bob already"):
        await subscriptions.change("alice", Change(msisdn="+15550100002", plan="gold"))
    household = await store.load_household("id", "alice")
    assert household is not None
    assert household.subscriber.plan == "basic"
    with pytest.raises(NotFound):
        await subscriptions.change("nobody", Change(plan="gold"))
