"""Pushes to phones: their octets, and what became of each.

Pure.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

import msgspec
from msgspec.structs import replace

KEPT_PUSHES = 5
"""Of each subscriber, that many are remembered; those that are not over yet as well."""

OCTETS = 0x04
"""The data coding scheme of octets.

Spec: 3GPP TS 23.038 4
"""


class Submission(msgspec.Struct, frozen=True, array_like=True):
    """One short message as a bearer takes it: the number (``+`` and digits), and the user data.

    ``header`` is the user data header, empty when there is none; ``body`` what follows, in the 7 bit alphabet one
    septet to an octet. ``text`` is what it says where it is for people, or for an application that reads text.
    """

    to: str
    coding: int
    header: bytes
    body: bytes
    text: str = ""


class PreparedPush(NamedTuple):
    """One push in all its wrappings.

    ``says`` is its content field by field, ``document`` the markup it carries (empty: none), ``entry`` what the phone's
    user has to be told and types in (empty: nothing). ``segments`` are the user data of its short messages, each of
    which begins with a header, and ``coding`` is their data coding scheme.
    """

    kind: str
    says: dict[str, str]
    document: str
    body: bytes
    octets: bytes
    segments: tuple[bytes, ...]
    entry: str = ""
    coding: int = OCTETS


PushKind = Literal["dm_notify", "dm_bootstrap", "cp", "rcscfg"]
PushState = Literal["waiting", "submitted", "delivered", "failed", "contacted"]


class Fate(enum.Enum):
    """What a bearer says became of a short message in the end."""

    DELIVERED = "delivered"
    EXPIRED = "expired"
    FAILED = "failed"


class Receipt(NamedTuple):
    """A bearer's word on one message. ``fate`` is None as long as it is on its way."""

    message_id: str
    fate: Fate | None
    why: str


class Push(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One push, from the order to the call that it is for.

    ``id`` is that of the device, or of the subscriber where it is for none in particular, with a hyphen and a mark of
    its own. ``session_id`` is the one that a notification asks for. ``message_ids`` are the bearer's names for those of
    its ``parts`` that were handed over; ``arrived`` those of which a receipt said that the phone has them. As long as
    parts are to be handed over, ``payload`` has them, sealed, and ``due_at`` says when whoever wants to may try: who
    tries moves it on first. ``why`` is the newest thing that went wrong.
    """

    id: str
    kind: PushKind
    ordered_at: datetime
    parts: int
    device_id: str = ""
    session_id: str = ""
    payload: bytes = b""
    due_at: datetime | None = None
    attempts: int = 0
    message_ids: tuple[str, ...] = ()
    arrived: tuple[str, ...] = ()
    why: str = ""
    submitted_at: datetime | None = None
    delivered_at: datetime | None = None
    failed_at: datetime | None = None
    contacted_at: datetime | None = None

    @property
    def state(self) -> PushState:
        """How far it came. A call counts for more than a receipt."""
        if self.contacted_at is not None:
            return "contacted"
        if self.failed_at is not None:
            return "failed"
        if self.delivered_at is not None:
            return "delivered"
        return "waiting" if self.submitted_at is None else "submitted"

    def claimed(self, now: datetime, lease_seconds: int) -> Push:
        """The push in the hands of somebody who tries to hand it over now; nobody else does for that long."""
        return replace(self, attempts=self.attempts + 1, due_at=now + timedelta(seconds=lease_seconds))

    def submitted(self, message_ids: tuple[str, ...], now: datetime) -> Push:
        """The push with all parts handed over."""
        return replace(self, message_ids=message_ids, submitted_at=now, payload=b"", due_at=None, why="")

    def put_off(self, message_ids: tuple[str, ...], due_at: datetime, why: str) -> Push:
        """The push with these parts handed over, and the others to be tried again."""
        return replace(self, message_ids=message_ids, due_at=due_at, why=why)

    def failed(self, why: str, now: datetime) -> Push:
        """The push given up."""
        return replace(self, failed_at=now, payload=b"", due_at=None, why=why)

    def heard(self, receipt: Receipt, now: datetime) -> Push:
        """The push after a receipt for one of its parts; the same object when that says nothing new."""
        if receipt.fate is None or receipt.message_id in self.arrived or self.failed_at or self.delivered_at:
            return self
        if receipt.fate is not Fate.DELIVERED:
            return self.failed(receipt.why, now)
        arrived = (*self.arrived, receipt.message_id)
        return replace(self, arrived=arrived, delivered_at=now if len(arrived) >= self.parts else None)


def remembered(pushes: tuple[Push, ...], push: Push) -> tuple[Push, ...]:
    """The pushes with this one, in the place of its former self or as the newest; old ones that are over make room."""
    if any(one.id == push.id for one in pushes):
        return tuple(push if one.id == push.id else one for one in pushes)
    newest = (*pushes, push)
    return tuple(one for one in newest[:-KEPT_PUSHES] if one.due_at is not None) + newest[-KEPT_PUSHES:]


_CALLS = {"dm_notify": "omadm", "dm_bootstrap": "omadm", "rcscfg": "rcc14"}


def unanswered(pushes: tuple[Push, ...], device_id: str) -> Counter[str]:
    """How many pushes to call by each protocol the device is known to have, and did not call for."""
    ours = [push for push in pushes if push.device_id == device_id and push.state == "delivered"]
    return Counter(_CALLS[push.kind] for push in ours if push.kind in _CALLS)


def called(pushes: tuple[Push, ...], device_id: str, kinds: Collection[PushKind], now: datetime) -> tuple[Push, ...]:
    """Those of the pushes that have made this device call now, as they are then."""
    return tuple(
        replace(push, contacted_at=now, due_at=None, payload=b"")
        for push in pushes
        if push.contacted_at is None
        and push.kind in kinds
        and push.device_id in ("", device_id)
        and (push.submitted_at is not None or push.message_ids)
    )
