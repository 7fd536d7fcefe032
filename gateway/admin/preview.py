"""The admin API's route that shows what edits would do, before anybody makes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from gateway.admin.models import Edits, Preview
from gateway.admin.routes import Call, Route
from gateway.admin.subscribers import DocumentRenderer
from gateway.fleet.device import Device
from gateway.fleet.operation import Operation
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
                "POST", "/devices/{ref}/preview", self.preview,
                "What a device would get if values were set, as SyncML and as RCC.14 document; nothing is changed",
                takes=Edits, gives=Preview, needs="documents:read",
            ),
        )  # fmt: skip

    async def preview(self, call: Call) -> Preview:
        """What one device would get after some edits."""
        body: Edits = call.body
        of_subscriber, of_device = (ValueEdits(one.set, one.unset) for one in (body.subscriber, body.device))
        subscriber, device, warnings = await self._inventory.try_values(call.path["ref"], of_subscriber, of_device)
        mirror = await self._store.load_mirror(device.id)
        queued = await self._store.load_operations(device.id)
        operations = self._service.next_operations(subscriber, device, mirror, queued, self._clock())
        commands, message = self._commands.preview(device, operations)
        return Preview(
            commands=list(commands),
            syncml=message,
            document=self._documents.preview(subscriber, device, "B").decode(),
            warnings=warnings + self._service.breaches(subscriber, device),
        )
