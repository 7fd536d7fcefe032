"""The admin API's routes for the gateway itself: how it is set up, and which processes serve."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from gateway.admin.models.server import NodeView, SecretView, SettingView, TenantView
from gateway.admin.routes import Call, Route
from gateway.nodes import Nodes
from gateway.outreach.census import Census
from gateway.settings import Origin, Secret


class ServerRoutes:
    """What can be seen of the gateway, and not be changed here. ``origins`` are its settings as it was started.

    ``secrets`` are those of them that are never shown.
    """

    def __init__(self, origins: Sequence[Origin], secrets: Sequence[Secret], nodes: Nodes, census: Census) -> None:
        self._census = census
        self._origins = origins
        self._secrets = secrets
        self._nodes = nodes

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "GET", "/settings", self.list_settings, "Every setting, and where it was said; no secret is shown",
                gives=SettingView, many=True,
            ),
            Route(
                "GET", "/settings/secrets", self.list_secrets,
                "Which secrets the settings have, whether each is set, and how another takes its place",
                gives=SecretView, many=True, needs="settings:read",
            ),
            Route(
                "GET", "/nodes", self.list_nodes, "The processes that serve from this store",
                gives=NodeView, many=True, needs="settings:read",
            ),
            Route(
                "GET", "/tenants", self.list_tenants, "Tenants, with how many subscribers and devices each has",
                gives=TenantView, many=True, needs="settings:read",
            ),
        )  # fmt: skip

    async def list_settings(self, _: Call) -> Sequence[SettingView]:
        """As they were when this process started."""
        return [SettingView(**one._asdict()) for one in self._origins]

    async def list_secrets(self, _: Call) -> Sequence[SecretView]:
        """As they were when this process started; their files as they are now."""
        return [_secret_view(one) for one in self._secrets]

    async def list_nodes(self, _: Call) -> Sequence[NodeView]:
        """By host and worker."""
        return [NodeView(**msgspec.structs.asdict(one)) for one in await self._nodes.list()]

    async def list_tenants(self, _: Call) -> Sequence[TenantView]:
        """As they were last counted."""
        return [TenantView(**one._asdict()) for one in await self._census.tenants()]


def _secret_view(secret: Secret) -> SecretView:
    changed_at, problem = None, ""
    if secret.file is not None:
        try:
            status = secret.file.stat()
        except OSError as error:
            problem = f"cannot be read: {error.strerror}"
        else:
            changed_at = datetime.fromtimestamp(status.st_mtime, UTC)
            problem = "other users may read it" if status.st_mode & 0o077 else ""
    return SecretView(
        key=secret.key, origin=secret.origin, is_set=secret.is_set, file=str(secret.file or ""),
        changed_at=changed_at, problem=problem, rotate=secret.rotate,
    )  # fmt: skip
