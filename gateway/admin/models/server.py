"""The gateway itself: its settings, and the processes that serve."""

from __future__ import annotations

from datetime import datetime

from gateway.admin.models.base import Model


class SettingView(Model):
    """One setting: where it was said ("default", a file with its line, or an environment variable), and its value.

    Of a secret there is only whether it is set.
    """

    key: str
    origin: str
    value: str


class NodeView(Model):
    """One process that serves from this store. ``worker`` is its number on its host, absent where it is alone there."""

    id: str
    host: str
    pid: int
    worker: int | None
    version: str
    commit: str
    python: str
    started_at: datetime
    told_at: datetime
