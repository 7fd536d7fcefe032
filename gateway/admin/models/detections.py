"""Sightings of SIMs in phones, and the rules for them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from gateway.admin.models.base import Model


class NewSighting(Model):
    """A SIM that was seen in a phone. ``imei`` is an IMEI or IMEISV, ``apns`` are absent when nothing is known of them.

    ``former_imsi`` is the SIM that this one takes the place of, ``seen_at`` when that was, where it is not now.
    """

    imsi: str = ""
    imei: str = ""
    msisdn: str = ""
    apns: list[str] | None = None
    former_imsi: str = ""
    removed: bool = False
    seen_at: datetime | None = None


class SightingView(Model):
    """What became of a sighting. ``row`` counts from 1; ``why`` says why it ``failed``."""

    row: int
    outcome: Literal["detected", "known", "stale", "unknown", "failed"]
    subscriber_id: str
    device_id: str
    causes: list[str]
    why: str


class RuleView(Model):
    """A rule of detection: the causes and sources it is for (none: every source), whom it is for, and what follows.

    ``way`` is the kind of push to make the device call with; empty: whichever leads to it.
    """

    name: str
    causes: list[str]
    sources: list[str]
    match: dict[str, list[str]]
    join: list[str]
    leave: list[str]
    plan: str | None
    attributes: dict[str, str]
    reach: bool
    way: str
    within_seconds: float
    webhook: bool


class NewReplay(Model):
    """Which detections of the log to look at; ``rules`` is the TOML of a file of rules, without it those in force."""

    since: AwareDatetime
    until: AwareDatetime
    rules: Annotated[str, Field(max_length=1 << 19)] | None = None


class ReplayView(Model):
    """What would follow from a detection of the log: the rules that are for it, and what each says."""

    seq: int
    at: datetime
    subscriber_id: str
    device_id: str
    cause: str
    rules: list[str]
    join: list[str]
    leave: list[str]
    plan: str | None
    attributes: dict[str, str]
    reach: bool
    way: str
    within_seconds: float
    webhook: bool
