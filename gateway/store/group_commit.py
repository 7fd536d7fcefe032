"""Group commit: the writes that wait at the same moment share one SQLite transaction, hence one fsync."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from gateway.errors import Conflict, Unavailable
from gateway.observe import metrics

T = TypeVar("T")
Step = Callable[[sqlite3.Cursor], T]
Group = list[tuple[Step[Any], asyncio.Future[Any]]]


class GroupCommit:
    """The only writer of a connection, on a thread of its own. A step is a function that writes through a cursor.

    A step raises Conflict (or violates a constraint, which becomes Conflict) to be undone alone. It may be run twice.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._waiting: Group = []
        self._is_busy = False
        self._closed: asyncio.Future[None] | None = None
        # An executor would cost a lone commit twice as much: it has a future, a lock and a task of its own for each.
        self._groups: SimpleQueue[tuple[Group, asyncio.AbstractEventLoop] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="sqlite-commit", daemon=True)
        self._thread.start()

    def run(self, step: Step[T]) -> asyncio.Future[T]:
        """What the step returned, once its writes are on disk. Steps are run in the order of the calls.

        Raises: Unavailable when its group could not be committed; whatever the step raised.
        """
        if self._closed is not None:
            raise Unavailable("the store is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._waiting.append((step, future))
        if not self._is_busy:
            self._is_busy = True
            loop.call_soon(self._hand_over, loop)
        return future

    async def close(self) -> None:
        """Finish what waits, take no more, and close the connection."""
        self._closed = asyncio.get_running_loop().create_future()
        if self._is_busy:
            await self._closed
        self._groups.put(None)
        self._thread.join()
        self._connection.close()

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        group, self._waiting = self._waiting, []
        self._groups.put((group, loop))

    def _work(self) -> None:
        """Commit one group after the other, on the thread."""
        while (given := self._groups.get()) is not None:
            group, loop = given
            started = loop.time()
            outcomes = self._transact([step for step, _ in group])
            with suppress(RuntimeError):  # a loop that has ended has nobody who waits
                loop.call_soon_threadsafe(self._settle, loop, group, outcomes, started)

    def _settle(self, loop: asyncio.AbstractEventLoop, group: Group, outcomes: Sequence[Any], started: float) -> None:
        """Tell those who wait, and go on with what came meanwhile."""
        metrics.store_commit_seconds.observe(loop.time() - started)
        for (_, future), outcome in zip(group, outcomes, strict=True):
            if future.done():  # its caller was cancelled
                continue
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
        if self._waiting:
            self._hand_over(loop)
            return
        self._is_busy = False
        if self._closed is not None:
            self._closed.set_result(None)

    def _transact(self, steps: Sequence[Step[Any]]) -> Sequence[Any]:
        """What each step returned or raised, after all that did not raise are committed."""
        # Savepoints cost a quarter of a commit: the first try does without, and is given up when a step raises.
        failure: Exception | None = None
        for run in (self._run_bare, self._run_apart):
            try:
                self._cursor.execute("BEGIN IMMEDIATE")
                outcomes = [run(step) for step in steps]
                self._cursor.execute("COMMIT")
                return outcomes
            except Exception as error:
                failure = error
                with suppress(sqlite3.Error):  # whoever waits is to hear of it, whatever else goes wrong
                    if self._connection.in_transaction:
                        self._cursor.execute("ROLLBACK")
        metrics.count(metrics.store_failures, "sqlite")
        return [Unavailable(f"the store cannot be written: {failure}") for _ in steps]

    def _run_bare(self, step: Step[Any]) -> Any:
        return step(self._cursor)

    def _run_apart(self, step: Step[Any]) -> Any:
        self._cursor.execute("SAVEPOINT step")
        try:
            outcome = step(self._cursor)
        except sqlite3.IntegrityError as error:
            outcome = Conflict(f"another record is in the way: {error}")
        except sqlite3.Error:
            raise
        except Exception as error:
            outcome = error
        if isinstance(outcome, Exception):
            self._cursor.execute("ROLLBACK TO step")
        self._cursor.execute("RELEASE step")
        return outcome
