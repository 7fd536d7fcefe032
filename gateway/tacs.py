"""The table of phone models by Type Allocation Code, as the operator brought it in."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from gateway.errors import Unavailable
from gateway.fleet.tac import PhoneModel
from gateway.store.conflicts import try_again
from gateway.store.protocol import PutRecord, Record, Store, Write

KIND = "tac"
ROWS_AT_ONCE = 200

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(PhoneModel).decode


class Tacs:
    """The table, over a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(self, imei: str) -> PhoneModel | None:
        """The model of the phone that an IMEI names, or None when its TAC is not in the table."""
        record = await self._store.load_record(KIND, imei[:8]) if len(imei) >= 8 else None
        return None if record is None else _decode(record.payload)

    async def list(self, *, after: str = "", limit: int = 100) -> Sequence[PhoneModel]:
        """Rows by TAC."""
        return [_decode(record.payload) for record in await self._store.load_records(KIND, after=after, limit=limit)]

    async def put(self, models: Sequence[PhoneModel]) -> int:
        """Take these rows in, in place of those with their TACs; returns how many say something new.

        Raises: Unavailable when others write the same rows again and again.
        """
        newest = list({model.tac: model for model in models}.values())
        changed = 0
        for start in range(0, len(newest), ROWS_AT_ONCE):
            rows = newest[start : start + ROWS_AT_ONCE]
            busy = Unavailable("others write these rows of the table again and again")
            changed += await try_again(functools.partial(self._put, rows), busy)
        return changed

    async def _put(self, models: Sequence[PhoneModel]) -> int:
        known = await asyncio.gather(*(self._store.load_record(KIND, model.tac) for model in models))
        writes: list[Write] = []
        for model, record in zip(models, known, strict=True):
            payload = _encode(model)
            if record is None:
                writes.append(PutRecord(Record(kind=KIND, id=model.tac, payload=payload)))
            elif record.payload != payload:
                writes.append(PutRecord(replace(record, payload=payload)))
        if writes:
            await self._store.commit(*writes)
        return len(writes)
