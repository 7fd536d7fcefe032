"""The data directory: made once, kept ever after, and readable by its owner alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gateway import app, datadir
from gateway.accounts import CREDENTIAL_PURPOSE
from gateway.errors import ConfigError
from gateway.files import load_catalogue
from gateway.inventory import Inventory
from gateway.sealing import Sealer
from gateway.settings import Settings
from gateway.store.opening import DATABASE_FILE
from gateway.store.sqlite import SqliteStore

CONFIG = Path(__file__).parents[3] / "config"
SECRETS = ("seal.key", "admin.token", "setup.token", "demo.json", "tls/ca.key", "tls/server.key")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    data = tmp_path / "new" / "data"
    return Settings(data=data, seal_key=data / "seal.key", mo=CONFIG / "mo")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


async def test_a_plain_directory_has_keys_and_nobody_in_it(settings: Settings) -> None:
    """Without the demo there are a sealing key and two tokens, and the demo's devices are asked for in vain."""
    made = await datadir.initialise(settings, demo=False)
    assert contents(settings.data).keys() == {"seal.key", "admin.token", "setup.token"}
    assert made["data"] == str(settings.data)
    assert not datadir.has_demo(settings)
    with pytest.raises(ConfigError, match=r"mogate init --demo"):
        datadir.load_demo(settings)


async def test_the_demo_has_somebody_to_serve(settings: Settings) -> None:
    """Three subscribers; the phone's account opens with the directory's key; no secret is readable by others."""
    await datadir.initialise(settings, demo=True)
    demo = datadir.load_demo(settings)
    store = SqliteStore.open(settings.data / DATABASE_FILE)
    try:
        households = {household.subscriber.id: household async for household in store.scan_households()}
    finally:
        await store.close()
    assert households.keys() == {"alice", "bob", "carol"}
    assert households["alice"].subscriber.imsis == (demo.rcc14.imsi,)
    (phone,) = households["alice"].devices
    assert phone.omadm is not None
    assert (phone.omadm.loc_uri, phone.omadm.client.name) == (demo.omadm.loc_uri, demo.omadm.client_name)
    assert Sealer.load(settings.seal_key).unseal(phone.omadm.client.secret, CREDENTIAL_PURPOSE)
    assert stat.S_IMODE(settings.data.stat().st_mode) == 0o700
    for name in SECRETS:
        assert stat.S_IMODE((settings.data / name).stat().st_mode) == 0o600, name


async def test_the_key_may_lie_elsewhere(settings: Settings, tmp_path: Path) -> None:
    """A key kept apart from the data, as several gateways on one store share it, is used and not made anew."""
    elsewhere = tmp_path / "keys" / "seal.key"
    elsewhere.parent.mkdir()
    Sealer.create(elsewhere)
    key = elsewhere.read_bytes()
    await datadir.initialise(settings.model_copy(update={"seal_key": elsewhere}), demo=True)
    assert elsewhere.read_bytes() == key
    assert not (settings.data / "seal.key").exists()


@pytest.mark.parametrize("demo", [False, True])
async def test_making_it_again_keeps_everything(settings: Settings, demo: bool) -> None:
    """Every file stays to the octet, and a demo can be added to what is there."""
    await datadir.initialise(settings, demo=demo)
    before = contents(settings.data)
    await datadir.initialise(settings, demo=demo)
    assert contents(settings.data) == before
    await datadir.initialise(settings, demo=True)
    assert before.items() <= contents(settings.data).items()


async def test_an_interrupted_run_is_finished_by_the_next(settings: Settings) -> None:
    """Whoever was made already stays; the demo's account then fits the file that is written."""
    await datadir.initialise(settings, demo=True)
    first = datadir.load_demo(settings)
    (settings.data / datadir.DEMO_FILE).unlink()
    await datadir.initialise(settings, demo=True)
    demo = datadir.load_demo(settings)
    assert demo.omadm.client_password != first.omadm.client_password
    store = SqliteStore.open(settings.data / DATABASE_FILE)
    try:
        inventory = Inventory(store, load_catalogue(settings), Sealer.load(settings.seal_key), app.now)
        _, phone = await inventory.find_device("alice")
    finally:
        await store.close()
    assert phone.imei == demo.omadm.imei


async def test_a_place_that_cannot_be_written_is_named(settings: Settings, tmp_path: Path) -> None:
    """The message says which directory."""
    (tmp_path / "new").write_text("a file")
    with pytest.raises(ConfigError, match="new/data"):
        await datadir.initialise(settings, demo=False)


def test_a_damaged_demo_file_is_named(settings: Settings) -> None:
    """The message names the file and the way to get one."""
    settings.data.mkdir(parents=True)
    (settings.data / datadir.DEMO_FILE).write_text("{}")
    with pytest.raises(ConfigError, match=r"demo\.json.*mogate init --demo"):
        datadir.load_demo(settings)
