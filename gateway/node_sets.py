"""Nodes that somebody reads often, as a list of addresses with a name."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from gateway.errors import NotFound, TooMany
from gateway.store.protocol import DeleteRecord, PutRecord, Record, Store

KIND = "nodeset"
MAX_SETS = 200


class NodeSet(msgspec.Struct, frozen=True):
    """Addresses of nodes, each as a Get names it."""

    name: str
    uris: tuple[str, ...]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(NodeSet).decode


class NodeSets:
    """All of them, over a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def list(self) -> Sequence[NodeSet]:
        """By name."""
        return [_decode(record.payload) for record in await self._store.load_records(KIND, limit=MAX_SETS)]

    async def find(self, name: str) -> NodeSet:
        """One of them. Raises: NotFound."""
        return _decode((await self._load(name)).payload)

    async def put(self, made: NodeSet) -> None:
        """Keep it, in place of one of that name.

        Raises: TooMany; Conflict when somebody else writes it at the same time.
        """
        record = await self._store.load_record(KIND, made.name)
        if record is None and len(await self.list()) >= MAX_SETS:
            raise TooMany(f"there are {MAX_SETS} sets of nodes already; delete one first")
        record = record or Record(kind=KIND, id=made.name, payload=b"")
        await self._store.commit(PutRecord(replace(record, payload=_encode(made))))

    async def delete(self, name: str) -> None:
        """Forget it. Raises: NotFound; Conflict when somebody else writes it at the same time."""
        await self._store.commit(DeleteRecord(await self._load(name)))

    async def _load(self, name: str) -> Record:
        record = await self._store.load_record(KIND, name)
        if record is None:
            raise NotFound(f"no set of nodes is called {name[:60]!r}; `mogate node-set list` has them")
        return record
