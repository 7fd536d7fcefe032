"""Group commit: the writes that wait at the same moment share one SQLite transaction, hence one fsync."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from gateway.errors import Conflict, Unavailable
from gateway.observe import metrics

T = TypeVar("T")
Step = Callable[[sqlite3.Cursor], T]


class GroupCommit:
    """The only writer of a connection, on a thread of its own. A step is a function that writes through a cursor.

    A step raises Conflict (or violates a constraint, which becomes Conflict) to be undone alone. It may be run twice.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._waiting: list[tuple[Step[Any], asyncio.Future[Any]]] = []
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite-commit")
        self._running: asyncio.Task[None] | None = None
        self._closed = False

    async def run(self, step: Step[T]) -> T:
        """What the step returned, once its writes are on disk. Steps are run in the order of the calls.

        Raises: Unavailable when its group could not be committed; whatever the step raised.
        """
        if self._closed:
            raise Unavailable("the store is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._waiting.append((step, future))
        if self._running is None:
            self._running = loop.create_task(self._run_waiting())
        return await future

    async def close(self) -> None:
        """Finish what waits, take no more, and close the connection."""
        self._closed = True
        if self._running is not None:
            await self._running
        self._thread.shutdown()
        self._connection.close()

    async def _run_waiting(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group, self._waiting = self._waiting, []
            started = loop.time()
            outcomes = await loop.run_in_executor(self._thread, self._transact, [step for step, _ in group])
            metrics.store_commit_seconds.observe(loop.time() - started)
            for (_, future), outcome in zip(group, outcomes, strict=True):
                if future.done():  # its caller was cancelled
                    continue
                if isinstance(outcome, Exception):
                    future.set_exception(outcome)
                else:
                    future.set_result(outcome)
        self._running = None

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
