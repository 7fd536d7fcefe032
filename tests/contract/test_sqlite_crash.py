"""The SQLite store against a hostile world: kill -9, a full disk, and files that are not its own.

Run as a program, this file is the process that gets killed: it commits for ever and tells what was acknowledged.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.errors import ConfigError, Unavailable
from gateway.fleet.device import Device
from gateway.fleet.mirror import Fact, Mirror
from gateway.fleet.subscriber import Subscriber
from gateway.store.protocol import Append, Event, PutDevice, PutEphemeral, PutMirror, PutSubscriber
from gateway.store.sqlite import SqliteStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROUNDS = 8
WRITERS = 32


async def write_until_killed(path: Path, first: int) -> None:
    """Commit numbered batches from many tasks; print each number once its commit returned."""
    store = SqliteStore.open(path)
    numbers = itertools.count(first)

    async def writer() -> None:
        for n in numbers:
            await store.commit(
                PutSubscriber(Subscriber(id=f"s{n}", imsis=(f"{n}",))),
                PutDevice(Device(id=f"s{n}.1", friendly_name="x" * random.randrange(3000))),
                Append(Event(at=NOW, kind=f"{n}")),
                PutEphemeral(f"{n}", b"", NOW + timedelta(days=1)),
            )
            os.write(sys.stdout.fileno(), f"{n}\n".encode())

    await asyncio.gather(*(writer() for _ in range(WRITERS)))


def run_and_kill(path: Path, first: int, after: int) -> set[int]:
    """The numbers acknowledged by a writing process that was killed after so many of them."""
    command = [sys.executable, __file__, str(path), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(after)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL
    return {int(line) for line in lines}


async def test_an_acknowledged_commit_survives_kill_9(tmp_path: Path) -> None:
    """Whenever the process dies, every commit that returned is there, every other one is there whole or not at all."""
    path = tmp_path / "store.sqlite"
    acknowledged: set[int] = set()
    for n in range(ROUNDS):
        acknowledged |= run_and_kill(path, first=n * 1_000_000, after=random.randrange(1, 600))
        store = SqliteStore.open(path)
        try:
            households = [household async for household in store.scan_households()]
            stored = {int(household.subscriber.id[1:]) for household in households}
            assert acknowledged <= stored
            assert {int(device.id[1:-2]) for household in households for device in household.devices} == stored
            assert {int(event.kind) for event in await store.load_events(limit=len(stored) + WRITERS)} == stored
            for number in random.sample(sorted(stored), 20):
                assert await store.load_household("imsi", str(number)) is not None
                assert await store.load_ephemeral(str(number), NOW) == b""
        finally:
            await store.close()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()


async def test_a_full_disk_is_unavailable_and_passes(tmp_path: Path) -> None:
    """When nothing more can be written commits end in Unavailable, loads go on, and with room again all is well."""
    store = SqliteStore.open(tmp_path / "store.sqlite")
    await store.commit(PutSubscriber(Subscriber(id="s")), PutDevice(Device(id="s.1")))
    mirror = Mirror(device_id="s.1", facts={f"./{n}": Fact(read="x" * 1000) for n in range(500)})
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, unlimited[1]))
    try:
        outcomes = await asyncio.gather(
            store.commit(PutMirror(mirror)), store.commit(PutSubscriber(Subscriber(id="t"))), return_exceptions=True
        )
        owned = await store.load_owned("s.1")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]
    assert owned == (Subscriber(id="s", revision=1), Device(id="s.1", revision=1))
    assert await store.load_household("id", "t") is None
    await store.commit(PutMirror(mirror))
    assert (await store.load_mirror("s.1")).facts == mirror.facts
    await store.close()


async def test_the_log_stays_small_while_devices_are_read_and_written(tmp_path: Path) -> None:
    """It is copied into the file and begins anew, though somebody reads in every turn of the loop."""
    store = SqliteStore.open(tmp_path / "store.sqlite")
    devices = [Device(id=f"s.{n}") for n in range(50)]
    await store.commit(PutSubscriber(Subscriber(id="s")), *map(PutDevice, devices))

    async def change(device: Device, times: int) -> None:
        for revision in range(1, times + 1):
            await store.commit(PutDevice(replace(device, friendly_name="x" * 3000, revision=revision)))
            assert await store.load_owned(device.id) is not None

    try:
        await asyncio.gather(*(change(device, 100) for device in devices))
        assert (tmp_path / "store.sqlite-wal").stat().st_size < 16_000_000
    finally:
        await store.close()


async def test_a_store_may_be_closed_in_the_turn_in_which_it_was_read(tmp_path: Path) -> None:
    """What was to follow in the next turn finds nothing to do, and says nothing."""
    said: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    store = SqliteStore.open(tmp_path / "store.sqlite")
    assert await store.load_household("id", "s") is None
    await store.close()
    await asyncio.sleep(0)
    assert said == []


async def test_a_locked_file_is_waited_for(tmp_path: Path) -> None:
    """Another process in the middle of a write delays a commit; loads do not wait."""
    path = tmp_path / "store.sqlite"
    store = SqliteStore.open(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    commit = asyncio.ensure_future(store.commit(PutSubscriber(Subscriber(id="s"))))
    for _ in range(100):
        assert await store.load_household("id", "s") is None
        await asyncio.sleep(0)
    assert not commit.done()
    other.execute("COMMIT")
    other.close()
    await commit
    assert await store.load_household("id", "s") is not None
    await store.close()


async def test_the_files_are_the_owners_alone(tmp_path: Path) -> None:
    """The store and its companion files hold secrets: nobody else may read them, whatever the umask."""
    before = os.umask(0)
    try:
        store = SqliteStore.open(tmp_path / "store.sqlite")
        await store.commit(PutSubscriber(Subscriber(id="s")))
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in os.scandir(tmp_path)}
    finally:
        os.umask(before)
        await store.close()
    assert modes == {"store.sqlite": 0o600, "store.sqlite-wal": 0o600, "store.sqlite-shm": 0o600}


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    """A schema this gateway does not know is left untouched, and the error names the file and the way out."""
    path = tmp_path / "store.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=r"store\.sqlite: .*999.*start the newer gateway"):
        SqliteStore.open(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("where", ["notes.txt", "missing/store.sqlite", "."])
def test_a_place_that_is_no_store_is_refused(tmp_path: Path, where: str) -> None:
    """A foreign file, a missing directory, a directory: a ConfigError names the place, and it stays as it was."""
    (tmp_path / "notes.txt").write_text("Dear diary, " * 100)
    with pytest.raises(ConfigError, match="cannot keep the store here") as refusal:
        SqliteStore.open(tmp_path / where)
    assert refusal.value.file == tmp_path / where
    assert (tmp_path / "notes.txt").read_text() == "Dear diary, " * 100


if __name__ == "__main__":
    asyncio.run(write_until_killed(Path(sys.argv[1]), int(sys.argv[2])))
