"""What a device would get, before it gets it."""

from __future__ import annotations

from gateway.admin.models.base import Model
from gateway.admin.models.subscribers import Values


class Edits(Model):
    """Values that somebody thinks of setting: of a whole subscriber, and of one device of theirs."""

    subscriber: Values = Values()
    device: Values = Values()


class Preview(Model):
    """What a device would get: the commands of its next OMA DM session a line each and as one message, and the RCC.14
    document. Nothing of it was sent.
    """

    commands: list[str]
    syncml: str
    document: str
    warnings: list[str]


class DmMessage(Model):
    """The commands that a device's next OMA DM session would begin with: a line each, and as one message.

    Both are empty when the device is up to date and nothing waits for it.
    """

    device_id: str
    commands: list[str]
    syncml: str
