"""The admin API's route for the event log."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.admin.models.events import EventView
from gateway.admin.routes import MAX_LISTED, Call, Route
from gateway.errors import Forbidden
from gateway.store.protocol import Store


class EventRoutes:
    """What happened, to subscribers and devices."""

    def __init__(self, store: Store) -> None:
        self._store = store

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
        tenant = call.caller.tenant
        if tenant:
            household = await self._store.load_household(
                "id", call.query.get("subscriber", "") or call.query.get("device", "").rpartition(".")[0]
            )
            if household is None or household.subscriber.tenant != tenant:
                raise Forbidden(f"{call.caller.name} sees events of subscribers of {tenant}: name one, or a device")
        events = await self._store.load_events(
            subscriber_id=call.query.get("subscriber", ""),
            device_id=call.query.get("device", ""),
            after_seq=call.number("after", 0),
            limit=call.limit,
            newest=call.flag("newest"),
        )
        return [EventView(**{name: getattr(event, name) for name in EventView.model_fields}) for event in events]

    async def _newest(self) -> str:
        return str(await self._store.last_event())
