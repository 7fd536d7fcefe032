"""Webhooks: who wants to hear of which events, how a message is signed, and when it is tried again.

Pure.

Spec: Standard Webhooks 1.0.0
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

SECRET_PREFIX = "whsec_"  # noqa: S105 - how every secret begins
SECRET_BYTES = 32
RETRY_SECONDS = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""How long after each attempt that failed the next one comes; after the last it is given up.

Spec: Standard Webhooks, "Retry schedule"
"""
MAX_WHY = 500
LONGEST_SPREAD = 1.2


class Webhook(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A receiver. ``events`` are patterns of kinds (``campaign.*``); ``secret`` is sealed.

    ``cursor`` is the ``seq`` of the last event that was looked at for it. ``disabled`` says why nothing is sent to it
    any more; empty for one that works.
    """

    id: str
    url: str
    events: tuple[str, ...]
    secret: bytes
    created_at: datetime
    cursor: int = 0
    disabled: str = ""

    def wants(self, kind: str) -> bool:
        """Whether it is told of events of this kind."""
        return any(fnmatchcase(kind, pattern) for pattern in self.events)


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event on its way to one webhook: the body as it is sent each time, and what came of the attempts."""

    kind: str
    body: bytes
    created_at: datetime
    attempts: int = 0
    status: int | None = None
    why: str = ""
    tried_at: datetime | None = None
    delivered_at: datetime | None = None
    failed_at: datetime | None = None

    @property
    def state(self) -> Literal["waiting", "delivered", "failed"]:
        """How it stands."""
        if self.delivered_at is not None:
            return "delivered"
        return "waiting" if self.failed_at is None else "failed"


def tried(
    message: Message, status: int | None, why: str, now: datetime, spread: float
) -> tuple[Message, datetime | None]:
    """The message after an attempt, and when the next one is due; None for none.

    ``status`` is that of the answer, None when there was none; ``spread`` is by what the wait is multiplied.
    """
    message = replace(message, attempts=message.attempts + 1, status=status, why=why[:MAX_WHY], tried_at=now)
    if status is not None and 200 <= status < 300:
        return replace(message, delivered_at=now, why=""), None
    if message.attempts > len(RETRY_SECONDS):
        return replace(message, failed_at=now), None
    return message, now + timedelta(seconds=RETRY_SECONDS[message.attempts - 1] * spread)


def latest_try(message: Message, now: datetime) -> datetime:
    """The latest time at which a message that waits is to be tried next."""
    waits = RETRY_SECONDS[message.attempts - 1] if message.attempts else 0
    return now + timedelta(seconds=waits * LONGEST_SPREAD)


def again(message: Message) -> Message:
    """The message as if it had never been tried."""
    return Message(kind=message.kind, body=message.body, created_at=message.created_at)


def body_of(kind: str, at: datetime, data: dict[str, Any]) -> bytes:
    """The body that tells of an event. Spec: Standard Webhooks, "Payload structure"."""
    return msgspec.json.encode({"type": kind, "timestamp": at, "data": data})


def signed(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers with which a body goes out. Spec: Standard Webhooks, "Signature scheme"."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    content = f"{message_id}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }


def check_patterns(patterns: Sequence[str]) -> None:
    """These can be patterns of kinds of events. Raises: ValueError."""
    for pattern in patterns:
        if not pattern or len(pattern) > 100 or not all(one.isalnum() or one in "._*- " for one in pattern):
            raise ValueError(f"{pattern[:40]!r} is no kind of event; write one such as campaign.paused, or campaign.*")
