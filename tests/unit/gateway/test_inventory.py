"""The operator's use cases, over a real store."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.errors import ConfigError, Conflict, NotFound
from gateway.fleet.consistency import load_rules
from gateway.fleet.device import Device, Rcc14State
from gateway.fleet.profile import load_profiles
from gateway.fleet.subscriber import ServiceState
from gateway.inventory import Inventory, ValueEdits
from gateway.mo.catalogue import Catalogue
from gateway.sealing import Sealer
from gateway.service import Service
from gateway.store.protocol import PutDevice
from gateway.store.sqlite import SqliteStore

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CONFIG = Path(__file__).parents[3] / "config"
CATALOGUE = Catalogue.load(CONFIG / "mo", identifiers={})


@pytest.fixture
async def inventory(store: SqliteStore, sealer: Sealer) -> Inventory:
    inventory = Inventory(store, CATALOGUE, sealer, lambda: NOW)
    await inventory.create_subscriber(subscriber_id="ann", imsis=["001010000000001"], msisdn="+15550100001")
    return inventory


@pytest.mark.parametrize(
    "reference", ["ann", "001010000000001", "+15550100001", "15550100001", "ann.1", "35000000000001"]
)
async def test_a_subscriber_is_found_by_any_name(inventory: Inventory, store: SqliteStore, reference: str) -> None:
    """Id, IMSI, MSISDN with or without +, device id and IMEI all lead to the subscriber."""
    await store.commit(PutDevice(Device(id="ann.1", imei="35000000000001")))
    assert (await inventory.find(reference)).subscriber.id == "ann"


async def test_what_nobody_has_is_not_found(inventory: Inventory, store: SqliteStore) -> None:
    """The message says what was looked for; a subscriber with several devices does not name one."""
    with pytest.raises(NotFound, match="bob"):
        await inventory.find("bob")
    with pytest.raises(NotFound, match="none"):
        await inventory.find_device("ann")
    for number in "12":
        await store.commit(PutDevice(Device(id=f"ann.{number}")))
    with pytest.raises(NotFound, match=r"ann\.1, ann\.2"):
        await inventory.find_device("ann")


async def test_identities_belong_to_one_subscriber(inventory: Inventory) -> None:
    """A second subscriber with the IMSI or the id of the first is refused."""
    with pytest.raises(Conflict):
        await inventory.create_subscriber(subscriber_id="eve", imsis=["001010000000001"])
    with pytest.raises(Conflict):
        await inventory.create_subscriber(subscriber_id="ann", imsis=[])


async def test_a_change_of_values_counts_once(inventory: Inventory) -> None:
    """A new value makes the content new; the same value again, however it is written, does not."""
    await inventory.set_values("ann", {"ims/Timer_T1": "3000"})
    once = (await inventory.find("ann")).subscriber
    assert once.overrides == {"ims": {"Timer_T1": "3000"}}
    await inventory.set_values("ann", {"ims/Timer_T1": " 03000 "})
    assert (await inventory.find("ann")).subscriber == once
    await inventory.set_values("ann", {}, unset=["ims/Timer_T1"])
    taken_back = (await inventory.find("ann")).subscriber
    assert taken_back.overrides == {}
    assert taken_back.content_revision == once.content_revision + 1


async def test_a_device_has_values_of_its_own(inventory: Inventory, store: SqliteStore) -> None:
    """With a device id the value is set on that device alone."""
    await store.commit(PutDevice(Device(id="ann.1")))
    await inventory.set_values("ann.1", {"ims/Timer_T1": "3000"})
    household = await inventory.find("ann")
    assert household.subscriber.overrides == {}
    assert household.devices[0].overrides == {"ims": {"Timer_T1": "3000"}}


async def test_values_can_be_tried(inventory: Inventory, store: SqliteStore) -> None:
    """Both records as they would be, with the revision that makes their content new; what is stored stays."""
    await store.commit(PutDevice(Device(id="ann.1")))
    await inventory.set_values("ann", {"ims/Timer_T1": "3000"})
    before = await inventory.find("ann")
    subscriber, device, warnings = await inventory.try_values(
        "ann.1", ValueEdits({"ims/Timer_T2": "8000"}, ["ims/Timer_T1"]), ValueEdits({"ims/Timer_T4": "9000"})
    )
    assert (subscriber.overrides, device.overrides) == ({"ims": {"Timer_T2": "8000"}}, {"ims": {"Timer_T4": "9000"}})
    assert subscriber.content_revision == before.subscriber.content_revision + 1
    assert warnings == []
    assert await inventory.find("ann") == before


@pytest.mark.parametrize(("node", "value", "error"), [
    ("ims/Timer_T1", "soon", ConfigError),
    ("ims/Timer_T9", "1", NotFound),
    ("imz/Timer_T1", "1", NotFound),
    ("ims/ConRefs", "1", ConfigError),
])  # fmt: skip
async def test_impossible_values_are_refused(
    inventory: Inventory, node: str, value: str, error: type[Exception]
) -> None:
    """A value that the node cannot have, or a node that is not there, changes nothing."""
    with pytest.raises(error, match=node.rpartition("/")[2] if "imz" not in node else "imz"):
        await inventory.set_values("ann", {"ims/Timer_T2": "20000", node: value})
    assert (await inventory.find("ann")).subscriber.overrides == {}


@pytest.fixture
def ruled(store: SqliteStore, sealer: Sealer, inventory: Inventory) -> Inventory:
    """The same with the shipped profiles, and rules over several nodes."""
    rules = load_rules([CONFIG / "mo"], CATALOGUE)
    service = Service(CATALOGUE, load_profiles(CONFIG / "profiles", CATALOGUE, rules), plmns=["00101"], roots={})
    return Inventory(store, CATALOGUE, sealer, lambda: NOW, service.breaches)


SIZE, MOST = "rcs/MESSAGING/FileTransfer/ftWarnSize", "rcs/MESSAGING/FileTransfer/MaxSizeFileTr"


@pytest.mark.parametrize("owner", ["ann", "ann.1"])
@pytest.mark.parametrize(
    ("values", "node", "other", "mend"),
    [
        ({SIZE: "200000"}, SIZE, MOST, "at least 200000"),
        (
            {"rcs/SERVICES/ChatAuth": "0"},
            "rcs/MESSAGING/Chatbot",
            "rcs/SERVICES/ChatAuth",
            "which example-mobile (operator.toml:",
        ),
        (
            {"rcs/MESSAGING/Chat/max_adhoc_group_size": "2"},
            "rcs/MESSAGING/Chat/max_adhoc_group_size",
            "rcs/SERVICES/GroupChatAuth",
            "be at least 3",
        ),
        ({"rcs/To-AppRef": "other"}, "rcs/To-AppRef", "ims/Ext/GSMA/AppRef", "be the same"),
        (
            {"rcs/MESSAGING/FileTransfer/ftHTTPCSURI": "http://ft.example.net"},
            "rcs/MESSAGING/FileTransfer/ftHTTPCSURI",
            "rcs/SERVICES/ftAuth",
            "begin with https://",
        ),
    ],
)
async def test_values_that_break_a_rule_are_refused(
    ruled: Inventory, store: SqliteStore, owner: str, values: dict[str, str], node: str, other: str, mend: str
) -> None:
    """The node, the other node and the mend are named, with the device where there are several; nothing is stored.

    Spec: RCC.07 Annex A
    """
    for number in "12":
        await store.commit(PutDevice(Device(id=f"ann.{number}")))
    before = await ruled.find("ann")
    with pytest.raises(ConfigError) as refusal:
        await ruled.set_values(owner, {"ims/Timer_T1": "3000"} | values)
    assert refusal.value.key == node
    for said in (other, mend, "RCC.07 Annex A", "on device ann.1"):
        assert said in refusal.value.reason
    assert await ruled.find("ann") == before


async def test_values_are_judged_together(ruled: Inventory) -> None:
    """What breaks a rule alone is taken with what keeps it, and a subscriber without devices is judged too."""
    with pytest.raises(ConfigError, match=MOST):
        await ruled.set_values("ann", {SIZE: "200000"})
    await ruled.set_values("ann", {SIZE: "200000", MOST: "300000"})
    with pytest.raises(ConfigError, match=MOST):
        await ruled.set_values("ann", {}, unset=[MOST])


async def test_a_rule_that_was_broken_before_stands_in_nobodys_way(inventory: Inventory, ruled: Inventory) -> None:
    """Values from before a rule was there can be mended one by one, and other values set meanwhile."""
    await inventory.set_values("ann", {SIZE: "200000", "rcs/To-AppRef": "other"})
    await ruled.set_values("ann", {"ims/Timer_T1": "3000"})
    await ruled.set_values("ann", {}, unset=[SIZE])
    with pytest.raises(ConfigError, match=MOST):
        await ruled.set_values("ann", {SIZE: "200000"})


async def test_a_taken_identity_is_named(inventory: Inventory) -> None:
    """The refusal says which identity is taken and whose it is, in words of people."""
    with pytest.raises(Conflict, match=r"imsi 001010000000001 belongs to subscriber ann"):
        await inventory.create_subscriber(subscriber_id="eve", imsis=["001010000000001"])


async def test_the_network_says_what_it_wants(inventory: Inventory, store: SqliteStore) -> None:
    """Of a subscriber, of one application and of one device; what a user had asked for has to be asked for again."""
    woken = Rcc14State(woken=True, told_to_wait="w", token_serial=3, token_issued_at=NOW)
    await store.commit(PutDevice(Device(id="ann.1", rcc14=woken)))
    await inventory.set_state("ann", ServiceState.DISABLED_UNTIL_USER)
    await inventory.set_state("ann", ServiceState.DORMANT, "rcs")
    household = await inventory.find("ann")
    assert household.subscriber.state is ServiceState.DISABLED_UNTIL_USER
    assert household.subscriber.application_states == {"rcs": ServiceState.DORMANT}
    assert household.devices[0].rcc14 == replace(woken, woken=False, told_to_wait="")
    await store.commit(PutDevice(replace(household.devices[0], rcc14=woken)))
    await inventory.set_state("ann", ServiceState.DISABLED_UNTIL_USER, "rcs")
    assert (await inventory.find("ann")).devices[0].rcc14 == replace(woken, woken=False, told_to_wait="")
    await inventory.set_state("ann", ServiceState.ACTIVE, "rcs")
    assert (await inventory.find("ann")).subscriber.application_states == {}
    with pytest.raises(NotFound):
        await inventory.set_state("ann", ServiceState.ACTIVE, "imz")

    await inventory.set_device_state("ann.1", ServiceState.DORMANT)
    _, device = await inventory.find_device("ann.1")
    assert (device.state, device.rcc14.token_issued_at if device.rcc14 else None) == (ServiceState.DORMANT, NOW)
    await inventory.revoke_token("ann.1")
    _, device = await inventory.find_device("ann.1")
    assert (device.state, device.rcc14) == (
        ServiceState.DORMANT,
        Rcc14State(token_serial=4, token_issued_at=None),
    )
    await inventory.set_device_state("ann.1", None)
    assert (await inventory.find_device("ann.1"))[1].state is None
    kinds = [event.kind for event in await store.load_events(subscriber_id="ann")]
    assert kinds[1:] == ["subscriber.state"] * 4 + ["device.state", "device.revoked", "device.state"]
