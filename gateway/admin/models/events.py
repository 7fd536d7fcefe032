"""What happened."""

from __future__ import annotations

from datetime import datetime

from gateway.admin.models.base import Model


class EventView(Model):
    """Something that happened."""

    seq: int
    at: datetime
    kind: str
    subscriber_id: str
    device_id: str
    detail: dict[str, str]
