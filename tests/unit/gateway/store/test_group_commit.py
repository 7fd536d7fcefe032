"""Writers that share transactions hear of what became of theirs, whatever that is, and not before it is on disk."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.errors import Unavailable
from gateway.store import group_commit
from gateway.store.group_commit import GroupCommit

MANY_ROWS = 10_000
"""More than one turn of the loop is for."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file in WAL mode with a table of numbers."""
    path = tmp_path / "file"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE number (n INTEGER, padding TEXT)")
    return path


@pytest.fixture
async def writer(path: Path) -> AsyncIterator[GroupCommit]:
    here, there = (sqlite3.connect(path, check_same_thread=False, isolation_level=None) for _ in range(2))
    writer = GroupCommit(here, there, path)
    yield writer
    await writer.close()


def put(cursor: sqlite3.Cursor) -> None:
    cursor.execute("INSERT INTO number VALUES (1, '')")


def put_many(cursor: sqlite3.Cursor) -> None:
    cursor.executemany("INSERT INTO number VALUES (?, ?)", [(n, "x" * 400) for n in range(MANY_ROWS)])


def lose_connection(cursor: sqlite3.Cursor) -> None:
    """As when nothing can be done with the file any more, not even take back what was begun."""
    cursor.connection.close()


def log_of(path: Path) -> os.stat_result:
    return os.stat(f"{path}-wal")


def count(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (numbers,) = connection.execute("SELECT count(*) FROM number").fetchone()
    return int(numbers)


async def test_a_writer_whose_connection_is_lost_hears_of_it_and_so_do_all_after_it(writer: GroupCommit) -> None:
    """Nobody waits for ever; the writer can be closed."""
    async with asyncio.timeout(30):
        together = await asyncio.gather(writer.run(lose_connection, 1), writer.run(put, 1), return_exceptions=True)
        assert [type(one) for one in together] == [Unavailable, Unavailable]
        with pytest.raises(Unavailable):
            await writer.run(put, 1)


async def test_nobody_is_told_of_a_write_before_the_log_is_on_disk(
    writer: GroupCommit, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the disk takes its time the loop goes on, and what is waited for is the log of that file."""
    told, go_on, synced = threading.Event(), threading.Event(), []

    def sync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        told.set()
        go_on.wait(30)

    monkeypatch.setattr(group_commit, "_sync_file", sync)
    first = writer.run(put, 1)
    assert await asyncio.to_thread(told.wait, 30)
    second = writer.run(put, 1)
    for _ in range(100):
        await asyncio.sleep(0)
    assert not first.done()
    assert not second.done()
    go_on.set()
    async with asyncio.timeout(30):
        await asyncio.gather(first, second)
    assert synced == [log_of(path).st_ino] * 2
    assert count(path) == 2


async def test_many_rows_do_not_keep_the_loop_from_others(writer: GroupCommit) -> None:
    """A step that writes for long runs beside the loop."""
    served = threading.Event()

    async with asyncio.timeout(30):
        written = writer.run(lambda _: served.wait(30), MANY_ROWS)
        await asyncio.sleep(0)
        served.set()
        assert await written


async def test_what_a_disk_refused_once_is_not_taken_for_written(
    writer: GroupCommit, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its writer hears of it; after the next write all that is there is in the file itself, not in the log alone."""

    def refuse(_: int) -> None:
        monkeypatch.undo()
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(group_commit, "_sync_file", refuse)
    with pytest.raises(Unavailable, match="Input/output error"):
        await writer.run(put, 1)
    await writer.run(put, 1)
    alone = tmp_path / "alone"
    shutil.copyfile(path, alone)
    assert count(alone) == count(path) == 2


async def test_the_log_does_not_grow_with_what_is_written(writer: GroupCommit, path: Path) -> None:
    """It is copied into the file again and again, and begins anew."""
    await writer.run(put_many, MANY_ROWS)
    once = log_of(path).st_size
    for _ in range(4):
        await writer.run(put_many, MANY_ROWS)
    assert log_of(path).st_size < 2 * once
    assert count(path) == 5 * MANY_ROWS
