"""The admin API's route for the event log."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from gateway.admin.caller import Caller
from gateway.admin.models.events import EventView
from gateway.admin.routes import MAX_LISTED, Call, Route
from gateway.errors import Forbidden, NotFound
from gateway.inventory import Inventory
from gateway.store.protocol import Store


class EventRoutes:
    """What happened, to subscribers and devices."""

    def __init__(self, store: Store, inventory: Inventory) -> None:
        self._store = store
        self._inventory = inventory

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "GET", "/events", self.list_events, "What happened, oldest first", gives=EventView, many=True,
                confined=True, pages_by="seq", live=self._newest,
                query={
                    "subscriber": "of this subscriber id",
                    "device": "of this device id",
                    "after": "after this seq",
                    "limit": f"how many, at most {MAX_LISTED}",
                    "newest": "true: the last ones instead of the first, still oldest first",
                },
            ),
        )  # fmt: skip

    async def list_events(self, call: Call) -> Sequence[EventView]:
        """Events, a page at a time."""
        subscriber_id, device_id = call.query.get("subscriber", ""), call.query.get("device", "")
        if call.caller.tenant:
            subscriber_id, device_id = await self._own(subscriber_id, device_id, call.caller)
        events = await self._store.load_events(
            subscriber_id=subscriber_id,
            device_id=device_id,
            after_seq=call.number("after", 0),
            limit=call.limit,
            newest=call.flag("newest"),
        )
        return [EventView(**{name: getattr(event, name) for name in EventView.model_fields}) for event in events]

    async def _own(self, subscriber: str, device: str, caller: Caller) -> tuple[str, str]:
        """The ids of a subscriber of the caller's tenant and, where one is named, of that one's device, gone or not.

        Raises: Forbidden.
        """
        owner, _, number = device.rpartition(".")
        ids = set()
        with suppress(NotFound):
            for one in filter(None, (subscriber, owner)):
                ids.add((await self._inventory.find(one, caller.tenant)).subscriber.id)
            if len(ids) == 1:
                (found,) = ids
                return found, f"{found}.{number}" if device else ""
        raise Forbidden(f"{caller.name} sees events of subscribers of {caller.tenant}: name one, or a device")

    async def _newest(self) -> str:
        return str(await self._store.last_event())
