"""What comparing with another server found: the newest finding of each client, kept within bounds in the store.

Beside another server the gateway writes nothing but these.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, TypeVar, get_args

import msgspec
from msgspec.structs import replace

from gateway.errors import Conflict, Unavailable
from gateway.observe import metrics
from gateway.observe.logs import logger
from gateway.settings import Shadow
from gateway.store.protocol import DeleteRecord, PutRecord, Record, Store

KIND = "shadow"
MAX_WAITING = 1000
MAX_DIFFERENCES = 100
MAX_TEXT = 200
SAMPLES = 3
_PAGE = 1000
_AT_ONCE = 500

_Exchange = TypeVar("_Exchange")

Protocol = Literal["rcc14", "omadm"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
Outcome = Literal["same", "differing", "unknown", "unchanged", "not_compared"]
"""``unknown`` is a client of whom the gateway knows nothing, ``unchanged`` one that was told to keep what it holds."""
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


class Difference(msgspec.Struct, frozen=True):
    """One place in which the answers differ; ``kind`` says how."""

    kind: str
    place: str
    theirs: str
    ours: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one client was answered, beside what it would have been.

    ``subscriber`` is the id of the one it belongs to, or what it claims to be where the gateway knows nobody of that
    name. ``device`` is a device id, or the IMEI of a phone that is new. ``why`` says why nothing was compared, ``more``
    how many differences are not among these.
    """

    id: str
    at: datetime
    outcome: Outcome
    protocol: Protocol = "rcc14"
    subscriber: str = ""
    device: str = ""
    why: str = ""
    differences: tuple[Difference, ...] = ()
    more: int = 0


class Sum(NamedTuple):
    """How many clients differ in one place, with some of them."""

    kind: str
    place: str
    clients: int
    samples: Sequence[tuple[str, str, str]]
    """Subscriber, what the other server said, what this one would."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Finding).decode


def finding_id(*client: str) -> str:
    """The name of the finding of a client that these texts tell from others."""
    return hashlib.blake2b("\n".join(client).encode("utf-8", "replace"), digest_size=10).hexdigest()


class Findings:
    """The findings, over a store; ``clock`` gives aware UTC times."""

    def __init__(self, store: Store, settings: Shadow, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._keep = settings.keep
        self._life = timedelta(days=settings.keep_days)
        self._clock = clock

    async def note(self, finding: Finding) -> None:
        """Keep a finding in place of the one before of the same client.

        One of a client more than are kept is counted, and nothing else.

        Raises: Unavailable.
        """
        metrics.count(metrics.shadow, finding.protocol, finding.outcome)
        for one in finding.differences:
            metrics.count(metrics.shadow_differences, finding.protocol, one.kind)
        bounded = replace(
            finding,
            why=finding.why[:MAX_TEXT],
            differences=tuple(map(_bounded, finding.differences[:MAX_DIFFERENCES])),
            more=max(0, len(finding.differences) - MAX_DIFFERENCES),
        )
        payload, due_at = _encode(bounded), finding.at + self._life
        for _ in range(2):
            record = await self._store.load_record(KIND, finding.id)
            if record is None:
                if await self._store.count_waiting(KIND) >= self._keep:
                    metrics.count(metrics.shadow, finding.protocol, "left_out")
                    return
                record = Record(kind=KIND, id=finding.id, payload=b"")
            elif bounded.outcome == "unchanged" and _decode(record.payload).outcome in ("same", "differing"):
                # A client that is up to date says nothing new of what it holds.
                return
            try:
                await self._store.commit(PutRecord(replace(record, payload=payload, due_at=due_at)))
            except Conflict:
                continue
            return

    async def list(
        self, *, protocol: str = "", outcome: str = "", place: str = "", after: str = "", limit: int = 100
    ) -> Sequence[Finding]:
        """Findings by id, those of that protocol with that outcome and a difference in that place."""
        found: list[Finding] = []
        async for one in self._all(after):
            if protocol not in ("", one.protocol):
                continue
            if outcome in ("", one.outcome) and (not place or any(place == each.place for each in one.differences)):
                found.append(one)
                if len(found) == limit:
                    break
        return found

    async def sum_up(self, protocol: str = "") -> tuple[dict[str, int], Sequence[Sum]]:
        """How many clients there are of each outcome, and in what they differ, the most frequent first.

        Of one protocol, or of all.
        """
        outcomes: Counter[str] = Counter(dict.fromkeys(OUTCOMES, 0))
        clients: Counter[tuple[str, str]] = Counter()
        samples: dict[tuple[str, str], list[tuple[str, str, str]]] = {}
        async for finding in self._all(""):
            if protocol not in ("", finding.protocol):
                continue
            outcomes[finding.outcome] += 1
            for one in finding.differences:
                key = (one.kind, one.place)
                clients[key] += 1
                if len(kept := samples.setdefault(key, [])) < SAMPLES:
                    kept.append((finding.subscriber, one.theirs, one.ours))
        ordered = sorted(clients.items(), key=lambda one: (-one[1], one[0]))
        return dict(outcomes), [Sum(kind, place, count, samples[kind, place]) for (kind, place), count in ordered]

    async def clear(self) -> int:
        """Forget all findings; returns how many those were."""
        gone = 0
        while page := await self._store.load_records(KIND, limit=_AT_ONCE):
            gone += await self._remove(page)
        return gone

    async def expire(self) -> None:
        """Drop findings of clients that did not come again."""
        while page := await self._store.load_due(KIND, self._clock(), _AT_ONCE):
            await self._remove(page)

    async def _remove(self, records: Sequence[Record]) -> int:
        try:
            await self._store.commit(*map(DeleteRecord, records))
        except Conflict:
            if len(records) == 1:
                return 0  # the client has just come again, or somebody else was quicker
            middle = len(records) // 2
            return await self._remove(records[:middle]) + await self._remove(records[middle:])
        return len(records)

    async def _all(self, after: str) -> AsyncIterator[Finding]:
        while page := await self._store.load_records(KIND, after=after, limit=_PAGE):
            for record in page:
                yield _decode(record.payload)
            after = page[-1].id


def _bounded(one: Difference) -> Difference:
    return Difference(one.kind, one.place[:MAX_TEXT], one.theirs[:MAX_TEXT], one.ours[:MAX_TEXT])


async def watch(
    waiting: asyncio.Queue[_Exchange], compare: Callable[[_Exchange], Awaitable[None]], protocol: Protocol
) -> None:
    """Compare what waits, for ever."""
    while True:
        exchange = await waiting.get()
        try:
            await compare(exchange)
        except Unavailable as error:
            metrics.count(metrics.shadow, protocol, "left_out")
            logger().warning("shadow_left_out", why=str(error))
        except Exception:
            # One answer that is not understood must not end the comparison of all others.
            metrics.count(metrics.shadow, protocol, "left_out")
            logger().exception("shadow_failed")
