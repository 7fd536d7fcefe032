"""Changes for many devices."""

from __future__ import annotations

from datetime import datetime
from datetime import time as datetime_time
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from gateway.admin.models.base import Model, Name, Text
from gateway.admin.models.operations import NewOperation, OperationView


class CampaignTarget(Model):
    """Which devices: those listed (ids or IMEIs), first and in this order, and those that ``match`` as profiles do.

    ``match`` is facet -> values: tenant, plan, group, manufacturer, model, tac, role, plmn, ``attributes.NAME``.
    ``ranges`` are of numbers, of which those that match have one: prefixes or ``first-last``, MSISDNs with ``+``, IMSIs
    without. With ``dynamic``, devices that come to match while the campaign runs join its last group.
    """

    devices: Annotated[list[Name], Field(max_length=10_000)] = []
    match: dict[str, list[str]] = {}
    ranges: Annotated[list[str], Field(max_length=1000)] = []
    dynamic: bool = False


class CampaignGroup(Model):
    """So many devices (``size``), or so many in a hundred of all (``percent``).

    It is a success when ``success_percent`` of it are ok, and an error when more than ``error_percent`` failed.
    """

    size: Annotated[int, Field(ge=1)] | None = None
    percent: Annotated[int, Field(ge=1, le=100)] | None = None
    success_percent: Annotated[int, Field(ge=0, le=100)] = 90
    error_percent: Annotated[int, Field(ge=0, le=100)] = 10

    @model_validator(mode="after")
    def _check_size(self) -> CampaignGroup:
        if (self.size is None) == (self.percent is None):
            raise ValueError("a group has a size or a percent, and not both")
        return self


class CampaignWindow(Model):
    """The hours, by the clock on the wall, at which devices are started; over midnight where ``end`` is the earlier."""

    begin: datetime_time
    end: datetime_time
    timezone: str = "UTC"

    @model_validator(mode="after")
    def _check_window(self) -> CampaignWindow:
        if self.begin == self.end:
            raise ValueError("begin and end are the same; leave the window out for the whole day")
        try:
            ZoneInfo(self.timezone)
        except (ValueError, OSError, KeyError):
            raise ValueError(f"there is no timezone {self.timezone[:40]!r}") from None
        return self


class CampaignTerms(Model):
    """How a campaign goes from device to device."""

    after_success: Literal["next", "pause"] = "next"
    on_error: Literal["pause", "stop", "undo"] = "pause"
    rate_per_minute: Annotated[float, Field(gt=0, le=600_000)] = 60.0
    window: CampaignWindow | None = None
    device_deadline_seconds: Annotated[int, Field(ge=1, le=31_536_000)] = 604_800
    retries: Annotated[int, Field(ge=0, le=10)] = 0


class NewCampaign(CampaignTerms):
    """A change for many devices.

    What they get: ``values`` set on each (``MO/path`` -> text), values taken back (``unset``), ``operations``, a
    firmware ``package``, or another ``address`` of this gateway to call over OMA DM. Without ``groups`` there is one
    with all. With ``paused`` it waits to be resumed once it has found its devices.
    """

    name: Annotated[str, Field(min_length=1, max_length=200)]
    target: CampaignTarget
    values: dict[str, Text] = {}
    unset: list[str] = []
    operations: Annotated[list[NewOperation], Field(max_length=20)] = []
    package: str = ""
    address: str = ""
    groups: Annotated[list[CampaignGroup], Field(max_length=100)] = []
    paused: bool = False


class CampaignChange(CampaignTerms):
    """Other terms for those devices of a campaign that were not begun with; what is left out stays as it is."""


class ApprovalView(Model):
    """Who approved a campaign as it stands, or rejected it (not ``granted``), and why."""

    by: str
    at: datetime
    granted: bool
    reason: str


class GroupView(Model):
    """A group of a campaign: its size, and its devices by state."""

    size: int
    open: bool
    pending: int
    started: int
    ok: int
    failed: int
    skipped: int
    undone: int
    success_percent: int
    error_percent: int


class CampaignView(Model):
    """A campaign: building, waiting, running, paused, undoing, finished, stopped, rejected or undone, and ``why``.

    ``authors`` made or changed it; where it ``needs_approval`` it is waiting until somebody else gave the ``approval``.
    ``asks`` has its operations, of which there are so many.
    It is for ``listed`` devices and those that ``match``, later ones too when it is ``dynamic``. ``edition`` is that of
    the profiles that it brings. ``errors`` are the devices that failed, by code; ``meanings`` say what a code means
    where it is a status of OMA DM. ``can_be_undone`` says whether its devices can be given back what they had, and
    ``cannot_undo`` names what stays done all the same. While it looks for devices, ``searched_to`` is the subscriber as
    far as which it has looked; ``searched_at`` is when it last began to.
    """

    id: str
    name: str
    state: str
    why: str
    authors: list[str]
    needs_approval: bool
    approval: ApprovalView | None
    total: int
    created_at: datetime
    ended_at: datetime | None
    next_start_at: datetime | None
    rate_per_minute: float
    after_success: str
    on_error: str
    listed: int
    match: dict[str, list[str]]
    ranges: list[str]
    dynamic: bool
    window: CampaignWindow | None
    device_deadline_seconds: int
    retries: int
    values: dict[str, str]
    unset: list[str]
    package: str
    address: str
    edition: str
    operations: int
    asks: list[OperationView]
    can_be_undone: bool
    cannot_undo: list[str]
    searched_to: str
    searched_at: datetime | None
    groups: list[GroupView]
    errors: dict[str, int]
    meanings: dict[str, str]


class MemberView(Model):
    """A device of a campaign, with its place in the order and its group (from 1); ``code`` says why it failed.

    ``kept`` names what was not taken back when the campaign was undone.
    """

    place: int
    group: int
    device_id: str
    state: str
    code: str
    attempts: int
    started_at: datetime | None
    deadline_at: datetime | None
    previous: dict[str, str | None]
    kept: list[str]


class MembershipView(Model):
    """Where a device stands in a campaign, and since when.

    One that is pending is named or matched by the campaign, which has not begun with it. ``code`` says why it failed,
    ``meaning`` and ``why`` in words where there are any.
    """

    campaign: str
    name: str
    campaign_state: str
    state: str
    at: datetime | None
    code: str
    meaning: str
    why: str
