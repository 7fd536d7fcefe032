"""The admin API's route for reading the operator's files anew."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from gateway.admin.models.reload import ReloadView
from gateway.admin.routes import Call, Route


class ReloadRoutes:
    """Profiles, mappings, DDFs, ranges and certificates as they are on disk."""

    def __init__(self, reload: Callable[[], Awaitable[tuple[str, bool, tuple[str, ...]]]]) -> None:
        """``reload`` gives what identifies the files then served, whether they changed, and what is doubtful."""
        self._reload = reload

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "POST", "/reload", self.reload,
                "Take up profiles, mappings, DDFs, ranges and certificates as they are on disk; all of them, or none",
                gives=ReloadView, needs="files:write",
            ),
        )  # fmt: skip

    async def reload(self, _: Call) -> ReloadView:
        """Take them up, and tell what is served now."""
        digest, changed, warnings = await self._reload()
        return ReloadView(digest=digest, changed=changed, warnings=list(warnings))
