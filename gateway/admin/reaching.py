"""The admin API's routes for devices that should call."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.admin.models.reaching import NewReach, ReachView
from gateway.admin.routes import MAX_LISTED, Call, Route
from gateway.errors import NotFound
from gateway.fleet.reaching import Reaching
from gateway.inventory import Inventory
from gateway.outreach.reach import Reachings


class ReachRoutes:
    """Making devices call, and what became of it."""

    def __init__(self, inventory: Inventory, reachings: Reachings) -> None:
        self._inventory = inventory
        self._reachings = reachings

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "POST", "/devices/{ref}/reach", self.start_reach, "See to it that a device calls",
                takes=NewReach, gives=ReachView, status=202,
            ),
            Route("GET", "/devices/{ref}/reach", self.show_reach, "How far that came", gives=ReachView),
            Route("DELETE", "/devices/{ref}/reach", self.cancel_reach, "Let a device be", gives=ReachView),
            Route(
                "GET", "/reach", self.list_reaches, "Devices that should call, by id", gives=ReachView, many=True,
                pages_by="device_id",
                query={"after": "after this device id", "limit": f"how many, at most {MAX_LISTED}"},
            ),
        )  # fmt: skip

    async def start_reach(self, call: Call) -> ReachView:
        """See to it that a device calls."""
        body: NewReach = call.body
        _, device = await self._inventory.find_device(call.path["ref"])
        reaching = await self._reachings.order(
            device.id,
            body.reason,
            within_seconds=body.within_seconds,
            deadline_seconds=body.deadline_seconds,
            protocol=body.protocol,
        )
        return reach_view(reaching)

    async def show_reach(self, call: Call) -> ReachView:
        """One device that should call."""
        _, device = await self._inventory.find_device(call.path["ref"])
        reaching = await self._reachings.load(device.id)
        if reaching is None:
            raise NotFound(f"nothing makes device {device.id} call (any more); its events tell what became of it")
        return reach_view(reaching)

    async def cancel_reach(self, call: Call) -> ReachView:
        """No further push goes out."""
        _, device = await self._inventory.find_device(call.path["ref"])
        return reach_view(await self._reachings.cancel(device.id))

    async def list_reaches(self, call: Call) -> Sequence[ReachView]:
        """A page of them."""
        found = await self._reachings.listed(after=call.query.get("after", ""), limit=call.limit)
        return [reach_view(one) for one in found]


def reach_view(reaching: Reaching) -> ReachView:
    """A device that should call, for the API."""
    return ReachView(**{name: getattr(reaching, name) for name in ReachView.model_fields})
