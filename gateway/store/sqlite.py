"""The store in one SQLite file: durable, embedded, the default.

Reads run where they are called, on a connection of their own: a point read takes a few microseconds, less than handing
it to a thread. Writes that wait at the same moment share one transaction, so one fsync serves them all.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from datetime import datetime
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Self

import msgspec
from msgspec.structs import replace

from gateway.errors import ConfigError, Unavailable
from gateway.fleet.device import Device
from gateway.fleet.mirror import Mirror
from gateway.fleet.operation import Operation
from gateway.fleet.search import Search
from gateway.fleet.subscriber import Subscriber
from gateway.store.group_commit import GroupCommit
from gateway.store.protocol import (
    LAST,
    Contact,
    DeleteDevice,
    DeleteSubscriber,
    Event,
    Household,
    IdentityKind,
    Owned,
    Record,
    SessionRecord,
    TraceEntry,
    Write,
)
from gateway.store.searching import narrow
from gateway.store.sqlite_schema import connect, migrate
from gateway.store.sqlite_search import Candidates, to_json
from gateway.store.sqlite_writes import carry_out, save_noted
from gateway.store.times import to_datetime, to_integer
from gateway.store.write_behind import Traced, WriteBehind

_SCAN_HOUSEHOLDS = 100
_EXPIRE_ROWS = 500
_DELETIONS = frozenset({DeleteSubscriber, DeleteDevice})
# The reader forgets all pages that it knows with each commit of the writer: from the mapped file it has them at once.
_MAPPED_BYTES = 1024**3
_PRAGMAS = (
    "journal_mode = WAL",
    "foreign_keys = ON",
    "temp_store = MEMORY",
    f"mmap_size = {_MAPPED_BYTES}",
)

_HOUSEHOLD = """SELECT s.body, d.body FROM subscriber s LEFT JOIN device d ON d.subscriber = s.key
    WHERE s.key = (SUBSCRIBER) ORDER BY d.key"""
_SELECT_HOUSEHOLD = {
    kind: _HOUSEHOLD.replace("SUBSCRIBER", subscriber)
    for kind, subscriber in {
        "id": "SELECT key FROM subscriber WHERE id = ?",
        "imsi": "SELECT subscriber FROM identity WHERE kind = 'imsi' AND value = ?",
        "msisdn": "SELECT subscriber FROM identity WHERE kind = 'msisdn' AND value = ?",
        "imei": "SELECT subscriber FROM device WHERE imei = ? ORDER BY imei_claim DESC LIMIT 1",
    }.items()
}
_SELECT_OWNED = "SELECT s.body, d.body FROM device d JOIN subscriber s ON s.key = d.subscriber WHERE d.id = ?"
_SCAN = """SELECT s.body, d.body FROM (SELECT * FROM subscriber WHERE id > ? ORDER BY id LIMIT ?) s
    LEFT JOIN device d ON d.subscriber = s.key ORDER BY s.id, d.key"""
_SELECT_SOME = """SELECT s.body, d.body FROM json_each(?) AS wanted CROSS JOIN subscriber s ON s.id = wanted.value
    LEFT JOIN device d ON d.subscriber = s.key ORDER BY s.id, d.key"""
_SELECT_OPERATIONS = "SELECT body FROM operation WHERE device = (SELECT key FROM device WHERE id = ?) ORDER BY seq"
_SELECT_PENDING = """SELECT body FROM operation
    WHERE device = (SELECT key FROM device WHERE id = ?) AND final = 0 ORDER BY seq"""
_SELECT_CONTACT = """SELECT s.body, d.body, x.payload, x.expires_at, x.revision, o.body
    FROM device d JOIN subscriber s ON s.key = d.subscriber
    LEFT JOIN session x ON x.device = d.key AND x.expires_at > ?
    LEFT JOIN operation o ON o.device = d.key AND o.final = 0
    WHERE d.loc_uri = ? ORDER BY o.seq"""

_RECORD = "SELECT kind, id, revision, due_at, payload FROM record WHERE kind = ?"
_FORGET_EVENTS = "DELETE FROM event WHERE seq IN (SELECT seq FROM event ORDER BY seq LIMIT ?) AND at < ?"
_EXPIRE = (
    "DELETE FROM session WHERE device IN (SELECT device FROM session WHERE expires_at <= ? LIMIT ?)",
    "DELETE FROM ephemeral WHERE key IN (SELECT key FROM ephemeral WHERE expires_at <= ? LIMIT ?)",
)
_EXPIRE_TRACES = "DELETE FROM trace WHERE seq IN (SELECT seq FROM trace WHERE expires_at <= ? LIMIT ?)"
_SELECT_TRACE = """SELECT seq, body FROM trace WHERE owner IN (SELECT value FROM json_each(?)) AND expires_at > ?
    ORDER BY seq DESC LIMIT ?"""

_SELECT_TRACED_OWNERS = """SELECT owner, max(seq) AS newest
    FROM (SELECT owner, seq FROM trace ORDER BY seq DESC LIMIT ?) GROUP BY owner ORDER BY newest DESC LIMIT ?"""
_EXCHANGES_OF_ONE = 20
"""For each owner that is wanted, so many exchanges are looked at: what one session may have, and more."""

_decode_subscriber = msgspec.msgpack.Decoder(Subscriber).decode
_decode_device = msgspec.msgpack.Decoder(Device).decode
_decode_mirror = msgspec.msgpack.Decoder(Mirror).decode
_decode_operation = msgspec.msgpack.Decoder(Operation).decode
_decode_trace = msgspec.msgpack.Decoder(TraceEntry).decode
_decode_detail = msgspec.msgpack.Decoder(dict[str, str]).decode


class SqliteStore:
    """The gateway's state in one SQLite file (with its ``-wal`` and ``-shm`` beside it); its methods are ``Store``'s.

    One event loop owns an instance. Other processes may have the same file open.
    """

    def __init__(self, connection: sqlite3.Connection, commits: GroupCommit) -> None:
        self._connection = connection
        self._commits = commits
        self._behind = WriteBehind(self._save_noted)

    @classmethod
    def open(cls, path: Path) -> Self:
        """The store in that file, which is created, or brought up to the current schema, when need be.

        Raises: ConfigError when the file cannot be used, is not a store, or is one of a newer gateway.
        """
        try:
            with ExitStack() as undo:
                # SQLite gives its companion files the mode of this one.
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
                there = undo.enter_context(closing(connect(path)))
                migrate(there, path)
                here = undo.enter_context(closing(connect(path)))
                for connection in (there, here):
                    for pragma in _PRAGMAS:
                        connection.execute(f"PRAGMA {pragma}")
                commits = GroupCommit(here, there, path)
                undo.pop_all()
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(
                f"cannot keep the store here ({error}): name a directory that the gateway may write to, "
                "and that holds no foreign file of this name",
                file=path,
            ) from error
        return cls(here, commits)

    async def load_household(self, kind: IdentityKind, value: str) -> Household | None:
        rows = self._read(_SELECT_HOUSEHOLD[kind], value)
        return _household(rows) if rows else None

    async def load_contact(self, loc_uri: str, now: datetime) -> Contact | None:
        rows = self._read(_SELECT_CONTACT, to_integer(now), loc_uri)
        if not rows:
            return None
        subscriber, body, payload, expires_at, revision, _ = rows[0]
        device = _decode_device(body)
        session = None
        if payload is not None:
            session = SessionRecord(
                device_id=device.id, payload=payload, expires_at=to_datetime(expires_at), revision=revision
            )
        operations = tuple(_decode_operation(row[5]) for row in rows if row[5] is not None)
        return Contact(_decode_subscriber(subscriber), device, session, operations)

    async def load_owned(self, device_id: str) -> Owned | None:
        for subscriber, device in self._read(_SELECT_OWNED, device_id):
            return Owned(_decode_subscriber(subscriber), _decode_device(device))
        return None

    async def load_mirror(self, device_id: str) -> Mirror:
        rows = self._read("SELECT body FROM mirror WHERE device = (SELECT key FROM device WHERE id = ?)", device_id)
        return _decode_mirror(rows[0][0]) if rows else Mirror(device_id=device_id)

    async def load_operations(self, device_id: str, *, pending_only: bool = True) -> Sequence[Operation]:
        rows = self._read(_SELECT_PENDING if pending_only else _SELECT_OPERATIONS, device_id)
        return [_decode_operation(body) for (body,) in rows]

    async def load_ephemeral(self, key: str, now: datetime) -> bytes | None:
        rows = self._read("SELECT value FROM ephemeral WHERE key = ? AND expires_at > ?", key, to_integer(now))
        return rows[0][0] if rows else None

    async def load_record(self, kind: str, record_id: str) -> Record | None:
        rows = self._read(f"{_RECORD} AND id = ?", kind, record_id)
        return _record(rows[0]) if rows else None

    async def load_records(
        self, kind: str, *, prefix: str = "", after: str = "", limit: int = 100, backwards: bool = False
    ) -> Sequence[Record]:
        query = f"{_RECORD} AND id > ? AND substr(id, 1, length(?)) = ? ORDER BY id LIMIT ?"
        if backwards:
            query = query.replace("id > ?", "id < ?").replace("ORDER BY id", "ORDER BY id DESC")
            below = after or f"{prefix}{LAST}"
            return [_record(row) for row in self._read(query, kind, below, prefix, prefix, limit)]
        # What begins so is not smaller than the prefix itself, which the index finds.
        if after < prefix:
            query = query.replace("id > ?", "id >= ?")
        return [_record(row) for row in self._read(query, kind, max(after, prefix), prefix, prefix, limit)]

    async def load_due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        rows = self._read(f"{_RECORD} AND due_at <= ? ORDER BY due_at LIMIT ?", kind, to_integer(now), limit)
        return [_record(row) for row in rows]

    async def count_waiting(self, kind: str) -> int:
        count: int = self._read("SELECT count(*) FROM record WHERE kind = ? AND due_at IS NOT NULL", kind)[0][0]
        return count

    async def load_last_seen(self, device_ids: Sequence[str]) -> dict[str, datetime]:
        rows = self._read(
            """SELECT d.id, l.at FROM json_each(?) AS wanted CROSS JOIN device d ON d.id = wanted.value
            LEFT JOIN last_seen l ON l.device = d.key AND l.at > 0""",
            msgspec.json.encode(device_ids).decode(),
        )
        seen = {}
        for device_id, stored in rows:
            if at := self._behind.last_seen(device_id, None if stored is None else to_datetime(stored)):
                seen[device_id] = at
        return seen

    async def scan_households(self, after: str = "") -> AsyncIterator[Household]:
        while True:
            households = list(_households(self._read(_SCAN, after, _SCAN_HOUSEHOLDS)))
            for household in households:
                yield household
            if len(households) < _SCAN_HOUSEHOLDS:
                return
            after = households[-1].subscriber.id
            await asyncio.sleep(0)

    async def search(self, search: Search, after: str = "", *, marks: bool = False) -> AsyncIterator[Household]:
        if search.asks_when_seen:
            await self._behind.settle()
        for ids in Candidates(self._read, search).after(after):
            for start in range(0, len(ids), _SCAN_HOUSEHOLDS):
                rows = self._read(_SELECT_SOME, to_json(ids[start : start + _SCAN_HOUSEHOLDS]))
                for household in await narrow(self, search, list(_households(rows)), marks=marks):
                    yield household
                await asyncio.sleep(0)
            await asyncio.sleep(0)

    async def load_events(
        self,
        *,
        subscriber_id: str = "",
        device_id: str = "",
        after_seq: int = 0,
        limit: int = 100,
        newest: bool = False,
    ) -> Sequence[Event]:
        query = "SELECT seq, at, kind, subscriber_id, device_id, detail FROM event WHERE seq > ?"
        parameters: list[str | int] = [after_seq]
        for condition, value in ((" AND device_id = ?", device_id), (" AND subscriber_id = ?", subscriber_id)):
            if value:
                query += condition
                parameters.append(value)
        rows = self._read(f"{query} ORDER BY seq {'DESC' if newest else 'ASC'} LIMIT ?", *parameters, limit)
        return [
            Event(
                seq=seq,
                at=to_datetime(at),
                kind=kind,
                subscriber_id=subscriber,
                device_id=device,
                detail=_decode_detail(detail),
            )
            for seq, at, kind, subscriber, device, detail in (reversed(rows) if newest else rows)
        ]

    async def commit(self, *writes: Write) -> None:
        if not _DELETIONS.isdisjoint(map(type, writes)):
            # What was noted before a deletion goes in before it, or it would outlive it should the id be used again.
            # It goes in with it, or a later batch could overtake this one.
            await self._behind.save(writes)
        else:
            await self._commits.run(partial(carry_out, writes), len(writes))

    def touch(self, device_id: str, at: datetime) -> None:
        self._behind.touch(device_id, at)

    def trace(self, entry: TraceEntry, expires_at: datetime, keep: int) -> None:
        self._behind.trace(entry, expires_at, keep)

    async def load_trace(self, owners: Sequence[str], limit: int, now: datetime) -> Sequence[TraceEntry]:
        await self._behind.settle()
        rows = self._read(_SELECT_TRACE, msgspec.json.encode(owners).decode(), to_integer(now), limit)
        return [replace(_decode_trace(body), seq=seq) for seq, body in reversed(rows)]

    async def last_event(self) -> int:
        newest: int = self._read("SELECT ifnull(max(seq), 0) FROM event")[0][0]
        return newest

    async def load_traced_owners(self, limit: int) -> Sequence[str]:
        await self._behind.settle()
        return [owner for owner, _ in self._read(_SELECT_TRACED_OWNERS, limit * _EXCHANGES_OF_ONE, limit)]

    async def expire(self, now: datetime) -> int:
        total = 0
        for statement in _EXPIRE:
            while count := await self._commits.run(partial(_expire, statement, now), _EXPIRE_ROWS):
                total += count
        while await self._commits.run(partial(_expire, _EXPIRE_TRACES, now), _EXPIRE_ROWS):
            pass
        return total

    async def forget_events(self, before: datetime) -> int:
        total = 0
        while count := await self._commits.run(partial(_forget_events, before), _EXPIRE_ROWS):
            total += count
        return total

    async def close(self) -> None:
        try:
            await self._behind.close()
        finally:
            await self._commits.close()

    async def _save_noted(
        self, touched: Mapping[str, datetime], traced: Sequence[Traced], writes: Sequence[Write]
    ) -> None:
        rows = len(touched) + len(traced) + len(writes)
        await self._commits.run(partial(save_noted, touched, traced, writes), rows)

    def _read(self, query: str, *parameters: str | int) -> list[tuple[Any, ...]]:
        try:
            if not self._connection.in_transaction:
                self._begin_to_read()
            return self._connection.execute(query, parameters).fetchall()
        except sqlite3.Error as error:
            raise Unavailable(f"the store cannot be read: {error}") from error

    def _begin_to_read(self) -> None:
        """Let the reads of this turn of the event loop share a transaction: its locks cost as much as a read.

        Whoever learns of a commit learns it in a later turn, and so finds it.
        """
        asyncio.get_running_loop().call_soon(self._end_reading)
        self._connection.execute("BEGIN")

    def _end_reading(self) -> None:
        with suppress(sqlite3.Error):  # of a store that was closed meanwhile
            if self._connection.in_transaction:  # a group of writes may have ended it
                self._connection.execute("COMMIT")


def _expire(statement: str, now: datetime, cursor: sqlite3.Cursor) -> int:
    return cursor.execute(statement, (to_integer(now), _EXPIRE_ROWS)).rowcount


def _forget_events(before: datetime, cursor: sqlite3.Cursor) -> int:
    return cursor.execute(_FORGET_EVENTS, (_EXPIRE_ROWS, to_integer(before))).rowcount


def _record(row: tuple[str, str, int, int | None, bytes]) -> Record:
    kind, record_id, revision, due_at, payload = row
    due = None if due_at is None else to_datetime(due_at)
    return Record(kind=kind, id=record_id, payload=payload, due_at=due, revision=revision)


def _households(rows: Iterable[tuple[bytes, bytes | None]]) -> Iterator[Household]:
    """The households in rows of (subscriber, device), which come grouped by subscriber."""
    for _, group in groupby(rows, key=itemgetter(0)):
        yield _household(list(group))


def _household(rows: Sequence[tuple[bytes, bytes | None]]) -> Household:
    """The household in its rows of (subscriber, device)."""
    devices = [_decode_device(device) for _, device in rows if device is not None]
    return Household(_decode_subscriber(rows[0][0]), tuple(devices))
