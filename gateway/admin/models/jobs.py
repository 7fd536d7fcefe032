"""Jobs for devices."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.admin.models.base import Model, Name


class NewJob(Model):
    """A job for a device. ``subject`` is a package, a component, a capability or a function; ``items`` is
    what to wipe, how the user of a capability is treated ("deny-user", "notify-user"), or what a function is
    given ("Interval=60"), or how a WLAN is joined ("security=WPA2", "hidden=true"). ``secret`` is the key of a WLAN.

    Grave actions are asked for twice: the answer to the first call has the ``confirm`` of the second.
    """

    kind: Literal["firmware", "software", "lock", "capability", "diagnostics", "inventory", "account", "wlan"]
    action: Name
    subject: Name = ""
    items: Annotated[list[Name], Field(max_length=50)] = []
    hours: Annotated[int, Field(ge=1, le=2160)] | None = None
    confirm: Name | None = None
    secret: Annotated[str, Field(max_length=256, repr=False)] = ""


class ComponentView(Model):
    """One software component on a device."""

    node: str
    id: str
    name: str
    version: str
    state: str


class JobView(Model):
    """One job: what runs, how far it is where that is known, and the code that ended it with its meaning.

    ``state`` unconfirmed is no job yet: repeat the call with ``confirm`` before ``confirm_until``. ``read`` and
    ``components`` are what it found on the device.
    """

    id: str = ""
    kind: str
    action: str
    subject: str
    state: Literal["unconfirmed", "running", "done", "failed", "expired", "cancelled"]
    confirm: str | None = None
    confirm_until: datetime | None = None
    step: str = ""
    percent: int | None = None
    code: int | None = None
    meaning: str = ""
    created_at: datetime | None = None
    deadline_at: datetime | None = None
    ended_at: datetime | None = None
    read: dict[str, str] = {}
    components: list[ComponentView] = []
