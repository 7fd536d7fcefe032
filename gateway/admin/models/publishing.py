"""Editions of the profiles, and whose content they change."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.admin.models.base import Model
from gateway.admin.models.campaigns import CampaignGroup


class NewPublication(Model):
    """How the devices that profiles change are made to call: spread over ``within_seconds``, in these ``groups``.

    With ``by_groups`` who is not of an open group keeps the content of the edition before, and the campaign can be
    undone; ``after_success`` and ``on_error`` are for that, as they are for any campaign. Each device has
    ``device_deadline_seconds``, and is given as many again, and made to call again, up to ``retries`` times.
    """

    within_seconds: Annotated[int, Field(ge=0, le=31_536_000)] = 3600
    groups: Annotated[list[CampaignGroup], Field(max_length=100)] = []
    by_groups: bool = False
    after_success: Literal["next", "pause"] = "next"
    on_error: Literal["pause", "stop", "undo"] = "pause"
    device_deadline_seconds: Annotated[int, Field(ge=1, le=31_536_000)] = 604_800
    retries: Annotated[int, Field(ge=0, le=10)] = 0


class PublicationView(Model):
    """Whose content profiles change: how many devices, a sample, and the ``campaign`` that makes them call.

    ``digest`` identifies the files. ``campaign`` is empty when it was only to be shown, or nobody's content changes.
    """

    digest: str
    count: int
    sample: list[str]
    campaign: str


FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\.toml$")]


class ProfileFiles(Model):
    """All files of an edition of the profiles, by name."""

    profiles: Annotated[dict[FileName, str], Field(min_length=1, max_length=500, repr=False)]


class ProposedFiles(ProfileFiles):
    """All files as they are to be. ``base`` is the edition that they were made from: if the files are another by now,
    they are refused, for they would take back what somebody else did. Empty: whatever the files are.
    """

    base: Annotated[str, Field(max_length=64)] = ""


class NewEdition(ProposedFiles):
    """An edition of the profiles to be served, as ``plan`` said; whoever deletes profiles has to allow it.

    The devices that it changes are made to call over ``within_seconds``, in these ``groups``; not at all without
    ``call``. Each has ``device_deadline_seconds``, and is made to call again up to ``retries`` times.
    """

    plan: str
    allow_deletions: bool = False
    call: bool = True
    within_seconds: Annotated[int, Field(ge=0, le=31_536_000)] = 3600
    groups: Annotated[list[CampaignGroup], Field(max_length=100)] = []
    device_deadline_seconds: Annotated[int, Field(ge=1, le=31_536_000)] = 604_800
    retries: Annotated[int, Field(ge=0, le=10)] = 0


class StatementChange(Model):
    """One thing that a profile says otherwise, null where it does not say it; ``key`` is a node, ``unset`` and a node,
    ``match.`` and a facet, or ``layer``. ``line`` is in the new file, or the old one for what is gone; 0: not known.
    """

    key: str
    line: int
    was: str | None
    now: str | None


class ProfileChangeView(Model):
    """What becomes of one profile. One that is restated says the same in other words or in another file."""

    profile: str
    layer: str
    file: str
    change: Literal["added", "changed", "deleted", "restated"]
    statements: list[StatementChange]


class PlanView(Model):
    """What an edition of the profiles changes: which profiles, and how many devices' content, with a sample.

    ``plan`` is what applying it takes; ``digest`` identifies all files as they would be served. ``campaign`` is what
    makes devices call, once it was applied.
    """

    plan: str
    digest: str
    changes: list[ProfileChangeView]
    count: int
    sample: list[str]
    warnings: list[str]
    campaign: str = ""


class EditionView(Model):
    """An edition of the profiles that was replaced."""

    edition: str
    replaced_at: datetime
    files: int


class EditionFiles(ProfileFiles):
    """The files of an edition that is kept, or of that which is there now."""

    edition: str
