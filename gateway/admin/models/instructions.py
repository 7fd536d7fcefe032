"""What is typed into a phone by hand."""

from __future__ import annotations

from gateway.admin.models.base import Model


class InstructionEntry(Model):
    """One field of the phone's menu, and what goes into it."""

    label: str
    value: str


class InstructionPart(Model):
    """One place in the phone's menus (``where``), with its fields in their order."""

    title: str
    where: str
    entries: list[InstructionEntry]


class InstructionsView(Model):
    """What a user types who sets this device up by hand.

    ``left_out`` are places of the OMA CP document that no menu has a field for.
    """

    device_id: str
    language: str
    parts: list[InstructionPart]
    left_out: list[str]
