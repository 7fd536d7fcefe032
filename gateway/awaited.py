"""Traces of those who are not known yet: what they say is kept from their first contact on, for a while.

Whoever waits for a SIM, a number, a phone or anybody from a range of addresses says so in a record that ends by itself.
Each process looks at these now and then, so that a request costs nothing while nobody is awaited, and no read while
somebody is.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec

from gateway.errors import ConfigError, Conflict, NotFound, TooMany, Unavailable
from gateway.fleet.awaited import Awaited, Kind, Wait, parse_networks
from gateway.store.protocol import DeleteRecord, PutRecord, Record, Store
from gateway.trace import Tracer

RECORD = "trace.awaited"
MAX_AWAITED = 20
MAX_MINUTES = 10_080
LOOK_SECONDS = 2.0
"""So late other processes take notice."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Wait).decode


class Awaiting:
    """Who is waited for, by whatever process; ``tracer`` is this process's."""

    def __init__(self, store: Store, tracer: Tracer, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._tracer = tracer
        self._clock = clock

    async def begin(self, kind: Kind, value: str, minutes: int, by: str) -> Wait:
        """Keep what they say from now on, for so long.

        Raises: ConfigError, also where nothing is traced at all; TooMany when as many are waited for as can be.
        """
        if self._tracer.is_off:
            raise ConfigError("nothing is kept here: the setting trace.mode is off", key="trace.mode")
        if kind == "address":
            value = ",".join(map(str, parse_networks(value)))
        waits = await self.list()
        if len(waits) >= MAX_AWAITED:
            raise TooMany(f"{len(waits)} are waited for already; end one first")
        until = self._clock() + timedelta(minutes=minutes)
        wait = Wait(id=secrets.token_hex(6), kind=kind, value=value, by=by, until=until)
        await self._store.commit(PutRecord(Record(kind=RECORD, id=wait.id, payload=_encode(wait))))
        await self.refresh()
        return wait

    async def list(self) -> Sequence[Wait]:
        """Those who are waited for. Raises: Unavailable."""
        now = self._clock()
        return [wait for _, wait in await self._load() if now < wait.until]

    async def find(self, wait_id: str) -> Wait:
        """One of them. Raises: NotFound."""
        return (await self._find(wait_id))[1]

    async def end(self, wait_id: str) -> None:
        """Wait no longer; what was kept stays for its time. Raises: NotFound."""
        with contextlib.suppress(Conflict):  # somebody else does the same
            await self._store.commit(DeleteRecord((await self._find(wait_id))[0]))
        await self.refresh()

    async def refresh(self) -> None:
        """Have this process go by what is waited for now, and drop what is over. Raises: Unavailable."""
        now, awaited = self._clock(), []
        for record, wait in await self._load():
            if now < wait.until:
                awaited.append(await self._compared(wait))
            else:
                with contextlib.suppress(Conflict):
                    await self._store.commit(DeleteRecord(record))
        self._tracer.awaited = tuple(awaited)

    async def watch(self) -> None:
        """Go by what is waited for, for as long as this runs."""
        while True:
            with contextlib.suppress(Unavailable):
                await self.refresh()
            await asyncio.sleep(LOOK_SECONDS)

    async def _load(self) -> Sequence[tuple[Record, Wait]]:
        found = await self._store.load_records(RECORD, limit=2 * MAX_AWAITED)
        return [(record, _decode(record.payload)) for record in found]

    async def _find(self, wait_id: str) -> tuple[Record, Wait]:
        record = await self._store.load_record(RECORD, wait_id)
        if record is None:
            raise NotFound(f"nobody is waited for under {wait_id[:40]!r}; it may be over")
        return record, _decode(record.payload)

    async def _compared(self, wait: Wait) -> Awaited:
        """The same with who this is by now: over OMA DM a phone does not say which SIM is in it."""
        if wait.kind == "address":
            return Awaited(wait, networks=parse_networks(wait.value))
        household = await self._store.load_household(wait.kind, wait.value)
        if household is None:
            return Awaited(wait)
        if wait.kind == "imei":
            return Awaited(wait, owners=frozenset(one.id for one in household.devices if one.imei == wait.value))
        return Awaited(wait, owners=frozenset({household.subscriber.id}))
