"""Changes that somebody asked for."""

from __future__ import annotations

from datetime import datetime

from pydantic import JsonValue

from gateway.admin.models.base import Model


class AuditView(Model):
    """A change that somebody asked for: who, from where, what the request said, and what was so before and after.

    Secrets are starred. ``status`` is how it was answered; ``reason`` is what the request gave as ``X-Reason``.
    """

    id: str
    at: datetime
    who: str
    role: str
    tenant: str
    address: str
    action: str
    path: str
    subject: str
    status: int
    reason: str
    asked: JsonValue
    before: dict[str, JsonValue]
    after: dict[str, JsonValue]
