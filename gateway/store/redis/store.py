"""The store in Redis or Valkey: one server, a primary watched by Sentinel, or a Cluster; for many workers and machines.

A commit is planned here, from values that were read before, and carried out there by one script that first checks that
they are still the same. What a load has just read is remembered for the commit that follows it, so a request costs one
round trip to load and one to commit.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from typing import Any, Self

from gateway.errors import ConfigError, Conflict, Unavailable
from gateway.fleet.mirror import Mirror
from gateway.fleet.operation import Operation
from gateway.fleet.search import Search
from gateway.store.protocol import (
    LAST,
    Append,
    Contact,
    DeleteDevice,
    DeleteSubscriber,
    Event,
    Household,
    IdentityKind,
    Owned,
    PutDevice,
    PutEphemeral,
    PutSubscriber,
    Record,
    SessionRecord,
    TraceEntry,
    Write,
)
from gateway.store.redis import scripts
from gateway.store.redis.finding import USUAL, Households, Seeking, household_of
from gateway.store.redis.layout import (
    HEAD_BYTES,
    SCHEMA_VERSION,
    Address,
    Head,
    Keys,
    Pending,
    are_known_alike,
    decode_final,
    identities_of_device,
    identities_of_subscriber,
    parse_cell,
    reading,
    split_headed,
)
from gateway.store.redis.log import Log
from gateway.store.redis.noted import Noted
from gateway.store.redis.packing import Home, unpack_mirror
from gateway.store.redis.plan import Cell, Plan, make_plan, reads_of
from gateway.store.redis.schema import is_older_connected, raise_schema
from gateway.store.redis.servers import Errand, Servers, jitter
from gateway.store.redis.transaction import Transactions
from gateway.store.redis.turns import Turns
from gateway.store.searching import narrow
from gateway.store.times import to_datetime, to_integer

_ATTEMPTS = 40
_PAUSE_SECONDS = 0.005
_EXPIRE_ROWS = 500
_REMEMBERED = 4096
_DELETIONS = frozenset({DeleteSubscriber, DeleteDevice})


class RedisStore:
    """The gateway's state in Redis; its methods are ``Store``'s. One event loop owns an instance."""

    def __init__(self, servers: Servers, keys: Keys, kept_events: int, schema: int, seeking: Seeking) -> None:
        self._servers = servers
        self._keys = keys
        self._kept_events = kept_events
        self._schema = schema
        self._transactions = Transactions(servers, keys)
        self._turns = Turns()
        self._noted = Noted(servers, keys)
        self._log = Log(servers, keys)
        self._households = Households(servers, keys, seeking)
        self._known: dict[Address, Cell] = {}
        self._owners: dict[tuple[str, str], str] = {}
        self._closed = False

    @classmethod
    async def open(
        cls,
        servers: Servers,
        *,
        namespace: str = "mogate:",
        kept_events: int = 1_000_000,
        seeking: Seeking = USUAL,
    ) -> Self:
        """The store under that namespace, which is begun when there is none.

        Raises: Unavailable; ConfigError when it is one of a newer gateway.
        """
        keys = Keys(namespace)
        try:
            _, version = await servers.run(
                [
                    Errand(keys.schema, ("SET", keys.schema, SCHEMA_VERSION, "NX")),
                    Errand(keys.schema, ("GET", keys.schema)),
                ]
            )
            store = cls(servers, keys, kept_events, int(version), seeking)
            if int(version) > SCHEMA_VERSION:
                raise ConfigError(
                    f"the store under {namespace!r} in Redis has schema {int(version)}, of a newer gateway; this one "
                    f"knows up to {SCHEMA_VERSION}: start the newer one, or restore a backup from before the upgrade",
                    key="store.url",
                )
            if int(version) < SCHEMA_VERSION - 1:
                await store._raise_schema(int(version))
        except BaseException:
            await servers.close()
            raise
        return store

    async def load_household(self, kind: IdentityKind, value: str) -> Household | None:
        home = await self._find(kind, value)
        return None if home is None else household_of(home)

    async def load_contact(self, loc_uri: str, now: datetime) -> Contact | None:
        for device_id in [self._owners.get(("loc_uri", loc_uri)), None]:
            raws: Sequence[bytes | None] = ()
            if device_id is None:
                device_id, *raws = await self._locate("loc_uri", loc_uri)
                if device_id is None:
                    return None
            home_at, session_at, pending_at = self._keys.contact(device_id)
            if not raws:
                together = ("MGET", home_at.key, session_at.key, pending_at.key)
                (raws,) = await self._servers.run([Errand(home_at.key, together)])
            raw_home, raw_session, raw_pending = raws
            home: Home | None = self._learn(home_at, raw_home)
            place = home.place(device_id) if home else None
            account = place.device.omadm if place else None
            if home is None or place is None or account is None or account.loc_uri != loc_uri:
                self._owners.pop(("loc_uri", loc_uri), None)
                continue
            pending: Pending = self._learn(pending_at, raw_pending) or ()
            head: Head | None = self._learn(session_at, raw_session)
            session = None
            if head is not None and raw_session and head.end > to_integer(now):
                session = SessionRecord(
                    device_id=device_id,
                    payload=raw_session[HEAD_BYTES:],
                    expires_at=to_datetime(head.end),
                    revision=head.revision,
                )
            return Contact(home.subscriber, place.device, session, tuple(one for _, one in pending))
        return None

    async def load_owned(self, device_id: str) -> Owned | None:
        address = self._keys.home(device_id.rpartition(".")[0])
        home: Home | None = self._learn(address, (await self._get(address.key))[0])
        place = home.place(device_id) if home else None
        return Owned(home.subscriber, place.device) if home and place else None

    async def load_mirror(self, device_id: str) -> Mirror:
        address = self._keys.mirror(device_id)
        (raw,) = await self._get(address.key)
        self._learn(address, raw)
        return unpack_mirror(split_headed(raw)[1]) if raw else Mirror(device_id=device_id)

    async def load_operations(self, device_id: str, *, pending_only: bool = True) -> Sequence[Operation]:
        address = self._keys.pending(device_id)
        if pending_only:
            pending: Pending = self._learn(address, (await self._get(address.key))[0]) or ()
            return [operation for _, operation in pending]
        history = self._keys.final(device_id, "").key
        raw, answered = await self._servers.run(
            [Errand(address.key, ("GET", address.key)), Errand(history, ("HVALS", history))]
        )
        numbered = [*(self._learn(address, raw) or ()), *map(decode_final, answered)]
        return [operation for _, operation in sorted(numbered, key=lambda entry: entry[0])]

    async def load_ephemeral(self, key: str, now: datetime) -> bytes | None:
        address = self._keys.ephemeral(key)
        (raw,) = await self._get(address.key)
        self._learn(address, raw)
        if not raw:
            return None
        head, value = split_headed(raw)
        return value if head.end > to_integer(now) else None

    async def load_record(self, kind: str, record_id: str) -> Record | None:
        found = await self._records(kind, [record_id])
        return found[0] if found else None

    async def load_records(
        self, kind: str, *, prefix: str = "", after: str = "", limit: int = 100, backwards: bool = False
    ) -> Sequence[Record]:
        ids = self._keys.record_ids(kind)
        low, high = f"[{prefix}", f"({prefix}{LAST}"
        places: tuple[str, ...] = (f"({after}" if after >= prefix and after else low, high, "BYLEX")
        if backwards:
            places = (f"({min(after or high[1:], high[1:])}", low, "BYLEX", "REV")
        (found,) = await self._servers.run([Errand(ids, ("ZRANGE", ids, *places, "LIMIT", 0, limit))])
        return await self._records(kind, [one.decode() for one in found])

    async def load_due(self, kind: str, now: datetime, limit: int) -> Sequence[Record]:
        dues = self._keys.record_dues(kind)
        until = to_integer(now)
        (found,) = await self._servers.run(
            [Errand(dues, ("ZRANGE", dues, "-inf", until, "BYSCORE", "LIMIT", 0, limit))]
        )
        records = await self._records(kind, [one.decode() for one in found])
        return [one for one in records if one.due_at is not None and one.due_at <= now]

    async def count_waiting(self, kind: str) -> int:
        dues = self._keys.record_dues(kind)
        (count,) = await self._servers.run([Errand(dues, ("ZCARD", dues))])
        return int(count)

    async def commit(self, *writes: Write) -> None:
        if not writes:
            return
        if self._closed:
            raise Unavailable("the store is closed")
        if not _DELETIONS.isdisjoint(map(type, writes)):
            # What was noted before a deletion goes in before it, or it would outlive it should the id be used again.
            await self._noted.behind.settle()
        reads = reads_of(self._keys, writes)
        cells = self._touches_only(writes, reads)
        if cells is None or not self._turns.are_free(cells):
            # A transaction that began is not left half way because its caller gave up.
            task = asyncio.create_task(self._carry_out_alone(writes, reads, self._turns.take_alone()))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            await asyncio.shield(task)
            return
        self._turns.take(cells)
        try:
            await self._carry_out(writes, reads)
        finally:
            self._turns.end(cells)

    def touch(self, device_id: str, at: datetime) -> None:
        self._noted.behind.touch(device_id, at)

    def trace(self, entry: TraceEntry, expires_at: datetime, keep: int) -> None:
        self._noted.behind.trace(entry, expires_at, keep)

    async def load_trace(self, owners: Sequence[str], limit: int, now: datetime) -> Sequence[TraceEntry]:
        return await self._noted.load_trace(owners, limit, now)

    async def load_traced_owners(self, limit: int) -> Sequence[str]:
        return await self._noted.load_traced_owners(limit)

    async def load_last_seen(self, device_ids: Sequence[str]) -> dict[str, datetime]:
        return await self._noted.load_last_seen(device_ids)

    async def scan_households(self, after: str = "") -> AsyncIterator[Household]:
        async for page in self._households.pages(after, self._households.everybody()):
            for household in page:
                yield household

    async def search(self, search: Search, after: str = "", *, marks: bool = False) -> AsyncIterator[Household]:
        if search.asks_when_seen:
            await self._noted.behind.settle()
        sources = await self._households.sources(search)
        async for page in self._households.pages(after, sources):
            for household in await narrow(self, search, page, marks=marks):
                yield household

    async def load_events(
        self,
        *,
        subscriber_id: str = "",
        device_id: str = "",
        after_seq: int = 0,
        limit: int = 100,
        newest: bool = False,
    ) -> Sequence[Event]:
        return await self._log.load(
            subscriber_id=subscriber_id, device_id=device_id, after_seq=after_seq, limit=limit, newest=newest
        )

    async def last_event(self) -> int:
        return await self._log.last()

    async def forget_events(self, before: datetime) -> int:
        return await self._log.forget(before)

    async def expire(self, now: datetime) -> int:
        until, total = to_integer(now), 0
        for name in self._keys.all_ends():
            while True:
                (found,) = await self._servers.run(
                    [Errand(name, ("ZRANGE", name, "-inf", until, "BYSCORE", "LIMIT", 0, _EXPIRE_ROWS))]
                )
                if not found:
                    break
                await self._servers.run([Errand(name, ("ZREM", name, *found))])
                keys = [key.decode() for key in found]
                fates = await self._servers.run(
                    [Errand(key, scripts.call(scripts.DROP, [key], until), write=True) for key in keys]
                )
                total += fates.count(-1)
                await self._servers.run(
                    [Errand(name, ("ZADD", name, end, key)) for key, end in zip(keys, fates, strict=True) if end > 0]
                )
        await self._transactions.repair()
        if self._schema < SCHEMA_VERSION:
            await self._move_on()
        return total

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await self._turns.finished()
        try:
            await self._noted.behind.close()
        finally:
            await self._servers.close()

    async def _move_on(self) -> None:
        """Write as the newest schema does, once no gateway is connected that could not read that."""
        schema = self._keys.schema
        (version,) = await self._servers.run([Errand(schema, ("GET", schema))])
        if int(version) < SCHEMA_VERSION:
            if await is_older_connected(self._servers):
                return
            await self._raise_schema(int(version))
        self._schema = SCHEMA_VERSION

    async def _raise_schema(self, before: int) -> None:
        everybody = self._households.pages("", self._households.everybody())
        await raise_schema(self._servers, self._keys, before, everybody)
        self._schema = SCHEMA_VERSION

    async def _carry_out_alone(
        self, writes: Sequence[Write], reads: Sequence[Address], turn: asyncio.Future[None]
    ) -> None:
        try:
            await turn
            await self._carry_out(writes, reads)
        finally:
            self._turns.end_alone(turn)

    async def _carry_out(self, writes: Sequence[Write], reads: Sequence[Address]) -> None:
        cells = {address: self._known[address] for address in reads if address in self._known}
        fresh = not cells
        for attempt in range(_ATTEMPTS):
            try:
                plan = await self._plan(writes, reads, cells)
                # Planning is a stage: what others are about to commit is planned in a row, then sent in a row.
                await asyncio.sleep(0)
                if await self._transactions.commit(plan):
                    self._remember(plan)
                    return
            except Conflict:
                if fresh:
                    raise
            # What was remembered is no longer so: this time from what is there now.
            self._forget(cells)
            cells, fresh = {}, True
            # Writers that stand in each other's way would meet again, and again, if they came back at the same time.
            await asyncio.sleep(_PAUSE_SECONDS * attempt * jitter())
        raise Conflict("others write the same records again and again")

    async def _plan(self, writes: Sequence[Write], reads: Iterable[Address], cells: dict[Address, Cell]) -> Plan:
        """The plan. What it looks at is read into the cells before: ``reads``, and whatever it turns out to need."""
        missing = [one for one in reads if one not in cells]
        while True:
            if missing:
                raws = await self._servers.run([Errand(one.key, reading(one)) for one in missing])
                cells.update((one, parse_cell(one, raw)) for one, raw in zip(missing, raws, strict=True))
            plan = make_plan(
                self._keys,
                writes,
                cells,
                now_milliseconds=time.time_ns() // 1_000_000,
                stamp=os.urandom(8),
                kept_events=self._kept_events,
                schema=self._schema,
            )
            if not plan.missing:
                return plan
            missing = list(plan.missing)

    def _touches_only(self, writes: Iterable[Write], reads: Iterable[Address]) -> set[Address] | None:
        """The cells by which these writes stand in others' way, with those they read; None when identities move."""
        cells = set(reads)
        for write in writes:
            match write:
                case PutDevice(device):
                    home = self._known.get(self._keys.home_of(device.id), (b"", None))[1]
                    place = home.place(device.id) if home else None
                    if place is None or not are_known_alike(place.device, device):
                        return None
                case PutSubscriber(subscriber):
                    home = self._known.get(self._keys.home(subscriber.id), (b"", None))[1]
                    if home is None or identities_of_subscriber(home.subscriber) != identities_of_subscriber(
                        subscriber
                    ):
                        return None
                case PutEphemeral(key):
                    cells.add(self._keys.ephemeral(key))
                case Append(event):
                    cells |= {self._keys.home(event.subscriber_id), self._keys.home_of(event.device_id)}
                case DeleteSubscriber() | DeleteDevice():
                    return None
        return cells

    async def _find(self, kind: IdentityKind, value: str) -> Home | None:
        """The household that an identity names."""
        for owner in [value if kind == "id" else self._owners.get((kind, value)), None]:
            raws: Sequence[bytes | None] = ()
            if owner is None:
                owner, *raws = await self._locate(kind, value)
                if owner is None:
                    return None
            address = self._keys.home(owner.rpartition(".")[0] if kind == "imei" else owner)
            (raw,) = raws or await self._get(address.key)
            home: Home | None = self._learn(address, raw)
            if kind == "id":
                return home
            if home is not None and _has(home, kind, value, owner):
                return home
            self._owners.pop((kind, value), None)
        return None

    async def _locate(self, kind: str, value: str) -> tuple[str | None, *tuple[bytes | None, ...]]:
        """Whose identity it is, which is remembered. Whoever uses it sees to it that the owner still has it.

        With it come household, and for a LocURI session and pending operations, where one server has them all.
        """
        if not value:
            return (None,)
        address = self._keys.identity(kind, value)
        raws: Sequence[bytes | None] = ()
        if self._servers.spans:
            (raw,) = await self._servers.run([Errand(address.key, reading(address))])
            claimed = parse_cell(address, raw)[1]
            if claimed is None:
                return (None,)
            owner: str = claimed if isinstance(claimed, str) else claimed[-1]
        else:
            script = scripts.call(scripts.LOCATE, [address.key], address.field, kind, self._keys.namespace)
            (found,) = await self._servers.run([Errand(address.key, script)])
            if found is None:
                return (None,)
            owner, raws = found[0].decode(), found[1:]
        if kind != "imei":  # an IMEI may get another owner while this one keeps it
            self._owners[kind, value] = owner
            if len(self._owners) > 4 * _REMEMBERED:
                del self._owners[next(iter(self._owners))]
        return (owner, *raws)

    async def _records(self, kind: str, ids: Sequence[str]) -> list[Record]:
        """Those of the records that are there."""
        addresses = [self._keys.record(kind, one) for one in ids]
        found = []
        for record_id, address, raw in zip(ids, addresses, await self._get(*(a.key for a in addresses)), strict=True):
            self._learn(address, raw)
            if raw:
                head, payload = split_headed(raw)
                due_at = to_datetime(head.end) if head.end else None
                found.append(Record(kind=kind, id=record_id, payload=payload, due_at=due_at, revision=head.revision))
        return found

    async def _get(self, *keys: str) -> list[bytes | None]:
        return await self._servers.run([Errand(key, ("GET", key)) for key in keys])

    def _learn(self, address: Address, raw: bytes | None) -> Any:
        """The value of a cell, which is remembered for the commit that follows."""
        known = self._known
        cell = known.pop(address, None)
        # Most devices call again before others have pushed them out.
        if cell is None or raw is None or not (cell[0] and raw.startswith(cell[0])):
            cell = parse_cell(address, raw)
        known[address] = cell
        if len(known) > _REMEMBERED:
            del known[next(iter(known))]
        return cell[1]

    def _remember(self, plan: Plan) -> None:
        """What stands in the cells now that the plan is carried out. Those it only looked at are as they were."""
        self._known.update(plan.after)
        while len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]

    def _forget(self, addresses: Iterable[Address]) -> None:
        for address in addresses:
            self._known.pop(address, None)


def _has(home: Home, kind: str, value: str, owner: str) -> bool:
    """Whether the household has the identity that led to it."""
    held = identities_of_subscriber(home.subscriber)
    if kind == "imei":
        place = home.place(owner)
        held = identities_of_device(place.device) if place else []
    return (kind, value, owner) in held
