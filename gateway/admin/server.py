"""The admin API's routes for the gateway itself: how it is set up, and which processes serve."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gateway.admin.models.server import NodeView, SettingView
from gateway.admin.routes import Call, Route
from gateway.nodes import Nodes
from gateway.settings import Origin


class ServerRoutes:
    """What can be seen of the gateway, and not be changed here. ``origins`` are its settings as it was started."""

    def __init__(self, origins: Sequence[Origin], nodes: Nodes) -> None:
        self._origins = origins
        self._nodes = nodes

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "GET", "/settings", self.list_settings, "Every setting, and where it was said; no secret is shown",
                gives=SettingView, many=True,
            ),
            Route(
                "GET", "/nodes", self.list_nodes, "The processes that serve from this store",
                gives=NodeView, many=True, needs="settings:read",
            ),
        )  # fmt: skip

    async def list_settings(self, _: Call) -> Sequence[SettingView]:
        """As they were when this process started."""
        return [SettingView(**one._asdict()) for one in self._origins]

    async def list_nodes(self, _: Call) -> Sequence[NodeView]:
        """By host and worker."""
        return [NodeView(**msgspec.structs.asdict(one)) for one in await self._nodes.list()]
