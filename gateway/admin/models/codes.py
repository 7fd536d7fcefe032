"""Codes that prove to a client's server whose number it is."""

from __future__ import annotations

from datetime import datetime

from gateway.admin.models.base import Model


class CodeSent(Model):
    """That a new code is on its way to the subscriber's number, and until when its client may bring it back."""

    subscriber_id: str
    good_until: datetime
