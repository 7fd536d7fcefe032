"""Group commit: the writes that wait at the same moment share one SQLite transaction, hence one fsync."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, NamedTuple, TypeVar

from gateway.errors import Conflict, Unavailable
from gateway.observe import metrics

T = TypeVar("T")
Step = Callable[[sqlite3.Cursor], T]

# When the log is synced and copied, and where a lock is waited for, is for this module to say.
_PRAGMAS = ("synchronous = NORMAL", "wal_autocheckpoint = 0")
_SHORT_ROWS = 256
"""A group that writes more is for the thread, or nobody else would be served meanwhile."""
_CHECKPOINT_ROWS = 1000
"""So many rows fill some 4 MB of the log; a longer one takes longer to look into and to copy."""

# Only data counts, not the time of the last change; not every system tells them apart.
_sync_file = getattr(os, "fdatasync", os.fsync)


class _Waiting(NamedTuple):
    step: Step[Any]
    rows: int
    future: asyncio.Future[Any]


class _Group(NamedTuple):
    """Writes that share a transaction; without ``outcomes`` that is still to be run."""

    waiting: Sequence[_Waiting]
    rows: int
    outcomes: Sequence[Any] | None
    loop: asyncio.AbstractEventLoop
    started: float


class GroupCommit:
    """The only writer of that file, which is in WAL mode; both connections are to it.

    A step is a function that writes through a cursor. Steps run on the event loop, with the connection ``here``, which
    others may read with meanwhile; a thread waits for the disk, and runs what takes long with the connection ``there``.
    A step raises Conflict (or violates a constraint, which becomes Conflict) to be undone alone. It may
    be run twice.
    """

    def __init__(self, here: sqlite3.Connection, there: sqlite3.Connection, path: Path) -> None:
        self._here, self._there = here.cursor(), there.cursor()
        for pragma in _PRAGMAS:
            self._here.execute(f"PRAGMA {pragma}")
            self._there.execute(f"PRAGMA {pragma}")
        self._here.execute("PRAGMA busy_timeout = 0")
        self._log = Path(f"{path}-wal").open("rb+", buffering=0)  # noqa: SIM115 - it is closed with the connections
        self._is_log_doubtful = False
        self._rows_in_log = 0
        self._waiting: list[_Waiting] = []
        self._is_busy = False
        self._closed: asyncio.Future[None] | None = None
        # An executor would cost a lone commit twice as much: it has a future, a lock and a task of its own for each.
        self._groups: SimpleQueue[_Group | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="sqlite-commit", daemon=True)
        self._thread.start()

    def run(self, step: Step[T], rows: int) -> asyncio.Future[T]:
        """What the step returned, once its writes are on disk; ``rows`` is about how many they are.

        Steps are run in the order of the calls.

        Raises: Unavailable when its group could not be committed; whatever the step raised.
        """
        if self._closed is not None:
            raise Unavailable("the store is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._waiting.append(_Waiting(step, rows, future))
        if not self._is_busy:
            self._is_busy = True
            loop.call_soon(self._hand_over, loop)
        return future

    async def close(self) -> None:
        """Finish what waits, take no more, and close the connections."""
        self._closed = asyncio.get_running_loop().create_future()
        if self._is_busy:
            await self._closed
        self._groups.put(None)
        self._thread.join()
        self._here.connection.close()
        self._there.connection.close()
        self._log.close()

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        started = loop.time()
        waiting, self._waiting = self._waiting, []
        rows = sum([one.rows for one in waiting])
        outcomes = _transact(self._here, waiting) if rows <= _SHORT_ROWS else None
        self._groups.put(_Group(waiting, rows, outcomes, loop, started))

    def _work(self) -> None:
        """See one group after the other to the disk, on the thread."""
        while (group := self._groups.get()) is not None:
            outcomes = _transact(self._there, group.waiting) if group.outcomes is None else group.outcomes
            if outcomes is None:
                outcomes = _unavailable(group.waiting, "another process does nothing but write")
            try:
                self._sync(group.rows)
            except (OSError, sqlite3.Error) as error:
                self._is_log_doubtful = True
                outcomes = _unavailable(group.waiting, error)
            with suppress(RuntimeError):  # a loop that has ended has nobody who waits
                group.loop.call_soon_threadsafe(self._settle, group, outcomes)

    def _settle(self, group: _Group, outcomes: Sequence[Any]) -> None:
        """Tell those who wait, and go on with what came meanwhile."""
        metrics.store_commit_seconds.observe(group.loop.time() - group.started)
        for (_, _, future), outcome in zip(group.waiting, outcomes, strict=True):
            if future.done():  # its caller was cancelled
                continue
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
        if self._waiting:
            self._hand_over(group.loop)
            return
        self._is_busy = False
        if self._closed is not None:
            self._closed.set_result(None)

    def _sync(self, rows: int) -> None:
        """Return once all that was committed, now with that many rows more, is on disk.

        Raises: OSError, sqlite3.Error.
        """
        self._rows_in_log += rows
        if self._is_log_doubtful:
            # A disk that once refused what it was given may say next time that it has it, and be wrong.
            self._copy_log("FULL")
            self._is_log_doubtful = False
            return
        _sync_file(self._log.fileno())
        if self._rows_in_log >= _CHECKPOINT_ROWS:
            with suppress(sqlite3.Error):  # a log that cannot be copied now goes on growing
                self._copy_log("PASSIVE")

    def _copy_log(self, how: str) -> None:
        """Bring what is in the log into the file, on disk. Raises: sqlite3.Error."""
        ((is_busy, _, _),) = self._there.execute(f"PRAGMA wal_checkpoint({how})").fetchall()
        if is_busy:
            raise sqlite3.OperationalError("the log is being read")
        self._rows_in_log = 0


def _transact(cursor: sqlite3.Cursor, waiting: Sequence[_Waiting]) -> Sequence[Any] | None:
    """What each step returned or raised, after all that did not raise are committed; None where the lock is taken."""
    # Savepoints cost a quarter of a commit: the first try does without, and is given up when a step raises.
    failure: Exception | None = None
    for run in (_run_bare, _run_apart):
        try:
            if cursor.connection.in_transaction:  # reads of this turn, which see no more of it from now on
                cursor.execute("COMMIT")
            cursor.execute("BEGIN IMMEDIATE")
            outcomes = [run(cursor, one.step) for one in waiting]
            cursor.execute("COMMIT")
            return outcomes
        except Exception as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
                return None
            failure = error
            with suppress(sqlite3.Error):  # whoever waits is to hear of it, whatever else goes wrong
                if cursor.connection.in_transaction:
                    cursor.execute("ROLLBACK")
    return _unavailable(waiting, failure)


def _run_bare(cursor: sqlite3.Cursor, step: Step[Any]) -> Any:
    return step(cursor)


def _run_apart(cursor: sqlite3.Cursor, step: Step[Any]) -> Any:
    cursor.execute("SAVEPOINT step")
    try:
        outcome = step(cursor)
    except sqlite3.IntegrityError as error:
        outcome = Conflict(f"another record is in the way: {error}")
    except sqlite3.Error:
        raise
    except Exception as error:
        outcome = error
    if isinstance(outcome, Exception):
        cursor.execute("ROLLBACK TO step")
    cursor.execute("RELEASE step")
    return outcome


def _unavailable(waiting: Sequence[_Waiting], why: object) -> Sequence[Any]:
    metrics.count(metrics.store_failures, "sqlite")
    return [Unavailable(f"the store cannot be written: {why}") for _ in waiting]
