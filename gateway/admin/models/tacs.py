"""The operator's table of phone models."""

from __future__ import annotations

from gateway.admin.models.base import Model


class TacView(Model):
    """What the operator's table says of phones of one TAC: ``protocols`` are those they are said to speak."""

    tac: str
    manufacturer: str
    model: str
    protocols: list[str]
    capabilities: list[str]
