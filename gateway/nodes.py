"""The processes that serve from one store, on however many hosts: each says now and then that it is there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import secrets
import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib.metadata import version

import msgspec
from msgspec.structs import replace

from gateway.errors import Conflict, Unavailable
from gateway.observe.build import commit
from gateway.observe.logs import logger
from gateway.store.protocol import DeleteRecord, PutRecord, Record, Store

KIND = "node"
TOLD_SECONDS = 30
GONE_AFTER = timedelta(seconds=4 * TOLD_SECONDS)
"""A process that was killed is shown for so long."""
MOST_SHOWN = 1000


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One process: ``worker`` is its number among those of its host, ``told_at`` when it last said that it is there."""

    id: str
    host: str
    pid: int
    worker: int | None
    version: str
    commit: str
    python: str
    started_at: datetime
    told_at: datetime


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Node).decode


def this_process(worker: int | None, now: datetime) -> Node:
    """What this process says of itself, as one that starts now."""
    return Node(
        id=secrets.token_hex(8),
        host=socket.gethostname(),
        pid=os.getpid(),
        worker=worker,
        version=version("mogate"),
        commit=commit(),
        python=platform.python_version(),
        started_at=now,
        told_at=now,
    )


class Nodes:
    """This process among those of the store."""

    def __init__(self, store: Store, me: Node, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._me = me
        self._clock = clock

    async def watch(self) -> None:
        """Say again and again that this process is there, and forget those that are not."""
        while True:
            try:
                await self.tell()
            except (Conflict, Unavailable) as error:
                logger().warning("node_not_told", why=str(error))
            await asyncio.sleep(TOLD_SECONDS)

    async def tell(self) -> None:
        """Say once that this process is there. Raises: Conflict, Unavailable."""
        now = self._clock()
        payload = _encode(replace(self._me, told_at=now))
        known = await self._store.load_record(KIND, self._me.id)
        revision = known.revision if known else 0
        await self._store.commit(PutRecord(Record(kind=KIND, id=self._me.id, payload=payload, revision=revision)))
        for record in await self._store.load_records(KIND, limit=MOST_SHOWN):
            if _decode(record.payload).told_at < now - GONE_AFTER:
                with contextlib.suppress(Conflict):  # another process does the same
                    await self._store.commit(DeleteRecord(record))

    async def leave(self) -> None:
        """Be no longer there."""
        with contextlib.suppress(Conflict, Unavailable):
            if record := await self._store.load_record(KIND, self._me.id):
                await self._store.commit(DeleteRecord(record))

    async def list(self) -> list[Node]:
        """The processes that are there, by host and worker. Raises: Unavailable."""
        since = self._clock() - GONE_AFTER
        found = [_decode(record.payload) for record in await self._store.load_records(KIND, limit=MOST_SHOWN)]
        there = [one for one in found if one.told_at >= since]
        return sorted(there, key=lambda one: (one.host, -1 if one.worker is None else one.worker, one.pid))
