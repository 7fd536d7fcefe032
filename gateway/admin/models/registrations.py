"""Models of the admin API for what the IMS core says, and what that makes of services."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from gateway.admin.models.base import Model
from gateway.fleet.registration import IMS


class NewRegistration(Model):
    """What the IMS core says of a service; an IMSI or a number may stand in ``impi`` and ``impu``.

    ``service`` is the key of its MO, ``imei`` the phone that is registered, where the core says so, ``at`` since when
    it is so, if that is not now, and ``why`` what the core says of a failure or of the end.
    """

    state: Literal["registered", "deregistered", "failed"]
    impu: str = ""
    impi: str = ""
    msisdn: str = ""
    imsi: str = ""
    imei: str = ""
    service: str = IMS
    why: str = ""
    at: datetime | None = None


class RegistrationReport(Model):
    """What became of a word of the IMS core. ``row`` counts from 1; ``why`` says why it ``failed``."""

    row: int
    outcome: Literal["changed", "known", "stale", "unknown", "failed"]
    subscriber_id: str
    device_id: str
    why: str


class ServiceStatusView(Model):
    """How far a service has come on a device (empty: on none in particular), since when, and why.

    Where it failed, ``by_hand`` is the command that shows the settings for the user to type in.
    """

    device_id: str
    service: str
    step: Literal["not requested", "requested", "reached", "configured", "registered", "failed", "off"]
    at: datetime | None
    why: str
    by_hand: str
