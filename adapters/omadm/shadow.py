"""Standing beside another OMA DM server: it answers, and what the gateway would have told is compared with that.

Devices' messages are passed on as they are and get the other server's answers. What is compared is worked out after an
answer has gone, from what is in the store; nothing of it is written but the finding, and no device hears of it.

Spec: OMA-TS-DM_Protocol-V1_2 8 (packages), 9 (sessions)
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from aiohttp import web

from adapters.omadm.codec import UnsupportedMediaType, decode, encoding_of
from adapters.omadm.commands import command_for
from adapters.omadm.comparison import Told, compare, held, in_parts, told
from adapters.omadm.messages import Status, SyncHdr, SyncML
from gateway.errors import DecodeError
from gateway.fleet.detection import phone_of
from gateway.fleet.device import Device
from gateway.fleet.mirror import Mirror, Read
from gateway.fleet.operation import Operation
from gateway.fleet.standing import LeafStanding, Standing, leaf_standings
from gateway.fleet.subscriber import Subscriber
from gateway.observe import metrics
from gateway.observe.requests import OTHER, http_route
from gateway.peers import Network, client_address
from gateway.service import Service
from gateway.serving.front import Handler, Response
from gateway.serving.upstream import REFUSED, Passed, Upstream, observe, refusal
from gateway.shadow import MAX_WAITING, Difference, Finding, Findings, Outcome, finding_id, watch
from gateway.store.protocol import Store

MAX_SESSIONS = 10_000
MAX_NODES = 10_000

_ROUTE = http_route("dm_shadow", OTHER)
_HELD = (Standing.ACKNOWLEDGED, Standing.READ_BACK)


class Exchange(NamedTuple):
    """A device's message with the other server's answer, to be compared."""

    content_type: str
    body: bytes
    answer: Passed
    at: datetime


class _Session(NamedTuple):
    """What was heard of one session: what the device was told, what it said that it holds, and nodes cut in parts.

    Of one that is ``over`` the bounds nothing is kept.
    """

    id: str
    told: Told = Told({}, {})
    holds: Mapping[str, str] = {}
    parts: frozenset[str] = frozenset()
    over: bool = False

    def and_then(self, request: SyncML, answer: SyncML) -> _Session:
        """The session with one message more of each side."""
        if self.over:
            return self
        more = self._replace(
            told=self.told.and_then(told(answer)),
            holds={**self.holds, **held(request)},
            parts=self.parts | in_parts(request) | in_parts(answer),
        )
        is_over = len(more.told.values) + len(more.told.done) + len(more.holds) > MAX_NODES
        return _Session(self.id, over=True) if is_over else more

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing of any node."""
        return not (self.told.values or self.told.done or self.holds or self.over)


class OmaDmShadow:
    """The front end in front of another OMA DM server; ``max_bytes`` is the longest message that is looked into."""

    def __init__(
        self,
        store: Store,
        service: Service,
        findings: Findings,
        *,
        upstream: Upstream,
        max_bytes: int,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._service = service
        self._findings = findings
        self._upstream = upstream
        self._max_bytes = max_bytes
        self._clock = clock
        self._waiting: asyncio.Queue[Exchange] = asyncio.Queue(MAX_WAITING)
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    def handler(self, proxies: tuple[Network, ...], *, secure: bool) -> Handler:
        """What answers every request of a listener; ``proxies`` are the peers that say whom they heard."""

        async def handle(request: web.BaseRequest) -> Response:
            started = time.perf_counter()
            address = request.remote or ""
            if proxies:
                address = client_address(address, request.headers.getall("X-Forwarded-For", ()), proxies)
            response = await self._answer(request, address)
            observe(_ROUTE, request, response.status, started, secure=secure)
            return response

        return handle

    async def _answer(self, request: web.BaseRequest, address: str) -> Response:
        try:
            body = await request.read()
            answer = await self._upstream.ask(request, body, address=address)
        except web.HTTPRequestEntityTooLarge:
            return Response(413)
        except REFUSED as error:
            return refusal(error)
        try:
            self._waiting.put_nowait(Exchange(request.headers.get("Content-Type", ""), body, answer, self._clock()))
        except asyncio.QueueFull:
            metrics.count(metrics.shadow, "omadm", "left_out")
        return Response(answer.status, answer.body, answer.headers)

    async def watch(self) -> None:
        """Compare what waits, for ever."""
        await watch(self._waiting, self.compare, "omadm")

    async def compare(self, exchange: Exchange) -> None:
        """Take one exchange into its session, and at the end of that note how it compares.

        What the other server does not answer as OMA DM, or to a device that has not proven itself, says nothing.

        Raises: Unavailable.
        """
        if exchange.answer.status != 200:
            return
        try:
            encoding = encoding_of(exchange.content_type)
            request = decode(exchange.body, encoding)[0]
            said = exchange.answer.headers.get("Content-Type", exchange.content_type)
            answer = decode(exchange.answer.content(self._max_bytes), encoding_of(said))[0]
        except (DecodeError, UnsupportedMediaType):
            metrics.count(metrics.shadow, "omadm", "not_compared")
            return
        if not _is_accepted(answer):
            return
        source = request.header.source
        session = self._sessions.pop(source, None)
        if session is None or session.id != request.header.session_id or request.header.msg_id == 1:
            if session is not None and not session.is_empty:
                await self._findings.note(_about(source, exchange.at, "not_compared", why="its session broke off"))
            session = _Session(request.header.session_id)
        session = session.and_then(request, answer)
        if not (request.final and _ends(answer)):
            self._sessions[source] = session
            if len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)
                metrics.count(metrics.shadow, "omadm", "left_out")
        elif session.over:
            await self._findings.note(_about(source, exchange.at, "not_compared", why=f"more than {MAX_NODES} nodes"))
        else:
            await self._findings.note(await self._finding(source, session, exchange.at))

    async def _finding(self, source: str, session: _Session, at: datetime) -> Finding:
        whose = await self._whose(source, at)
        if whose is None:
            return _about(source, at, "unknown")
        subscriber, device, queued = whose
        mirror = _seen(await self._store.load_mirror(device.id), session, at)
        desired = self._service.desired_mos(subscriber, device, mirror)
        leaves = [one for one in leaf_standings(desired, mirror) if one.uri not in session.parts]
        wanted = {one.uri: one.wanted for one in leaves}
        # What is the same number written otherwise is the same.
        alike = {one.uri: one.wanted or "" for one in leaves if one.standing in _HELD}
        theirs = {uri: text for uri, text in session.told.values.items() if uri not in session.parts}
        theirs |= {uri: alike[uri] for uri in theirs if uri in alike and theirs[uri] is not None}
        holds = {uri: fact.effective for uri, fact in mirror.facts.items() if fact.effective is not None} | alike
        header = SyncHdr(session_id="0", msg_id=1, target=source, source="")
        planned = told(SyncML(header, tuple(command_for(one, 1, _unread) for one in queued)))
        compared = compare(Told(theirs, session.told.done), planned, wanted, holds)
        found = tuple(Difference(*one) for one in compared)
        unseen = tuple(_unseen({key: str(mo.root) for key, mo in desired.items()}, leaves, planned))
        outcome: Outcome = "same" if session.told.done or theirs or any(uri in holds for uri in wanted) else "unchanged"
        return _about(
            source,
            at,
            "differing" if found else outcome,
            subscriber=subscriber.id,
            device=device.id,
            differences=(*found, *unseen),
        )

    async def _whose(self, source: str, at: datetime) -> tuple[Subscriber, Device, Sequence[Operation]] | None:
        """The device that calls itself so, or that has the IMEI which it calls itself by."""
        contact = await self._store.load_contact(source, at)
        if contact is not None:
            return contact.subscriber, contact.device, contact.operations
        imei = source.removeprefix("IMEI:")
        household = await self._store.load_household("imei", imei) if imei.isdecimal() else None
        device = phone_of(household.devices, imei) if household else None
        if household is None or device is None:
            return None
        return household.subscriber, device, await self._store.load_operations(device.id)


def _about(
    source: str,
    at: datetime,
    outcome: Outcome,
    *,
    subscriber: str = "",
    device: str = "",
    why: str = "",
    differences: tuple[Difference, ...] = (),
) -> Finding:
    return Finding(
        id=finding_id("omadm", source),
        at=at,
        protocol="omadm",
        outcome=outcome,
        subscriber=subscriber,
        device=device or source,
        why=why,
        differences=differences,
    )


def _is_accepted(answer: SyncML) -> bool:
    """Whether the other server took the message, so that what it says is the device's."""
    heads = [one for one in answer.commands if isinstance(one, Status) and one.cmd_ref == "0"]
    return all(one.code.is_success for one in heads)


def _ends(answer: SyncML) -> bool:
    """Whether nothing follows: the answer asks for nothing."""
    return answer.final and all(isinstance(one, Status) for one in answer.commands)


def _seen(mirror: Mirror, session: _Session, at: datetime) -> Mirror:
    """What is known of the device's tree, with what was said of it in the session."""
    said = dict(session.holds) | {uri: text for uri, text in session.told.values.items() if text is not None}
    return mirror.read([Read(uri, value=text) for uri, text in said.items() if uri not in session.parts], at)


def _unseen(roots: Mapping[str, str], leaves: Sequence[LeafStanding], planned: Told) -> Iterator[Difference]:
    """Of each object, how many values this gateway would set of which nobody has said what the device holds."""
    counts = Counter(one.node.partition("/")[0] for one in leaves if one.fact is None and one.uri not in planned.values)
    for key, count in counts.items():
        yield Difference("unseen", roots[key], "", f"{count} values")


def _unread(_: str) -> bytes:
    """In place of a package: what is in it does not matter here."""
    return b""
