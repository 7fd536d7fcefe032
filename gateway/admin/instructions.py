"""The admin API's route for what a user types who sets a phone up by hand."""

from __future__ import annotations

from typing import Protocol

from gateway.admin.models.instructions import InstructionEntry, InstructionPart, InstructionsView
from gateway.admin.routes import Call, Route
from gateway.fleet.device import Device
from gateway.fleet.instructions import Instructions
from gateway.fleet.subscriber import Subscriber
from gateway.inventory import Inventory


class InstructionRenderer(Protocol):
    """Renders what a device should hold as instructions; the adapter that can is handed in at start."""

    def instructions(self, subscriber: Subscriber, device: Device, language: str) -> Instructions:
        """The instructions. Raises: ConfigError for a language without words, and when there is nothing to type."""
        ...


class InstructionRoutes:
    """What the help desk reads out."""

    def __init__(self, inventory: Inventory, renderer: InstructionRenderer) -> None:
        self._inventory = inventory
        self._renderer = renderer

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "GET", "/subscribers/{ref}/instructions", self.show_instructions,
                "What to type into a phone that cannot take settings",
                gives=InstructionsView, needs="documents:read",
                query={
                    "device": "device id, where the subscriber has several devices",
                    "language": "that of the words, where there are several",
                },
            ),
        )  # fmt: skip

    async def show_instructions(self, call: Call) -> InstructionsView:
        """The instructions for one device."""
        household, device = await self._inventory.find_device(call.path["ref"], call.query.get("device", ""))
        made = self._renderer.instructions(household.subscriber, device, call.query.get("language", ""))
        return InstructionsView(
            device_id=device.id,
            language=made.language,
            parts=[
                InstructionPart(
                    title=part.title,
                    where=part.where,
                    entries=[InstructionEntry(label=entry.label, value=entry.value) for entry in part.entries],
                )
                for part in made.parts
            ],
            left_out=list(made.left_out),
        )
