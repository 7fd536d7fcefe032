"""Packages that devices fetch."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from gateway.admin.models.base import Model


class PackageJob(Model):
    """A job that runs and gives a device the package."""

    device: str
    id: str
    kind: str
    action: str


class PackageView(Model):
    """One package that devices can be told to fetch, and what needs it.

    ``campaigns`` are the ids of those that name it, ended ones too, ``jobs`` the first that run; of ``more_jobs`` the
    devices are found by ``package=ID``. ``models`` are those whose devices are given it when they ask for an update.
    """

    id: str
    kind: Literal["firmware", "software"]
    name: str
    version: str
    file: str
    size_bytes: int
    sha256: str
    added_at: datetime
    campaigns: list[str]
    jobs: list[PackageJob]
    more_jobs: bool
    models: list[str]
