"""The admin API's routes for backups: making one on this gateway's host, and which there are."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from gateway.admin.models.server import BackupView
from gateway.admin.routes import Call, Route
from gateway.errors import ConfigError, Unavailable

ENDING = ".tar.gz"


class BackupRoutes:
    """Backups in ``folder``, each made by ``command`` with its file: a process of its own, beside those that serve.

    A backup opens every secret, so it stays on the host and none is handed out here.
    """

    def __init__(self, folder: Path | None, command: Sequence[str], clock: Callable[[], datetime]) -> None:
        self._folder = folder
        self._command = command
        self._clock = clock

    def routes(self) -> tuple[Route, ...]:
        """The route table."""
        return (
            Route(
                "GET", "/backups", self.list_backups, "Backups in the directory of admin.backups, the newest first",
                gives=BackupView, many=True,
            ),
            Route(
                "POST", "/backups", self.make_backup,
                "Make a backup there, as `mogate backup` does; the answer comes when it was read again",
                gives=BackupView, status=201,
            ),
        )  # fmt: skip

    async def list_backups(self, _: Call) -> Sequence[BackupView]:
        """Those that are whole."""
        return [_view(*one) for one in await asyncio.to_thread(self._listed)]

    async def make_backup(self, _: Call) -> BackupView:
        """Make one."""
        folder = self._folder
        if folder is None:
            raise ConfigError("says no directory for backups: set it, or run `mogate backup FILE`", key="admin.backups")
        file = folder / f"mogate-{self._clock():%Y%m%dT%H%M%SZ}{ENDING}"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"cannot be made: {error.strerror}", file=folder, key="admin.backups") from None
        process = await asyncio.create_subprocess_exec(
            *self._command, str(file), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
        said = (await process.communicate())[1]
        if process.returncode:
            raise Unavailable(f"no backup was made: {said.decode('utf-8', 'replace').strip()[-500:]}")
        return _view(file, file.stat())

    def _listed(self) -> list[tuple[Path, os.stat_result]]:
        found = self._folder.glob(f"*{ENDING}") if self._folder is not None else ()
        return sorted(((file, file.stat()) for file in found), key=lambda one: one[1].st_mtime, reverse=True)


def _view(file: Path, status: os.stat_result) -> BackupView:
    return BackupView(
        id=file.name, file=str(file), octets=status.st_size, made_at=datetime.fromtimestamp(status.st_mtime, UTC)
    )
