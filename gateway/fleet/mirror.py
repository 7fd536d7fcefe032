"""The reported tree of one device: what was sent, what was acknowledged and what was read back, kept apart.

The device owns its tree; this is the gateway's unchecked record of it.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from gateway.status import StatusCode


class Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of one node on one device.

    ``value`` is text as it appears in the tree (``bin`` as base64), None for interior and null nodes. ``sent`` was
    handed to the device at ``sent_at``; ``status`` is the device's answer to that; ``read`` is what the device itself
    said it holds. ``removed`` marks a node known to be absent.
    """

    format: str = "chr"
    type: str = ""
    sent: str | None = None
    sent_at: datetime | None = None
    status: int | None = None
    status_at: datetime | None = None
    read: str | None = None
    read_at: datetime | None = None
    source: str = ""
    removed: bool = False

    @property
    def refused(self) -> bool:
        """True when the device answered the last write of this node with an error."""
        return self.status is not None and not StatusCode(self.status).is_success


class Mirror(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All facts about one device, by URI text (``./A/B``). ``complete`` lists subtree roots known in full."""

    device_id: str
    facts: dict[str, Fact] = {}
    complete: tuple[str, ...] = ()
    revision: int = 0
