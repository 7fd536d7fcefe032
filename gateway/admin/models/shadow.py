"""What comparing with another server found, as the admin API gives it."""

from __future__ import annotations

from datetime import datetime

from gateway.admin.models.base import Model


class DifferenceView(Model):
    """One place in which the answers differ, and how; secrets are not shown."""

    kind: str
    place: str
    theirs: str
    ours: str


class FindingView(Model):
    """What a client was answered, beside what it would have been. ``more`` differences are not listed."""

    id: str
    at: datetime
    protocol: str
    outcome: str
    subscriber: str
    device: str
    why: str
    differences: list[DifferenceView]
    more: int


class Sample(Model):
    """One client of those that differ in a place."""

    subscriber: str
    theirs: str
    ours: str


class PlaceView(Model):
    """How many clients differ in one place in one way."""

    kind: str
    place: str
    clients: int
    samples: list[Sample]


class ShadowSummary(Model):
    """Clients by what was found of them last, and where they differ, the most frequent first."""

    outcomes: dict[str, int]
    places: list[PlaceView]


class Cleared(Model):
    """How many findings were forgotten."""

    count: int
