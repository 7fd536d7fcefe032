"""Reading the operator's files anew while the gateway serves: all of it is taken up, by every worker, or nothing is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NamedTuple

from gateway.errors import ConfigError, Unavailable
from gateway.files import Configuration, load_configuration
from gateway.observe import metrics
from gateway.observe.logs import logger
from gateway.observe.siblings import Siblings
from gateway.serving.tls import Certificates
from gateway.settings import Settings
from gateway.store.protocol import Append, Event, Store

CHECK = "reload-check"
TAKE = "reload-take"
GOOD = "good "
CHECK_SECONDS = 60.0


class Reloaded(NamedTuple):
    """What is served now, whether that is something else than before, and what is doubtful about it."""

    digest: str
    changed: bool
    warnings: tuple[str, ...]


class Reload:
    """Profiles, mappings, DDFs, ranges and certificates of one process; ``adopt`` puts the new in place of the old."""

    def __init__(
        self,
        settings: Settings,
        configuration: Configuration,
        certificates: Certificates,
        adopt: Callable[[Configuration], None],
        store: Store,
        clock: Callable[[], datetime],
        siblings: Siblings | None,
        permit: Callable[[Configuration], Awaitable[None]],
    ) -> None:
        """``permit`` raises ConfigError for files that have no place just now."""
        self._permit = permit
        self._settings = settings
        self._digest = configuration.digest
        self._frame = configuration.frame
        self._certificates = certificates
        self._adopt = adopt
        self._store = store
        self._clock = clock
        self._siblings = siblings
        self._warnings = configuration.profiles.warnings
        self._candidate: Configuration | None = None
        self._turn = asyncio.Lock()
        metrics.config_hash.set(int(configuration.digest, 16))
        metrics.config_last_reload_success.set(1)
        metrics.config_last_reload_at.set(clock().timestamp())
        if siblings is not None:
            siblings.answers[CHECK] = self._answer_check
            siblings.answers[TAKE] = self._answer_take

    @property
    def digest(self) -> str:
        """What identifies the files that are served."""
        return self._digest

    @property
    def frame(self) -> str:
        """What identifies those of them that are no profiles."""
        return self._frame

    async def reload(self) -> Reloaded:
        """Take up the files as they are now, here and in all siblings.

        Raises: ConfigError naming file, line and key; Unavailable when a sibling does not answer. Then all of the old
        is served on.
        """
        async with self._turn:
            before = self._digest
            try:
                digest = await self._check()
                await self._check_siblings(digest)
                self._take()
            except (ConfigError, Unavailable) as error:
                metrics.count(metrics.config_reloads, "refused")
                metrics.config_last_reload_success.set(0)
                logger().warning("reload_refused", why=str(error))
                await self._tell("config.refused", why=str(error)[:1000])
                raise
            if self._siblings is not None:
                await self._siblings.ask_all(TAKE)
            metrics.count(metrics.config_reloads, "taken")
            logger().info("reloaded", digest=digest, changed=digest != before)
            await self._tell("config.reloaded", digest=digest)
            return Reloaded(digest, digest != before, tuple(map(str, self._warnings)))

    async def on_signal(self) -> None:
        """The same for somebody who gets no answer; what is wrong is in the log."""
        try:
            await self.reload()
        except (ConfigError, Unavailable):
            pass  # told
        except Exception:
            logger().exception("reload_failed")

    async def _check(self) -> str:
        """Read all files and keep what they say; gives its digest. Raises: ConfigError."""
        self._certificates.check()
        candidate = await asyncio.to_thread(load_configuration, self._settings)
        await self._permit(candidate)
        self._candidate = candidate
        return candidate.digest

    async def _check_siblings(self, digest: str) -> None:
        if self._siblings is None:
            return
        for number, answer in (await self._siblings.ask_all(CHECK, CHECK_SECONDS)).items():
            said = answer.decode()
            if not said:
                raise Unavailable(f"worker {number} does not answer; try again")
            if not said.startswith(GOOD):
                raise ConfigError(f"worker {number}: {said}")
            if said != GOOD + digest:
                raise ConfigError("the files changed while they were read; try again")

    def _take(self) -> None:
        """Serve with what was checked. Raises: ConfigError when a certificate was changed meanwhile."""
        if self._candidate is None:
            return
        self._certificates.renew()
        self._adopt(self._candidate)
        self._digest, self._frame = self._candidate.digest, self._candidate.frame
        self._warnings, self._candidate = self._candidate.profiles.warnings, None
        metrics.config_hash.set(int(self._digest, 16))
        metrics.config_last_reload_success.set(1)
        metrics.config_last_reload_at.set(self._clock().timestamp())

    async def _answer_check(self) -> bytes:
        try:
            return (GOOD + await self._check()).encode()
        except (ConfigError, Unavailable) as error:
            return str(error).encode()

    async def _answer_take(self) -> bytes:
        try:
            self._take()
        except ConfigError as error:
            logger().error("reload_refused", why=str(error))
            metrics.config_last_reload_success.set(0)
        return b"done"

    async def _tell(self, kind: str, **detail: str) -> None:
        try:
            await self._store.commit(Append(Event(at=self._clock(), kind=kind, detail=detail)))
        except Unavailable as error:
            logger().warning("event_lost", kind=kind, why=str(error))
