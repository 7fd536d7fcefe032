"""The admin API's route for taking a queued operation back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from gateway.admin.devices import operation_view
from gateway.admin.models.operations import OperationView
from gateway.admin.routes import Call, Route
from gateway.errors import Conflict, NotFound
from gateway.fleet.queue import cancel
from gateway.inventory import Inventory
from gateway.store.protocol import Append, Event, PutDevice, PutOperation, Store


class OperationRoutes:
    """What can be done with an operation that waits."""

    def __init__(self, store: Store, inventory: Inventory, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._inventory = inventory
        self._clock = clock

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "DELETE", "/devices/{ref}/operations/{operation}", self.cancel_operation,
                "Take a queued operation back; what was sent of it the device may still carry out", gives=OperationView,
            ),
        )  # fmt: skip

    async def cancel_operation(self, call: Call) -> OperationView:
        """End one operation that has no outcome yet."""
        reference, operation_id = call.path["ref"], call.path["operation"]
        try:
            return await self._cancel(reference, operation_id)
        except Conflict:  # a session of the device was saved meanwhile
            return await self._cancel(reference, operation_id)

    async def _cancel(self, reference: str, operation_id: str) -> OperationView:
        _, device = await self._inventory.find_device(reference)
        now = self._clock()
        queued = await self._store.load_operations(device.id, pending_only=False)
        operation = next((one for one in queued if one.id == operation_id), None)
        if operation is None:
            raise NotFound(f"device {device.id} has no operation {operation_id!r}")
        if operation.status is not None:
            return operation_view(operation)
        if job := next((job for job in device.jobs if job.running and operation_id in job.waiting), None):
            raise Conflict(f"operation {operation_id} is a step of job {job.id}: cancel the job")
        changed = cancel([one for one in queued if one.status is None], operation_id, now).changed
        # The device is saved with it, so that a session that read the queue before has to read it again.
        event = Event(
            at=now,
            kind="operation.cancelled",
            subscriber_id=device.subscriber_id,
            device_id=device.id,
            detail={"verb": operation.verb, "uri": operation.uri} if operation.uri else {"verb": operation.verb},
        )
        await self._store.commit(PutDevice(device), *(PutOperation(device.id, one) for one in changed), Append(event))
        return operation_view(changed[0])
