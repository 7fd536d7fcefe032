"""The admin API's routes for traces: what was said with a device, decoded, and arming a device to be traced in full."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from gateway import report
from gateway.admin.comparison import compare, count_differences, sessions_of
from gateway.admin.models.trace import (
    Armed,
    ComparedLine,
    ComparedSession,
    ComparedStep,
    ExchangeView,
    MessageView,
    NewWait,
    TraceArming,
    TraceComparison,
    WaitView,
)
from gateway.admin.routes import MAX_LISTED, Call, Route
from gateway.awaited import MAX_AWAITED, Awaiting
from gateway.errors import ConfigError, NotFound
from gateway.fleet.awaited import Wait
from gateway.inventory import Inventory
from gateway.store.protocol import Store, TraceEntry
from gateway.trace import Reader, ReadMessage

CONTEXT = 10
"""Exchanges read before those that are shown, so that an answer finds the command it belongs to."""

LOOKED_THROUGH = 200
"""Exchanges with a device among which a session to compare is looked for."""

PROTOCOLS = ("omadm", "rcc14")
NOTED_SECONDS = 2.0
"""By then every process has written down what it noted."""

MAX_OF_ONE = 100
"""Most exchanges with one device that are read at once."""

MAX_NEWEST = 50
"""Most exchanges read at once, each of its own device."""


class TraceRoutes:
    """What was said. ``readers`` make an exchange of each protocol readable."""

    def __init__(
        self,
        store: Store,
        inventory: Inventory,
        awaiting: Awaiting,
        readers: Mapping[str, Reader],
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._inventory = inventory
        self._awaiting = awaiting
        self._readers = readers
        self._clock = clock

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "GET", "/trace", self.list_newest, "Whom was spoken with last: the newest exchange with each",
                gives=ExchangeView, many=True, reads=_text, pages_by="at", live=self._from_now,
                query={
                    "limit": f"how many, at most {MAX_NEWEST}; 20 when not said",
                    "after": "all exchanges after this time instead, oldest first",
                    "protocol": f"only in this protocol: {', '.join(PROTOCOLS)}",
                    "subscriber": "only with this subscriber id",
                    "proven": "true: only with those who proved who they are",
                },
            ),
            Route(
                "GET", "/devices/{ref}/trace", self.show_trace, "What was said with a device, oldest first",
                gives=ExchangeView, many=True, reads=_text, pages_by="seq", live=_from_the_start,
                query={
                    "last": f"how many exchanges, at most {MAX_LISTED}; 20 when not said",
                    "after": "only those after this seq",
                },
            ),
            Route(
                "GET", "/devices/{ref}/trace/comparison", self.compare_traces, "Two sessions beside each other",
                gives=TraceComparison,
                query={
                    "session": "which session of the device: an exchange of it by seq, or ~1 for the last but one",
                    "with": "the other device; the same one when not said",
                    "with_session": "which of its sessions; the newest when not said",
                },
            ),
            Route(
                "PUT", "/devices/{ref}/trace", self.arm_trace, "Trace a device in full for a while",
                takes=TraceArming, gives=Armed,
            ),
            Route(
                "GET", "/trace/awaited", self.list_awaited, f"Who is waited for, at most {MAX_AWAITED}",
                gives=WaitView, many=True,
            ),
            Route(
                "POST", "/trace/awaited", self.await_contact,
                "Keep all that somebody says from their first contact on, also who is not known yet",
                takes=NewWait, gives=WaitView, status=201,
            ),
            Route("GET", "/trace/awaited/{id}", self.show_awaited, "One who is waited for", gives=WaitView),
            Route(
                "GET", "/trace/awaited/{id}/exchanges", self.show_awaited_trace, "What was said with them",
                gives=ExchangeView, many=True, reads=_text, pages_by="seq", live=_from_the_start,
                query={"last": f"how many exchanges, at most {MAX_LISTED}; 100 when not said",
                       "after": "only those after this seq"},
            ),
            Route("DELETE", "/trace/awaited/{id}", self.end_awaited, "Wait for them no longer", status=204),
        )  # fmt: skip

    async def list_newest(self, call: Call) -> Sequence[ExchangeView]:
        """The newest exchange with each device, or with a subscriber before a device was known; or all after a time."""
        wanted = _wanted(call)
        if after := call.time("after"):
            found = await self._load_after(after)
        else:
            owners = await self._store.load_traced_owners(min(call.number("limit", 20), MAX_NEWEST))
            found = [entry for owner in owners for entry in await self._store.load_trace([owner], 1, self._clock())]
        return [
            _view(entry, messages)
            for entry in found
            if wanted(entry)
            for messages in self._readers[entry.protocol]([entry])
        ]

    async def _load_after(self, after: datetime) -> list[TraceEntry]:
        """What was said after that time, oldest first, but for the last moments, in which others may still note."""
        now = self._clock()
        until = now - timedelta(seconds=NOTED_SECONDS)
        found: list[TraceEntry] = []
        for owner in await self._store.load_traced_owners(MAX_NEWEST):
            entries = await self._store.load_trace([owner], MAX_OF_ONE, now)
            found += [entry for entry in entries if after < entry.at <= until]
            # The newest owners come first; some are out of line by the time that noting takes.
            if entries and entries[-1].at < after - timedelta(seconds=NOTED_SECONDS):
                break
        return sorted(found, key=lambda entry: entry.at)

    async def _from_now(self) -> str:
        return str(self._clock())

    async def show_trace(self, call: Call) -> Sequence[ExchangeView]:
        """The newest exchanges with the device, and with its subscriber before a device was known."""
        last = max(1, min(call.number("last", 20), MAX_LISTED))
        after = call.number("after", 0)
        return [one for one in await self._load(call.path["ref"], last) if one.seq > after]

    async def _load(self, reference: str, last: int) -> list[ExchangeView]:
        _, device = await self._inventory.find_device(reference)
        return await self._load_of([device.id, device.subscriber_id], last)

    async def _load_of(self, owners: Sequence[str], last: int) -> list[ExchangeView]:
        entries = await self._store.load_trace(owners, last + CONTEXT, self._clock())
        read: dict[int, Sequence[ReadMessage]] = {}
        for protocol in {entry.protocol for entry in entries}:
            own = [entry for entry in entries if entry.protocol == protocol]
            for entry, messages in zip(own, self._readers[protocol](own), strict=True):
                read[entry.seq] = messages
        return [_view(entry, read[entry.seq]) for entry in entries[-last:]]

    async def compare_traces(self, call: Call) -> TraceComparison:
        """A session of the device beside another, of it or of another device."""
        reference, other = call.path["ref"], call.query.get("with", "") or call.path["ref"]
        if call.caller.tenant:
            _, other = await self._inventory.named(other, call.caller.tenant)
        left = await self._session(reference, call.query.get("session", ""), "session")
        right = await self._session(other, call.query.get("with_session", ""), "with_session")
        kinds = [session.protocol.partition("-")[0] for session in (left[0], right[0])]
        if kinds[0] != kinds[1]:
            raise ConfigError(f"a session of {kinds[0]} and one of {kinds[1]} have nothing to compare", key="with")
        steps = compare(left, right)
        return TraceComparison(
            left=_head(left),
            right=_head(right),
            differences=count_differences(steps),
            steps=[
                ComparedStep(
                    kind=step.kind,
                    left_seq=step.left_seq,
                    right_seq=step.right_seq,
                    lines=[ComparedLine(**pair._asdict()) for pair in step.lines],
                )
                for step in steps
            ],
        )

    async def _session(self, reference: str, wish: str, key: str) -> list[ExchangeView]:
        """The session of the device that the wish names. Raises: ConfigError, NotFound."""
        if not (named := re.fullmatch("(~?)([0-9]{1,18})", wish or "~0")):
            raise ConfigError(f"{wish[:40]!r} is neither the seq of an exchange nor ~1, ~2 … sessions back", key=key)
        _, device = await self._inventory.find_device(reference)
        sessions, number = sessions_of(await self._load(reference, LOOKED_THROUGH)), int(named[2])
        if named[1]:
            # Those of the subscriber alone, before a device was known, may be of another device.
            own = [one for one in sessions if any(exchange.owner == device.id for exchange in one)]
            found = own[-1 - number] if number < len(own) else None
        else:
            found = next((one for one in sessions if any(exchange.seq == number for exchange in one)), None)
        if found is None:
            raise NotFound(f"no session {wish or '~0'} of {reference} is kept; arm its trace to have all of it kept")
        return found

    async def arm_trace(self, call: Call) -> Armed:
        """Trace this device in full for some minutes, or no more with 0."""
        body: TraceArming = call.body
        return Armed(traced_until=await self._inventory.arm_trace(call.path["ref"], body.minutes))

    async def list_awaited(self, _: Call) -> Sequence[WaitView]:
        """All of them."""
        return [await self._wait_view(wait) for wait in await self._awaiting.list()]

    async def await_contact(self, call: Call) -> WaitView:
        """Wait for somebody."""
        body: NewWait = call.body
        return await self._wait_view(await self._awaiting.begin(body.kind, body.value, body.minutes, call.caller.name))

    async def show_awaited(self, call: Call) -> WaitView:
        """One of them."""
        return await self._wait_view(await self._awaiting.find(call.path["id"]))

    async def show_awaited_trace(self, call: Call) -> Sequence[ExchangeView]:
        """What was said with them, oldest first."""
        wait = await self._awaiting.find(call.path["id"])
        last, after = max(1, min(call.number("last", 100), MAX_LISTED)), call.number("after", 0)
        return [one for one in await self._load_of([wait.owner], last) if one.seq > after]

    async def end_awaited(self, call: Call) -> None:
        """Wait no longer."""
        await self._awaiting.end(call.path["id"])

    async def _wait_view(self, wait: Wait) -> WaitView:
        kept = await self._store.load_trace([wait.owner], MAX_LISTED, self._clock())
        return WaitView(id=wait.id, kind=wait.kind, value=wait.value, until=wait.until, by=wait.by, exchanges=len(kept))


def _wanted(call: Call) -> Callable[[TraceEntry], bool]:
    """Whether the caller asked for such an exchange. Raises: ConfigError."""
    protocol, subscriber, proven = call.query.get("protocol", ""), call.query.get("subscriber", ""), call.flag("proven")
    if protocol and protocol not in PROTOCOLS:
        raise ConfigError(f"{protocol[:40]!r} is not traced; there are {', '.join(PROTOCOLS)}", key="protocol")

    def wanted(entry: TraceEntry) -> bool:
        return (
            (not protocol or entry.protocol.startswith(protocol))
            and (not subscriber or subscriber in (entry.owner, entry.owner.rpartition(".")[0]))
            and (not proven or entry.proven)
        )

    return wanted


def _head(session: Sequence[ExchangeView]) -> ComparedSession:
    first = session[0]
    return ComparedSession(
        owner=first.owner,
        protocol=first.protocol,
        session=next((message.session for message in first.messages if message.session), ""),
        seq=first.seq,
        at=first.at,
        exchanges=len(session),
    )


def _text(exchange: Mapping[str, Any]) -> str:
    return report.exchange(exchange, raw=True)


async def _from_the_start() -> str:
    return "0"


def _view(entry: TraceEntry, messages: Sequence[ReadMessage]) -> ExchangeView:
    return ExchangeView(
        seq=entry.seq,
        at=entry.at,
        owner=entry.owner,
        protocol=entry.protocol,
        proven=entry.proven,
        messages=[MessageView(**message._asdict()) for message in messages],
        decisions=list(entry.decisions),
    )
