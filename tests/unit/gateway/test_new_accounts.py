"""New OMA DM accounts, over a real store."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from store_scene import load_device

from gateway.accounts import CREDENTIAL_PURPOSE
from gateway.errors import NotFound
from gateway.fleet.device import account_digest
from gateway.inventory import Inventory
from gateway.mo.catalogue import Catalogue
from gateway.new_accounts import NewAccounts
from gateway.sealing import Sealer
from gateway.store.sqlite import SqliteStore

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
async def inventory(store: SqliteStore, sealer: Sealer) -> Inventory:
    inventory = Inventory(store, Catalogue({}), sealer, lambda: NOW)
    await inventory.create_subscriber(subscriber_id="ann", imsis=["001010000000001"])
    return inventory


@pytest.fixture
def new_accounts(store: SqliteStore, inventory: Inventory, sealer: Sealer) -> NewAccounts:
    return NewAccounts(store, inventory, sealer, lambda: NOW)


async def test_a_new_account_keeps_no_password(new_accounts: NewAccounts, inventory: Inventory, sealer: Sealer) -> None:
    """Each direction gets a password of its own, of which only the sealed digest stays.

    Spec: OMA-TS-DM_Security-V1_2 5.3
    """
    account = await new_accounts.add_device("ann", loc_uri="phone-1", client_name="ann")
    assert account.client.password != account.server.password
    state = (await inventory.find("ann")).devices[0].omadm
    assert state is not None
    digest = sealer.unseal(state.client.secret, CREDENTIAL_PURPOSE).decode()
    assert digest == account_digest("ann", account.client.password)
    assert account.client.password not in repr(state)


async def test_two_protocols_of_one_phone_are_one_device(new_accounts: NewAccounts, inventory: Inventory) -> None:
    """An account for an IMEI that is known already is added to that device."""
    first = await new_accounts.add_device("ann", loc_uri="phone-1", imei="35000000000001")
    second = await new_accounts.add_device("ann", loc_uri="phone-2", imei="35000000000001")
    assert first.device.id == second.device.id
    assert len((await inventory.find("ann")).devices) == 1


async def test_a_renewed_account(new_accounts: NewAccounts, store: SqliteStore, sealer: Sealer) -> None:
    """Both directions get new passwords and nonces; only digests are kept, and the device is otherwise as before."""
    await new_accounts.add_device("ann", loc_uri="phone", imei="35000000000001", auth="basic", model="B7")
    issued = await new_accounts.renew("ann.1", imei="", auth=None, server_id="srv")
    await new_accounts.keep(issued)
    device = await load_device(store, "ann.1")
    assert device is not None
    assert device.omadm is not None
    assert device.omadm.server is not None
    assert (device.omadm.loc_uri, device.omadm.auth, device.model) == ("phone", "basic", "B7")
    assert (issued.client.name, issued.server.name) == ("phone", "srv")
    for kept, login in ((device.omadm.client, issued.client), (device.omadm.server, issued.server)):
        digest = sealer.unseal(kept.secret, CREDENTIAL_PURPOSE).decode()
        assert digest == account_digest(login.name, login.password)
        assert (kept.nonce, len(kept.nonce)) == (login.nonce, 16)
        assert login.password not in repr(device)


async def test_an_account_for_looking_at(new_accounts: NewAccounts, store: SqliteStore) -> None:
    """Until it is kept nothing is stored, of a device that is there or of a new one."""
    await new_accounts.add_device("ann", loc_uri="phone")
    before = await store.load_owned("ann.1")
    issued = await new_accounts.renew("ann", imei="", auth="mac", server_id="srv")
    new = await new_accounts.renew("ann", imei="35000000000009", auth=None, server_id="srv")
    assert issued.device.omadm is not None
    assert (issued.device.omadm.auth, new.device.id, new.client.name) == ("mac", "ann.2", "IMEI:350000000000097")
    assert await store.load_owned("ann.1") == before
    assert await store.load_owned("ann.2") is None


async def test_an_account_needs_a_name(new_accounts: NewAccounts, inventory: Inventory) -> None:
    """A device is known by its LocURI or its IMEI; a new one needs the IMEI."""
    with pytest.raises(NotFound, match="none"):
        await new_accounts.renew("ann", imei="", auth=None, server_id="srv")
    issued = await new_accounts.renew("ann", imei="35000000000009", auth=None, server_id="srv")
    await new_accounts.keep(issued)
    assert (await inventory.find_device("35000000000009"))[1].omadm == issued.device.omadm
