"""Subscribers: who they are, what they are entitled to, and the values set for them alone."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Literal

import msgspec

from gateway.fleet.push import Push

Overrides = dict[str, dict[str, str]]
"""Values set on one subscriber or device: MO identifier -> path below the MO root -> text of the value."""


class ServiceState(enum.IntEnum):
    """What the network wants for this subscriber; the values are the RCC.14 ``VERS/version`` codes.

    Spec: RCC.14 VERS semantics
    """

    ACTIVE = 1
    DISABLED = 0
    DISABLED_PERMANENTLY = -1
    DISABLED_UNTIL_USER = -2
    DORMANT = -3


class Sim(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the gateway as authentication centre knows of one SIM: K and OPc, sealed together, and its last SQN.

    Spec: 3GPP TS 33.102 6.3
    """

    keys: bytes
    sqn: int = 0


class Seen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What detection knows of one SIM: the phone it is in, and its APNs, each with when that was last seen.

    ``apns`` are in their order by name, None as long as nobody told of them. ``since`` is when this SIM took the place
    of another. ``removed_at`` is set while the subscription is gone.
    """

    imei: str = ""
    imei_at: datetime | None = None
    apns: tuple[str, ...] | None = None
    apns_at: datetime | None = None
    since: datetime | None = None
    removed_at: datetime | None = None


class Registration(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the IMS core last said of one service: that it is registered, is so no more, or that it failed, and why.

    ``at`` is since when that is so. ``serial`` names the phone it is about, empty where the core does not say.
    """

    service: str
    state: Literal["registered", "deregistered", "failed"]
    at: datetime
    serial: str = ""
    why: str = ""


class Subscriber(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One subscription. ``id`` is opaque and stable; IMSIs and MSISDN are strings and may change.

    ``application_states`` are those of single applications, by key of the MO, while ``state`` is active. ``sims`` are
    the SIMs, by IMSI, that the gateway itself can authenticate. ``pushes`` are the newest to their phones. ``seen`` is
    what detection knows, by IMSI, ``registrations`` what the IMS core said of services. ``content_revision`` grows with
    every change that could alter a configuration. ``sealed`` is the store's own; ``revision`` is its compare-and-set
    counter (0 until first saved).
    """

    id: str
    imsis: tuple[str, ...] = ()
    msisdn: str = ""
    tenant: str = ""
    plan: str = ""
    groups: tuple[str, ...] = ()
    attributes: dict[str, str] = {}
    overrides: Overrides = {}
    state: ServiceState = ServiceState.ACTIVE
    sims: dict[str, Sim] = {}
    application_states: dict[str, ServiceState] = {}
    pushes: tuple[Push, ...] = ()
    seen: dict[str, Seen] = {}
    registrations: tuple[Registration, ...] = ()
    content_revision: int = 1
    sealed: bytes = b""
    revision: int = 0

    @property
    def imsi(self) -> str:
        """The first IMSI, or the empty string for a subscriber without a SIM."""
        return self.imsis[0] if self.imsis else ""
