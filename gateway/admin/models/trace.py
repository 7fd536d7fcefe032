"""What devices and the gateway said to each other."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal, Self

import pydantic
from pydantic import Field

from gateway.admin.models.base import Model

_FORMS = {
    "imei": ("[0-9]{14,16}", "351234560000017"),
    "imsi": ("[0-9]{6,15}", "001010000000001"),
    "msisdn": (r"\+[0-9]{3,15}", "+15550100001"),
    "address": ("[0-9A-Fa-f:./, ]+", "192.0.2.0/24"),
}
"""How each kind is written, with an example."""


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


class NewWait(Model):
    """Somebody to wait for, so that all they say is kept from their first contact on: known or not.

    For an address ``value`` is one or a network, or several with commas between.
    """

    kind: Literal["imei", "imsi", "msisdn", "address"]
    value: Annotated[str, Field(min_length=1, max_length=200)]
    minutes: Annotated[int, Field(ge=1, le=10_080)] = 1440

    @pydantic.model_validator(mode="after")
    def _check(self) -> Self:
        form, example = _FORMS[self.kind]
        if not re.fullmatch(form, self.value):
            raise ValueError(f"this is no {self.kind.upper()}; write for example {example}")
        return self


class WaitView(Model):
    """Somebody who is waited for: until when, who said so, and how many exchanges were kept."""

    id: str
    kind: Literal["imei", "imsi", "msisdn", "address"]
    value: str
    until: datetime
    by: str
    exchanges: int


class TraceArming(Model):
    """For how long a device is traced in full; 0 ends it."""

    minutes: Annotated[int, Field(ge=0, le=10_080)] = 60


class Armed(Model):
    """Until when the device is traced in full; null when it is not."""

    traced_until: datetime | None
