"""Answers to confirmation requests."""

from __future__ import annotations

from typing import Literal

from gateway.admin.models.base import Model


class ConfirmationAnswer(Model):
    """What the user did with a confirmation request."""

    value: Literal["accept", "decline"]


class ConfirmationAck(Model):
    """That the answer was taken."""

    id: str
    status: str
