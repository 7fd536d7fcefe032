"""The audit log: who did what, when and from where, and what was so before and after."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from gateway.errors import Conflict
from gateway.store.protocol import AUDIT, LAST, DeleteRecord, PutRecord, Record, Store
from gateway.store.times import to_integer

OPEN = "access.audit.open"
"""The kind of record that notes a change which is being carried out."""
OPEN_SECONDS = 600
INDEX = "access.audit.index"
"""The kind of record that says in its id to whom an entry is, and where it is in the log."""
_WHOLE = "whole"
_MAX_OWNER_CHARACTERS = 200
_PAGE = 500
_DROPPED = 100


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change that somebody asked for, carried out or refused.

    ``status`` is how it was answered, 0 where that is not known. ``asked`` is the request's body without its secrets.
    ``before`` and ``after`` are what changed of the thing, as it is shown. ``id`` grows with time and is set when the
    entry is added.
    """

    at: datetime
    who: str
    role: str = ""
    tenant: str = ""
    address: str = ""
    action: str = ""
    path: str = ""
    subject: str = ""
    status: int = 0
    reason: str = ""
    asked: Any = None
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    id: str = ""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Entry).decode


def written(entry: Entry, nonce: str) -> tuple[PutRecord, ...]:
    """The writes that add the entry. ``nonce`` tells it from others of the same microsecond."""
    record = Record(kind=AUDIT, id=f"{_place(entry.at)}-{nonce}", payload=_encode(entry))
    return PutRecord(record), *indexed(record)


def indexed(record: Record) -> tuple[PutRecord, ...]:
    """The writes by which an entry is found that is to somebody; none for another, or one that says nothing."""
    try:
        subject = _decode(record.payload).subject
    except msgspec.MsgspecError:
        subject = ""
    return (PutRecord(Record(kind=INDEX, id=f"{_owner(subject)}\n{record.id}", payload=b"")),) if subject else ()


class AuditLog:
    """The log in a store, which adds to it and does nothing else but drop what is old.

    A change is noted before it is carried out, so that none can be made of which nothing is on record: the entry that
    says what came of it takes the note's place, or ``settle`` does for a process that died meanwhile.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, entry: Entry, nonce: str) -> None:
        """Add the entry. ``nonce`` tells it from others of the same microsecond."""
        await self._store.commit(*written(entry, nonce))

    async def begin(self, entry: Entry, nonce: str) -> Record:
        """Note that the change is about to be carried out."""
        due_at = entry.at + timedelta(seconds=OPEN_SECONDS)
        note = Record(kind=OPEN, id=f"{_place(entry.at)}-{nonce}", payload=_encode(entry), due_at=due_at)
        await self._store.commit(PutRecord(note))
        return replace(note, revision=1)

    async def end(self, note: Record, entry: Entry, nonce: str) -> None:
        """Put the entry in the note's place; after a note that was settled meanwhile there is one more."""
        try:
            await self._store.commit(DeleteRecord(note), *written(entry, note.id.rpartition("-")[2]))
        except Conflict:
            await self.add(entry, nonce)

    async def refused(self, note: Record) -> None:
        """Take the note back: nothing was changed."""
        await self._store.commit(DeleteRecord(note))

    async def settle(self, now: datetime) -> int:
        """Make entries without a status of notes that nobody has ended; returns how many."""
        left = await self._store.load_due(OPEN, now, _PAGE)
        for note in left:
            with suppress(Conflict):  # it was ended after all
                entry = Record(kind=AUDIT, id=note.id, payload=note.payload)
                await self._store.commit(DeleteRecord(note), PutRecord(entry), *indexed(entry))
        return len(left)

    async def index(self) -> None:
        """Have every entry found by whom it is to, also those from before there was an index; this once."""
        if await self._store.load_record(INDEX, _WHOLE) is not None:
            return
        after = ""
        while page := await self._store.load_records(AUDIT, after=after, limit=_DROPPED):
            for write in (one for record in page for one in indexed(record)):
                if await self._store.load_record(INDEX, write.record.id) is None:
                    with suppress(Conflict):  # another process does it too
                        await self._store.commit(write)
            after = page[-1].id
        with suppress(Conflict):
            await self._store.commit(PutRecord(Record(kind=INDEX, id=_WHOLE, payload=b"")))

    async def forget(self, before: datetime, now: datetime, nonce: str) -> int:
        """Drop entries from before then; returns how many. That this was done is an entry itself."""
        dropped, end = 0, _place(before)
        while page := [one for one in await self._store.load_records(AUDIT, limit=_DROPPED) if one.id < end]:
            with suppress(Conflict):  # another process drops them too
                places = [write.record.id for one in page for write in indexed(one)]
                found = await asyncio.gather(*(self._store.load_record(INDEX, place) for place in places))
                gone = [DeleteRecord(one) for one in found if one is not None]
                await self._store.commit(*(DeleteRecord(one, aged=True) for one in page), *gone)
                dropped += len(page)
        if dropped:
            after = {"entries": dropped, "before": before.isoformat()}
            await self.add(Entry(at=now, who="gateway", action="forget_audit", after=after), nonce)
        return dropped

    async def load(
        self,
        *,
        after: str = "",
        limit: int,
        who: str = "",
        subjects: Container[str] | None = None,
        names: Iterable[str] = (),
        action: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        backwards: bool = False,
    ) -> Sequence[Entry]:
        """Entries in the order of their time, or ``backwards``; empty filters, and ``subjects`` of None, match all.

        ``since`` is the first moment wanted, ``until`` the first that is not. ``after`` is the last entry seen already.
        With ``subjects`` go the ``names`` that lead to them: theirs, and ``ID.`` for whatever is called ID.SOMETHING.
        """
        owners = {_owner(name) for name in names}
        if owners and await self._store.load_record(INDEX, _WHOLE) is None:
            owners = set()
        wanted = {"who": who, "action": action}
        first, end = _place(since) if since else "", _place(until) if until else LAST
        after = min(after or end, end) if backwards else max(after, first)
        found: list[Entry] = []
        more = True
        while more and len(found) < limit:
            page = await (self._of(owners, after, limit, backwards) if owners else self._all(after, backwards))
            for record in page.records:
                entry = _decode(record.payload)
                fits = all(getattr(entry, key) == value for key, value in wanted.items() if value)
                if first <= record.id < end and fits and (subjects is None or entry.subject in subjects):
                    found.append(replace(entry, id=record.id))
            after, more = page.last, page.goes_on and first <= page.last < end
        return found[:limit]

    async def _all(self, after: str, backwards: bool) -> _Page:
        records = await self._store.load_records(AUDIT, after=after, limit=_PAGE, backwards=backwards)
        return _Page(records, records[-1].id if records else "", len(records) == _PAGE)

    async def _of(self, owners: Iterable[str], after: str, limit: int, backwards: bool) -> _Page:
        """What is to one of these, by the index."""
        lists = await asyncio.gather(
            *(
                self._store.load_records(
                    INDEX, prefix=f"{one}\n", after=f"{one}\n{after}", limit=limit, backwards=backwards
                )
                for one in owners
            )
        )
        places = sorted({one.id.rpartition("\n")[2] for some in lists for one in some}, reverse=backwards)[:limit]
        records = await asyncio.gather(*(self._store.load_record(AUDIT, one) for one in places))
        last = places[-1] if places else ""
        return _Page([one for one in records if one is not None], last, len(places) == limit)


class _Page(NamedTuple):
    """Records of the log, as far as ``last``."""

    records: Sequence[Record]
    last: str
    goes_on: bool


def _owner(subject: str) -> str:
    """Under whom something is found: a subscriber for all devices, others under their own names."""
    return (subject.rpartition(".")[0] or subject)[:_MAX_OWNER_CHARACTERS]


def _place(at: datetime) -> str:
    """What sorts before the ids of that moment and after all earlier ones."""
    return f"{to_integer(at):020d}"


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What of the two differs, each side of it."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {name: before[name] for name in names if name in before}, {
        name: after[name] for name in names if name in after
    }
