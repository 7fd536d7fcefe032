"""Operations on a device's tree."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gateway.admin.models.base import Model, Name, NodeAddress, Text
from gateway.fleet.operation import ACCEPTED_SECONDS
from gateway.tree.format import Format

MAX_MEMBERS = 80
"""Most operations in a group: it has to fit into one message."""


class OperationView(Model):
    """One operation and its outcome; ``status`` is null until it is final.

    An operation that the device took on but has not ended has ``accepted_at``; ``result`` is the code it reported at
    the end. A group has ``members``; ``answers`` are the user's to a prompt.
    """

    id: str
    verb: str
    uri: str
    value: str | None
    created_at: datetime | None
    sent_at: datetime | None
    accepted_at: datetime | None
    status: int | None
    meaning: str | None
    result: int | None
    results: dict[str, str]
    answers: list[str]
    waits_for: str
    members: list[OperationView]


class NewPrompt(Model):
    """What to show or ask the user; ``choices`` belong to the kinds ``choice`` and ``choices``."""

    kind: Literal["display", "confirm", "input", "choice", "choices"]
    text: Text
    choices: Annotated[list[Text], Field(max_length=100)] = []
    min_seconds: Annotated[int | None, Field(ge=1, le=86_400)] = None
    max_seconds: Annotated[int | None, Field(ge=1, le=86_400)] = None
    default: Text = ""
    max_length: Annotated[int | None, Field(ge=1, le=10_000)] = None
    input: Literal["", "A", "N", "D", "T", "P", "I"] = ""
    password: bool = False

    @model_validator(mode="after")
    def _check_choices(self) -> NewPrompt:
        if (self.kind in ("choice", "choices")) != bool(self.choices):
            raise ValueError("choices are for the kinds choice and choices, and these need some")
        return self


class NewCondition(Model):
    """Wait for the answer to a queued prompt: one of ``answers`` (``accept``, ``2``, a text), or any but a refusal."""

    operation: Annotated[str, Field(min_length=1, max_length=64)]
    answers: list[Text] = []


class NewOperation(Model):
    """An operation for the next OMA DM session. Without ``format`` the value is text.

    Get, Add, Replace, Delete, Copy and Exec need ``uri``, Copy its ``source`` too; Atomic and Sequence need
    ``members``; Alert needs a ``prompt``.
    """

    verb: Literal["Get", "Add", "Replace", "Delete", "Copy", "Exec", "Atomic", "Sequence", "Alert"]
    uri: NodeAddress | Literal[""] = ""
    value: Text | None = None
    format: Format | Literal[""] = ""
    type: Name = ""
    source: NodeAddress | Literal[""] = ""
    members: Annotated[list[NewOperation], Field(max_length=MAX_MEMBERS)] = []
    prompt: NewPrompt | None = None
    condition: NewCondition | None = None
    deadline_seconds: Annotated[int, Field(ge=1, le=366 * 86_400)] = ACCEPTED_SECONDS

    @model_validator(mode="after")
    def _check_shape(self) -> NewOperation:
        grouped = self.verb in ("Atomic", "Sequence")
        if grouped != bool(self.members):
            raise ValueError("members are for Atomic and Sequence, and these need some")
        if (self.verb == "Alert") != (self.prompt is not None):
            raise ValueError("a prompt is for Alert, and that needs one")
        if not grouped and self.verb != "Alert" and not self.uri:
            raise ValueError(f"{self.verb} needs the uri of a node")
        if (self.verb == "Copy") != bool(self.source):
            raise ValueError("source is for Copy, and that needs one")
        if any(member.condition is not None for member in self.members):
            raise ValueError("a member of a group cannot wait for an answer; let the group wait")
        refused = ("Get", "Atomic", "Exec") if self.verb == "Atomic" else ("Sequence",)
        if wrong := [member.verb for member in self.members if member.verb in refused]:
            raise ValueError(f"no {wrong[0]} can be in a group of kind {self.verb}")
        return self
