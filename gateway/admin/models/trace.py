"""What devices and the gateway said to each other."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.admin.models.base import Model


class MessageView(Model):
    """One message of an exchange: who sent it, its head, what it says a line each, and the message as it travelled.

    Secrets are covered. What travelled as octets that are not text is given in hexadecimal. ``session`` is what the
    protocol calls the session that the message belongs to, empty where it has none.
    """

    direction: Literal["received", "sent"]
    line: str
    says: list[str]
    raw: str
    session: str


class ExchangeView(Model):
    """One request with its answer, and what the gateway decided in between. ``owner`` is a device or a subscriber."""

    seq: int
    at: datetime
    owner: str
    protocol: str
    proven: bool
    messages: list[MessageView]
    decisions: list[str]


class ComparedSession(Model):
    """One of two sessions that are compared; ``seq`` is its first exchange."""

    owner: str
    protocol: str
    session: str
    seq: int
    at: datetime
    exchanges: int


class ComparedLine(Model):
    """One line on either side. ``left`` and ``right`` mark what only that side says."""

    mark: Literal["same", "differs", "left", "right"]
    left: str
    right: str


class ComparedStep(Model):
    """What was received, decided or sent, beside its like in the other session; null where that has none."""

    kind: Literal["received", "decided", "sent"]
    left_seq: int | None
    right_seq: int | None
    lines: list[ComparedLine]


class TraceComparison(Model):
    """Two sessions beside each other, and in how many lines they differ."""

    left: ComparedSession
    right: ComparedSession
    differences: int
    steps: list[ComparedStep]


class TraceArming(Model):
    """For how long a device is traced in full; 0 ends it."""

    minutes: Annotated[int, Field(ge=0, le=10_080)] = 60


class Armed(Model):
    """Until when the device is traced in full; null when it is not."""

    traced_until: datetime | None
