"""Webhooks over a store: events of the log go to those who want them, each receiver at its own pace.

A webhook is a piece of work in the background, so one process at a time serves it: it puts what is new in the log into
the webhook's own queue, and sends what is due of that. A receiver that is dead holds up its own queue and nothing else.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import random
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import aiohttp
import msgspec
from msgspec.structs import replace

from gateway.errors import ConfigError, Conflict, NotFound
from gateway.fleet.webhook import (
    LONGEST_SPREAD,
    SECRET_BYTES,
    SECRET_PREFIX,
    Message,
    Webhook,
    again,
    body_of,
    check_patterns,
    latest_try,
    signed,
    tried,
)
from gateway.observe import metrics
from gateway.outreach.background import FAR, SLACK, Background
from gateway.sealing import Sealer
from gateway.store.protocol import Append, DeleteRecord, Event, PutRecord, Record, Store, Write

WORK = "webhook"
PURPOSE = "webhook"
LEASE_SECONDS = 120
HOLD_SECONDS = 20.0
"""For how long a process serves a webhook before it lets another have it."""
LOOK_SECONDS = 0.5
TIMEOUT_SECONDS = 10.0
EVENTS_AT_ONCE = 100
SENT_AT_ONCE = 8
MAX_WAITING = 1000
"""Messages that wait in a webhook's queue; what is beyond stays in the log until there is room."""
KEPT = timedelta(days=7)
TEST = "webhook.test"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Webhook).decode
_decode_message = msgspec.msgpack.Decoder(Message).decode


class Webhooks:
    """The webhooks of a store; ``clock`` gives aware UTC times."""

    def __init__(self, store: Store, sealer: Sealer, background: Background, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._sealer = sealer
        self._background = background
        self._clock = clock
        self._http: aiohttp.ClientSession | None = None
        background.add(WORK, self._work, lease_seconds=LEASE_SECONDS, at_once=32)

    async def add(self, url: str, events: Sequence[str]) -> tuple[Webhook, str]:
        """A new webhook, for events from now on, and its secret: the one time anyone sees it.

        Raises: ConfigError for an address or a kind of event that cannot be.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise ConfigError(f"{url[:100]!r} is no http or https address without credentials", key="url")
        try:
            check_patterns(events)
        except ValueError as error:
            raise ConfigError(str(error), key="events") from None
        if not events:
            raise ConfigError('name the kinds of events it is for, or "*"', key="events")
        secret = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
        now = self._clock()
        webhook = Webhook(
            id=f"w{secrets.token_hex(4)}",
            url=url,
            events=tuple(events),
            secret=self._sealer.seal(secret.encode(), PURPOSE),
            created_at=now,
            cursor=await self._store.last_event(),
        )
        record = Record(kind=WORK, id=webhook.id, payload=_encode(webhook), due_at=now)
        await self._store.commit(PutRecord(record))
        self._background.call(WORK)
        return webhook, secret

    async def load(self, webhook_id: str) -> Webhook:
        """The webhook. Raises: NotFound."""
        return _decode((await self._record(webhook_id)).payload)

    async def listed(self, *, after: str = "", limit: int = 100) -> Sequence[Webhook]:
        """Webhooks by id."""
        return [_decode(one.payload) for one in await self._store.load_records(WORK, after=after, limit=limit)]

    async def remove(self, webhook_id: str) -> None:
        """Send nothing more to it, and forget what waited. Raises: NotFound, Conflict."""
        for _ in range(10):
            record = await self._record(webhook_id)
            try:
                await self._store.commit(DeleteRecord(record))
            except Conflict:
                continue
            break
        while page := await self._store.load_records(_queue(webhook_id)):
            await self._store.commit(*map(DeleteRecord, page))

    async def test(self, webhook_id: str) -> Message:
        """Send it a message that says it is a test, now and once, and what came of that. Raises: NotFound."""
        webhook, now = await self.load(webhook_id), self._clock()
        message = Message(kind=TEST, body=body_of(TEST, now, {"webhook": webhook.id}), created_at=now)
        status, why = await self._send(webhook, f"test-{secrets.token_hex(8)}", message)
        return tried(message, status, why, self._clock(), 1.0)[0]

    async def log(self, webhook_id: str, *, after: str = "", limit: int = 100) -> Sequence[tuple[str, Message]]:
        """Messages with their ids, oldest first: those that wait, and those of the last days. Raises: NotFound."""
        await self._record(webhook_id)
        found = await self._store.load_records(_queue(webhook_id), after=after, limit=limit)
        return [(one.id, _decode_message(one.payload)) for one in found]

    async def replay(self, webhook_id: str, message_id: str = "") -> int:
        """Send a message once more, or all that failed; a webhook that was disabled is tried again, too.

        Returns how many messages. Raises: NotFound, Conflict.
        """
        for _ in range(10):
            record = await self._record(webhook_id)
            webhook = _decode(record.payload)
            if not webhook.disabled:  # whoever serves it sees what is due, and goes on serving it
                break
            enabled = replace(record, payload=_encode(replace(webhook, disabled="")), due_at=self._clock())
            try:
                await self._store.commit(PutRecord(enabled))
            except Conflict:
                continue
            break
        count, after = 0, ""
        while page := await self._store.load_records(_queue(webhook_id), after=after, limit=EVENTS_AT_ONCE):
            for one in page:
                message = _decode_message(one.payload)
                if one.id == message_id or (not message_id and message.state == "failed"):
                    fresh = replace(one, payload=_encode(again(message)), due_at=self._clock())
                    await self._store.commit(PutRecord(fresh))
                    count += 1
            after = page[-1].id
        if message_id and not count:
            raise NotFound(f"webhook {webhook_id} has no message {message_id!r}; `mogate webhook log` shows them")
        self._background.call(WORK)
        return count

    async def close(self) -> None:
        """End the connections."""
        if self._http is not None:
            await self._http.close()

    async def _record(self, webhook_id: str) -> Record:
        record = await self._store.load_record(WORK, webhook_id)
        if record is None:
            raise NotFound(f"there is no webhook {webhook_id!r}; `mogate webhook list` shows them")
        return record

    async def _work(self, record: Record) -> None:
        """Serve one webhook for a while."""
        webhook = _decode(record.payload)
        if webhook.disabled:
            await self._store.commit(PutRecord(replace(record, due_at=None)))
            return
        ends_at = asyncio.get_running_loop().time() + HOLD_SECONDS
        await self._recall(webhook)
        try:
            while asyncio.get_running_loop().time() < ends_at:
                record, webhook, more = await self._take_in(record, webhook)
                due = await self._store.load_due(_queue(webhook.id), self._clock(), SENT_AT_ONCE)
                gone = await asyncio.gather(*(self._deliver(webhook, one) for one in due))
                if any(gone):
                    record, webhook = await self._disable(record, webhook)
                    return
                if not more and not due:
                    await asyncio.sleep(LOOK_SECONDS)
            await self._forget_old(webhook)
        finally:
            # Whoever comes first goes on: also when this process is about to end.
            due_at = None if webhook.disabled else self._clock()
            await self._store.commit(PutRecord(replace(record, payload=_encode(webhook), due_at=due_at)))

    async def _take_in(self, record: Record, webhook: Webhook) -> tuple[Record, Webhook, bool]:
        """Put new events that it wants into its queue, and whether there may be more."""
        if await self._store.count_waiting(_queue(webhook.id)) >= MAX_WAITING:
            return record, webhook, False
        events = await self._store.load_events(after_seq=webhook.cursor, limit=EVENTS_AT_ONCE)
        if not events:
            return record, webhook, False
        webhook = replace(webhook, cursor=events[-1].seq)
        # What goes wrong with a webhook is not told to itself, or it would have ever more to be told.
        wanted = [one for one in events if webhook.wants(one.kind) and one.detail.get("webhook") != webhook.id]
        if wanted:
            now = self._clock()
            writes: list[Write] = [PutRecord(replace(record, payload=_encode(webhook)))]
            writes += [
                PutRecord(
                    Record(kind=_queue(webhook.id), id=f"{one.seq:016}", payload=_encode(_message(one)), due_at=now)
                )
                for one in wanted
            ]
            await self._store.commit(*writes)
            record = replace(record, revision=record.revision + 1)
        return record, webhook, len(events) == EVENTS_AT_ONCE

    async def _deliver(self, webhook: Webhook, record: Record) -> bool:
        """Try to deliver one message; True when the receiver says that it is gone for good."""
        message = _decode_message(record.payload)
        status, why = await self._send(webhook, f"{webhook.id}-{record.id}", message)
        spread = random.uniform(0.9, LONGEST_SPREAD)  # noqa: S311 - spreads, hides nothing
        message, due_at = tried(message, status, why, self._clock(), spread)
        metrics.count(metrics.webhook_deliveries, "retried" if message.state == "waiting" else message.state)
        writes: list[Write] = [PutRecord(replace(record, payload=_encode(message), due_at=due_at))]
        if message.state == "failed":
            detail = {"webhook": webhook.id, "message": record.id, "why": why}
            writes.append(Append(Event(at=self._clock(), kind="webhook.failed", detail=detail)))
        with contextlib.suppress(Conflict):  # somebody had it sent anew, or forgot it, meanwhile
            await self._store.commit(*writes)
        return status == 410

    async def _send(self, webhook: Webhook, message_id: str, message: Message) -> tuple[int | None, str]:
        """The status of the answer, or None, and why it is no success."""
        if self._http is None:
            timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
            self._http = aiohttp.ClientSession(timeout=timeout, headers={"User-Agent": "MOGate"})
        secret = self._sealer.unseal(webhook.secret, PURPOSE).decode()
        headers = signed(secret, message_id, int(self._clock().timestamp()), message.body)
        try:
            async with self._http.post(
                webhook.url, data=message.body, headers=headers, allow_redirects=False
            ) as answer:
                return answer.status, "" if answer.status < 300 else f"HTTP {answer.status} {answer.reason}"
        except TimeoutError:
            return None, f"no answer within {TIMEOUT_SECONDS:g} s"
        except (aiohttp.ClientError, OSError) as error:
            return None, str(error) or type(error).__name__

    async def _disable(self, record: Record, webhook: Webhook) -> tuple[Record, Webhook]:
        webhook = replace(webhook, disabled="the receiver answered 410: it is gone")
        event = Event(at=self._clock(), kind="webhook.disabled", detail={"webhook": webhook.id})
        await self._store.commit(PutRecord(replace(record, payload=_encode(webhook))), Append(event))
        return replace(record, revision=record.revision + 1), webhook

    async def _recall(self, webhook: Webhook) -> None:
        """Send now what a clock that was ahead has put off."""
        now = self._clock()
        for one in await self._store.load_due(_queue(webhook.id), now + FAR, MAX_WAITING):
            if one.due_at is not None and one.due_at > latest_try(_decode_message(one.payload), now) + SLACK:
                with contextlib.suppress(Conflict):
                    await self._store.commit(PutRecord(replace(one, due_at=now)))

    async def _forget_old(self, webhook: Webhook) -> None:
        """Drop messages that are over and old from the log."""
        for one in await self._store.load_records(_queue(webhook.id), limit=EVENTS_AT_ONCE):
            message = _decode_message(one.payload)
            if message.state != "waiting" and message.tried_at and self._clock() - message.tried_at > KEPT:
                await self._store.commit(DeleteRecord(one))


def _message(event: Event) -> Message:
    data = {
        "seq": event.seq,
        "subscriber_id": event.subscriber_id,
        "device_id": event.device_id,
        "detail": event.detail,
    }
    return Message(kind=event.kind, body=body_of(event.kind, event.at, data), created_at=event.at)


def of_another_log(record: Record, newest: int) -> Record:
    """A webhook's record for a log that ends with that ``seq``: what comes after is new to it."""
    webhook = _decode(record.payload)
    return replace(record, payload=_encode(replace(webhook, cursor=newest)))


def _queue(webhook_id: str) -> str:
    """The kind of record that has the messages to this webhook."""
    return f"{WORK}.{webhook_id}"
