"""Packages that devices fetch."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from gateway.admin.models.base import Model


class PackageView(Model):
    """One package that devices can be told to fetch, and the ids of the campaigns that name it."""

    id: str
    kind: Literal["firmware", "software"]
    name: str
    version: str
    file: str
    size_bytes: int
    sha256: str
    added_at: datetime
    campaigns: list[str]
