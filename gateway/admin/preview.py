"""The admin API's routes that show what a device would be told: now, or after edits that nobody made yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from gateway.admin.models.preview import DmMessage, Edits, Preview
from gateway.admin.routes import Call, Route
from gateway.admin.subscribers import DocumentRenderer
from gateway.errors import NotFound
from gateway.fleet.device import Device
from gateway.fleet.operation import Operation
from gateway.fleet.subscriber import Subscriber
from gateway.inventory import Inventory, ValueEdits
from gateway.service import Service
from gateway.store.protocol import Store


class CommandRenderer(Protocol):
    """Renders operations as the OMA DM message that carries them; the adapter that can is handed in at start."""

    def preview(self, device: Device, operations: Sequence[Operation]) -> tuple[Sequence[str], str]:
        """The commands, a line each, and the message as XML. Empty when there is nothing to send."""
        ...


class PreviewRoutes:
    """What would go out."""

    def __init__(
        self,
        store: Store,
        service: Service,
        inventory: Inventory,
        documents: DocumentRenderer,
        commands: CommandRenderer,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._service = service
        self._inventory = inventory
        self._documents = documents
        self._commands = commands
        self._clock = clock

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "GET", "/subscribers/{ref}/syncml", self.show_syncml,
                "The OMA DM commands as they would be sent in a session now",
                gives=DmMessage, needs="documents:read",
                query={"device": "device id, where the subscriber has several devices"},
            ),
            Route(
                "POST", "/devices/{ref}/preview", self.preview,
                "What a device would get if values were set, as SyncML and as RCC.14 document; nothing is changed",
                takes=Edits, gives=Preview, needs="documents:read",
            ),
        )  # fmt: skip

    async def show_syncml(self, call: Call) -> DmMessage:
        """What one device would be told now."""
        household, device = await self._inventory.find_device(call.path["ref"], call.query.get("device", ""))
        if device.omadm is None:
            raise NotFound(f"device {device.id} has no OMA DM account; `mogate bootstrap` gives it one")
        commands, message = await self._commands_of(household.subscriber, device)
        return DmMessage(device_id=device.id, commands=commands, syncml=message)

    async def preview(self, call: Call) -> Preview:
        """What one device would get after some edits."""
        body: Edits = call.body
        of_subscriber, of_device = (ValueEdits(one.set, one.unset) for one in (body.subscriber, body.device))
        subscriber, device, warnings = await self._inventory.try_values(call.path["ref"], of_subscriber, of_device)
        commands, message = await self._commands_of(subscriber, device)
        return Preview(
            commands=commands,
            syncml=message,
            document=self._documents.preview(subscriber, device, "B").decode(),
            warnings=warnings + [f"{breach.node}: {breach}" for breach in self._service.breaches(subscriber, device)],
        )

    async def _commands_of(self, subscriber: Subscriber, device: Device) -> tuple[list[str], str]:
        mirror = await self._store.load_mirror(device.id)
        queued = await self._store.load_operations(device.id)
        operations = self._service.next_operations(subscriber, device, mirror, queued, self._clock())
        commands, message = self._commands.preview(device, operations)
        return list(commands), message
