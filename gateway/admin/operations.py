"""The admin API's routes for an operation that was asked for: taking it back while it waits, and asking once more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from gateway.admin.devices import operation_view
from gateway.admin.models.operations import OperationView
from gateway.admin.routes import Call, Route
from gateway.errors import Conflict, NotFound
from gateway.fleet.device import Device
from gateway.fleet.operation import Operation, anew
from gateway.fleet.queue import cancel
from gateway.inventory import Inventory
from gateway.store.protocol import Append, Event, PutDevice, PutOperation, Store


class OperationRoutes:
    """What can be done with one operation of a device's queue."""

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
            Route(
                "POST", "/devices/{ref}/operations/{operation}/retry", self.retry_operation,
                "Queue an operation that has ended once more, as it was asked for; what came of the first one stays",
                gives=OperationView, status=201,
            ),
        )  # fmt: skip

    async def cancel_operation(self, call: Call) -> OperationView:
        """End one operation that has no outcome yet."""
        reference, operation_id = call.path["ref"], call.path["operation"]
        try:
            return await self._cancel(reference, operation_id)
        except Conflict:  # a session of the device was saved meanwhile
            return await self._cancel(reference, operation_id)

    async def retry_operation(self, call: Call) -> OperationView:
        """Queue one operation again."""
        device, _, operation = await self._find(call.path["ref"], call.path["operation"])
        if operation.status is None:
            raise Conflict(f"operation {operation.id} has no outcome yet: it waits for the device")
        job, of_job, _ = operation.id.partition(".")
        if of_job:
            raise Conflict(f"operation {operation.id} was a step of job {job}: start the job again")
        if operation.condition is not None:
            raise Conflict(f"operation {operation.id} waited for an answer that was another: ask the user again")
        return operation_view(await self._inventory.enqueue(device.id, anew(operation)))

    async def _find(self, reference: str, operation_id: str) -> tuple[Device, Sequence[Operation], Operation]:
        """The device, all its operations, and that one of them. Raises: NotFound."""
        _, device = await self._inventory.find_device(reference)
        queued = await self._store.load_operations(device.id, pending_only=False)
        operation = next((one for one in queued if one.id == operation_id), None)
        if operation is None:
            raise NotFound(f"device {device.id} has no operation {operation_id!r}")
        return device, queued, operation

    async def _cancel(self, reference: str, operation_id: str) -> OperationView:
        device, queued, operation = await self._find(reference, operation_id)
        now = self._clock()
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
