"""Receivers of events, and what was sent to them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from gateway.admin.models.base import Model, ShownOnce


class NewWebhook(Model):
    """A receiver of events, and the kinds it wants: each one by name, or a pattern such as ``campaign.*`` or ``*``."""

    url: Annotated[str, Field(min_length=1, max_length=2000)]
    events: Annotated[list[str], Field(min_length=1, max_length=50)]


class WebhookView(Model):
    """A webhook. ``secret`` is there when it was just made, and never again.

    ``disabled`` says why nothing is sent to it any more. ``cursor`` is the seq of the last event looked at for it.
    """

    id: str
    url: str
    events: list[str]
    created_at: datetime
    cursor: int
    disabled: str
    secret: ShownOnce = ""


class DeliveryView(Model):
    """A message to a webhook: waiting, delivered or failed; ``status`` and ``why`` are of the last attempt."""

    id: str
    kind: str
    state: str
    attempts: int
    status: int | None
    why: str
    created_at: datetime
    tried_at: datetime | None
    delivered_at: datetime | None
    failed_at: datetime | None
    body: str


class Replayed(Model):
    """How many messages are sent once more."""

    count: int
