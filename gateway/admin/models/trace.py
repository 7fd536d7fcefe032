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


class TraceArming(Model):
    """For how long a device is traced in full; 0 ends it."""

    minutes: Annotated[int, Field(ge=0, le=10_080)] = 60


class Armed(Model):
    """Until when the device is traced in full; null when it is not."""

    traced_until: datetime | None
