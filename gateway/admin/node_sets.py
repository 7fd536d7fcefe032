"""The admin API's routes for sets of nodes: kept by name, and read from a device at once."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.admin.devices import operation_view
from gateway.admin.models.node_sets import NodeSetContent, NodeSetView
from gateway.admin.models.operations import OperationView
from gateway.admin.routes import Call, Route
from gateway.errors import ConfigError
from gateway.fleet.operation import Operation
from gateway.inventory import Inventory
from gateway.node_sets import NodeSet, NodeSets

_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9 ._-]{0,59}")


class NodeSetRoutes:
    """What engineers read often."""

    def __init__(self, sets: NodeSets, inventory: Inventory) -> None:
        self._sets = sets
        self._inventory = inventory

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "GET", "/node-sets", self.list_sets, "Sets of nodes, by name", gives=NodeSetView, many=True,
                needs="operations:read", confined=True,
            ),
            Route(
                "GET", "/node-sets/{name}", self.show_set, "One set of nodes", gives=NodeSetView,
                needs="operations:read", confined=True,
            ),
            Route(
                "PUT", "/node-sets/{name}", self.save_set, "Keep a set of nodes, in place of one of that name",
                takes=NodeSetContent, gives=NodeSetView, needs="operations:write",
            ),
            Route(
                "DELETE", "/node-sets/{name}", self.delete_set, "Forget a set of nodes", status=204,
                needs="operations:write",
            ),
            Route(
                "POST", "/devices/{ref}/node-sets/{name}", self.read_set,
                "Queue a Get of each node of a set for the next session", gives=OperationView, many=True,
                status=201, needs="operations:write",
            ),
        )  # fmt: skip

    async def list_sets(self, _: Call) -> Sequence[NodeSetView]:
        """All of them."""
        return [_view(one) for one in await self._sets.list()]

    async def show_set(self, call: Call) -> NodeSetView:
        """One of them."""
        return _view(await self._sets.find(call.path["name"]))

    async def save_set(self, call: Call) -> NodeSetView:
        """Keep one."""
        name, body = call.path["name"], call.body
        if not _NAME.fullmatch(name):
            raise ConfigError("a name has letters, digits, spaces and . _ -, at most 60", key="name")
        made = NodeSet(name, tuple(dict.fromkeys(body.uris)))
        await self._sets.put(made)
        return _view(made)

    async def delete_set(self, call: Call) -> None:
        """Forget one."""
        await self._sets.delete(call.path["name"])

    async def read_set(self, call: Call) -> Sequence[OperationView]:
        """Ask the device for all of its nodes."""
        found = await self._sets.find(call.path["name"])
        gets = [Operation(id="", verb="Get", uri=uri) for uri in found.uris]
        return [operation_view(await self._inventory.enqueue(call.path["ref"], one)) for one in gets]


def _view(found: NodeSet) -> NodeSetView:
    return NodeSetView(name=found.name, uris=list(found.uris))
