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


class SecretView(Model):
    """A setting that is a secret, or the file with one: where it was said and whether it is set, and never what it is.

    ``changed_at`` is when the file was last written, ``problem`` why it cannot be used; ``rotate`` says how another
    takes its place.
    """

    key: str
    origin: str
    is_set: bool
    file: str
    changed_at: datetime | None
    problem: str
    rotate: str


class BackupView(Model):
    """A backup in a file on the gateway's host; it opens every secret."""

    id: str
    file: str
    octets: int
    made_at: datetime


class TenantView(Model):
    """A tenant (MVNO) with what it had when it was last counted; the empty name is the operator's own."""

    name: str
    subscribers: int
    devices: int
    counted_at: datetime


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
