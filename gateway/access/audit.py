"""The audit log: who did what, when and from where, and what was so before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from gateway.store.protocol import AUDIT, LAST, PutRecord, Record, Store

_PAGE = 500
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change that somebody asked for, carried out or refused.

    ``asked`` is the request's body without its secrets. ``before`` and ``after`` are what changed of the thing, as it
    is shown. ``id`` grows with time and is set when the entry is added.
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


def written(entry: Entry, nonce: str) -> PutRecord:
    """The write that adds the entry. ``nonce`` tells it from others of the same microsecond."""
    return PutRecord(Record(kind=AUDIT, id=f"{_place(entry.at)}-{nonce}", payload=_encode(entry)))


class AuditLog:
    """The log in a store, which adds to it and does nothing else."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, entry: Entry, nonce: str) -> None:
        """Add the entry. ``nonce`` tells it from others of the same microsecond."""
        await self._store.commit(written(entry, nonce))

    async def load(
        self,
        *,
        after: str = "",
        limit: int,
        who: str = "",
        subject: str = "",
        action: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        backwards: bool = False,
    ) -> Sequence[Entry]:
        """Entries in the order of their time, or ``backwards``; empty filters match all.

        ``since`` is the first moment wanted, ``until`` the first that is not. ``after`` is the last entry seen already.
        """
        wanted = {"who": who, "subject": subject, "action": action}
        first, end = _place(since) if since else "", _place(until) if until else LAST
        after = min(after or end, end) if backwards else max(after, first)
        found: list[Entry] = []
        while len(found) < limit:
            page = await self._store.load_records(AUDIT, after=after, limit=_PAGE, backwards=backwards)
            for record in page:
                entry = _decode(record.payload)
                if first <= record.id < end and all(
                    getattr(entry, key) == value for key, value in wanted.items() if value
                ):
                    found.append(replace(entry, id=record.id))
            if len(page) < _PAGE or not first <= page[-1].id < end:
                break
            after = page[-1].id
        return found[:limit]


def _place(at: datetime) -> str:
    """What sorts before the ids of that moment and after all earlier ones."""
    return f"{(at - _EPOCH) // timedelta(microseconds=1):020d}"


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What of the two differs, each side of it."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {name: before[name] for name in names if name in before}, {
        name: after[name] for name in names if name in after
    }
