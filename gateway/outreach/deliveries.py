"""Getting pushes to phones: a bearer's word for each, tries until there is one, and a record of all of it.

A push is a record of its subscriber before anything is sent, and a piece of work in the background until all of it is
handed over, so that it outlives the process. A process that dies while it hands one over has sent it once or not at
all, and another one sends it once more.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any, ParamSpec, Protocol

import msgspec
from msgspec.structs import replace

from gateway.errors import ConfigError, Conflict, NotFound, Rejected, Throttled, Unavailable
from gateway.fleet.push import OCTETS, Fate, PreparedPush, Push, PushKind, Receipt, Submission, called, remembered
from gateway.fleet.subscriber import Subscriber
from gateway.observe import metrics
from gateway.observe.logs import logger
from gateway.outreach.background import Background
from gateway.sealing import Sealer
from gateway.settings import Sms
from gateway.store.conflicts import try_again
from gateway.store.protocol import (
    Append,
    DeleteRecord,
    Event,
    PutEphemeral,
    PutRecord,
    PutSubscriber,
    Record,
    Store,
    Write,
)

PURPOSE = "push"
WORK = "push"
LEASE_SECONDS = 120
MARK_BYTES = 6
MAX_AT_ONCE = 64
MAX_WAITING_RECEIPTS = 10_000
LONGEST_SPREAD = 1.25
CODE = b"otp"
"""What a receipt is for that no push waits for: a message with a one-time password."""
RECEIPT_WAITS = (0.0, 0.2, 1.0, 5.0)
"""A receipt can be here before the answer to the message is kept: so long it is looked for."""

P = ParamSpec("P")

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[Submission, ...]).decode


class Bearer(Protocol):
    """Something that carries short messages."""

    @property
    def channel(self) -> str:
        """What kind of bearer it is, for metrics."""
        ...

    async def send(self, message: Submission, validity_seconds: int, *, receipt: bool = False) -> str:
        """Hand the message over; it is on its way when this returns with the name that receipts will have for it.

        The name is empty where no receipt will come.

        Raises: Unavailable when it could not be handed over, or nobody knows whether it was; Throttled when there
        were too many just now; Rejected when it is not wanted at all.
        """
        ...


class Reach:
    """Pushes over one bearer; ``clock`` gives aware UTC times."""

    def __init__(
        self,
        store: Store,
        bearer: Bearer,
        sealer: Sealer,
        settings: Sms,
        background: Background,
        clock: Callable[[], datetime],
    ) -> None:
        longest = timedelta(seconds=settings.max_retry_seconds * LONGEST_SPREAD)
        background.add(
            WORK,
            self._take_up,
            lease_seconds=LEASE_SECONDS,
            at_once=MAX_AT_ONCE,
            latest=lambda _, now: now + longest,
        )
        self._background = background
        self._store = store
        self._bearer = bearer
        self._sealer = sealer
        self._settings = settings
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(MAX_AT_ONCE)
        self._waiting_receipts = 0

    async def order(
        self,
        subscriber_id: str,
        prepared: PreparedPush,
        kind: PushKind,
        writes: Sequence[Write] = (),
        *,
        device_id: str = "",
        session_id: str = "",
    ) -> Push:
        """The push, which is kept together with ``writes`` and on its way.

        Raises: ConfigError when the subscriber has no number; Conflict when ``writes`` are of what has changed since.
        """
        now, mark = self._clock(), secrets.token_hex(MARK_BYTES)
        coding = self._settings.octet_coding if prepared.coding == OCTETS else prepared.coding

        async def keep() -> Push:
            household = await self._store.load_household("id", subscriber_id)
            number = household.subscriber.msisdn if household else ""
            if household is None or not number:
                raise ConfigError(f"subscriber {subscriber_id} has no MSISDN to send a message to", key="msisdn")
            messages = [
                Submission(number, coding, segment[: segment[0] + 1], segment[segment[0] + 1 :])
                for segment in prepared.segments
            ]
            push = Push(
                id=f"{device_id or subscriber_id}-{mark}",
                kind=kind,
                ordered_at=now,
                parts=len(messages),
                device_id=device_id,
                session_id=session_id,
                payload=self._sealer.seal(_encode(messages), PURPOSE),
            ).claimed(now, LEASE_SECONDS)
            kept = replace(household.subscriber, pushes=remembered(household.subscriber.pushes, push))
            ordered = _event(push, "push.ordered", now)
            await self._store.commit(*writes, PutSubscriber(kept), PutRecord(_work_of(push)), ordered)
            return push

        changed = Conflict(f"subscriber {subscriber_id}, or a device of theirs, was changed meanwhile; try again")
        push = await try_again(keep, changed)
        self._begin(self._try, push, replace(_work_of(push), revision=1))
        return push

    def hear(self, receipt: Receipt) -> None:
        """Note a receipt."""
        if self._waiting_receipts >= MAX_WAITING_RECEIPTS:
            metrics.count(metrics.push_receipts, "unknown")
            return
        self._begin(self._hear, receipt)

    async def settled(self) -> None:
        """Wait until nothing is tried here any more."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Stop trying: what is not handed over yet is taken up by another process, or at the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, work: Callable[P, Coroutine[Any, Any, None]], *given: P.args, **named: P.kwargs) -> None:
        task = asyncio.get_running_loop().create_task(self._guarded(work, *given, **named))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Callable[P, Coroutine[Any, Any, None]], *given: P.args, **named: P.kwargs) -> None:
        try:
            await work(*given, **named)
        except (Unavailable, Conflict, NotFound) as error:
            # The store is away, or the subscriber is gone. The lease ends, and it is taken up again.
            logger().warning("push_left", why=str(error))
        except Exception:
            logger().exception("push_failed")

    async def _take_up(self, work: Record) -> None:
        """Carry on with a push that is due, whoever ordered it."""
        try:
            _, push = await find_push(self._store, work.id)
        except NotFound:
            push = None
        if push is None or push.due_at is None:
            await self._store.commit(DeleteRecord(work))
            return
        await self._try(push.claimed(self._clock(), LEASE_SECONDS), work)

    async def _try(self, push: Push, work: Record) -> None:
        """Hand over the parts that are left, and keep what came of it."""
        async with self._turns:
            if push.due_at is not None and self._clock() >= push.due_at:
                return  # It waited for its turn until it was anybody's again.
            names, error = list(push.message_ids), None
            try:
                messages = _decode(self._sealer.unseal(push.payload, PURPOSE))
                for message in messages[len(names) :]:
                    started = time.perf_counter()
                    names.append(
                        await self._bearer.send(
                            message, self._settings.validity_seconds, receipt=self._settings.receipts
                        )
                    )
                    metrics.push_seconds.labels("submit").observe(time.perf_counter() - started)
            except (Unavailable, Rejected, ConfigError) as caught:
                error = caught
        now, message_ids = self._clock(), tuple(names)
        keep_until = now + timedelta(seconds=2 * self._settings.validity_seconds)
        notes = [
            note_awaited(name, push.id.encode(), keep_until) for name in message_ids[len(push.message_ids) :] if name
        ]
        if error is None:
            self._count(push, "accepted")
            event = _event(push, "push.submitted", now)
            await self._keep(push, lambda one: one.submitted(message_ids, now), *notes, event, DeleteRecord(work))
            return
        why = str(error)
        due_at = now + timedelta(seconds=self._wait(push.attempts, error))
        late = due_at > push.ordered_at + timedelta(seconds=self._settings.deadline_seconds)
        logger().warning("push_not_sent", push=push.id, attempt=push.attempts, why=why)
        if isinstance(error, Unavailable) and not late:
            if isinstance(error, Throttled):
                self._count(push, "throttled")
            again = PutRecord(replace(work, due_at=due_at))
            await self._keep(push, lambda one: one.put_off(message_ids, due_at, why), *notes, again)
            wait = max(0.0, (due_at - self._clock()).total_seconds())
            asyncio.get_running_loop().call_later(wait, self._background.call, WORK)
            return
        self._count(push, "expired" if late else "failed")
        event = _event(push, "push.failed", now, why=why)
        await self._keep(push, lambda one: one.failed(why, now), *notes, event, DeleteRecord(work))

    async def _keep(self, push: Push, change: Callable[[Push], Push], *writes: Write) -> None:
        """Keep a change of the push, and how often it has been tried."""
        await self._change(push.id, lambda one: change(replace(one, attempts=push.attempts)), *writes)

    def _wait(self, attempts: int, error: Exception) -> float:
        """Seconds until the next attempt: longer each time, and not the same for all that failed together."""
        settings = self._settings
        seconds = min(settings.retry_seconds * 2.0 ** min(attempts - 1, 30), settings.max_retry_seconds)
        if isinstance(error, Throttled):
            seconds = max(seconds, float(error.retry_after_seconds))
        return seconds * random.uniform(0.75, LONGEST_SPREAD)  # noqa: S311 - spreads, hides nothing

    async def _hear(self, receipt: Receipt) -> None:
        self._waiting_receipts += 1
        try:
            for seconds in RECEIPT_WAITS:
                await asyncio.sleep(seconds)
                known = await self._store.load_ephemeral(_receipt_key(receipt.message_id), self._clock())
                if known is not None:
                    break
            else:
                metrics.count(metrics.push_receipts, "unknown")
                logger().info("receipt_unknown", message_id=receipt.message_id)
                return
        finally:
            self._waiting_receipts -= 1
        metrics.count(metrics.push_receipts, "matched")
        if receipt.fate is None:
            return
        if known == CODE:
            metrics.count(metrics.push, self._bearer.channel, "otp", receipt.fate.value)
            if receipt.fate is Fate.DELIVERED:
                metrics.count(metrics.otp, "delivered")
            return
        now, push_id, changed = self._clock(), known.decode(), False

        def heard(push: Push) -> Push:
            nonlocal changed
            after = push.heard(receipt, now)
            changed = after.state != push.state
            return after

        push = await self._change(push_id, heard)
        if not changed:
            return
        self._count(push, receipt.fate.value)
        if receipt.fate is Fate.DELIVERED:
            metrics.push_seconds.labels("dlr").observe((now - push.ordered_at).total_seconds())
        kind = "push.delivered" if receipt.fate is Fate.DELIVERED else "push.failed"
        await self._store.commit(_event(push, kind, now, why=push.why))

    async def _change(self, push_id: str, change: Callable[[Push], Push], *writes: Write) -> Push:
        """The push after a change of it as it is stored now, kept together with the writes.

        Raises: NotFound, Conflict when others write the subscriber again and again.
        """

        async def once() -> Push:
            subscriber, push = await find_push(self._store, push_id)
            after = change(push)
            if after == push and not writes:
                return push
            kept = replace(subscriber, pushes=remembered(subscriber.pushes, after))
            await self._store.commit(PutSubscriber(kept), *writes)
            return after

        return await try_again(once, Conflict(f"push {push_id}: others write its subscriber again and again"))

    def _count(self, push: Push, result: str) -> None:
        metrics.count(metrics.push, self._bearer.channel, push.kind, result)


def note_awaited(message_id: str, what: bytes, until: datetime) -> PutEphemeral:
    """The write by which a receipt for that message finds what it is for: a push's id, or ``CODE``."""
    return PutEphemeral(_receipt_key(message_id), what, until)


def note_call(subscriber: Subscriber, device_id: str, kinds: tuple[PushKind, ...], now: datetime) -> list[Write]:
    """What is to be kept when this device calls: that pushes of these kinds to it have done their work."""
    if not subscriber.pushes:
        return []
    writes: list[Write] = []
    pushes = subscriber.pushes
    for push in called(pushes, device_id, kinds, now):
        pushes = remembered(pushes, push)
        metrics.push_seconds.labels("session").observe((now - push.ordered_at).total_seconds())
        writes.append(_event(push, "push.contacted", now))
    return [PutSubscriber(replace(subscriber, pushes=pushes)), *writes] if writes else []


async def find_push(store: Store, push_id: str) -> tuple[Subscriber, Push]:
    """The push, and whose it is.

    Raises: NotFound.
    """
    owner = push_id.rpartition("-")[0]
    for subscriber_id in dict.fromkeys((owner, owner.rpartition(".")[0])):
        household = await store.load_household("id", subscriber_id) if subscriber_id else None
        for push in household.subscriber.pushes if household else ():
            if push.id == push_id and household is not None:
                return household.subscriber, push
    raise NotFound(no_push(push_id))


def no_push(push_id: str) -> str:
    """What is said when there is none of that id."""
    return f"there is no push {push_id!r}; of each subscriber the newest are kept"


def _work_of(push: Push) -> Record:
    return Record(kind=WORK, id=push.id, payload=b"", due_at=push.due_at)


def _event(push: Push, event: str, now: datetime, **detail: str) -> Append:
    subscriber_id = push.device_id.rpartition(".")[0] or push.id.rpartition("-")[0]
    said = {"push": push.id, "kind": push.kind} | {name: text for name, text in detail.items() if text}
    return Append(Event(at=now, kind=event, subscriber_id=subscriber_id, device_id=push.device_id, detail=said))


def _receipt_key(message_id: str) -> str:
    return f"receipt:{message_id}"
