"""Metrics as the admin API shows them."""

from __future__ import annotations

from gateway.admin.models.base import Model


class SeriesView(Model):
    """The value of one series of a metric, by the names of its labels."""

    name: str
    labels: dict[str, str]
    value: float
