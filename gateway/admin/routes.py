"""The shape of a route of the admin API: everything about it in one place, for serving and for describing."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from gateway.access.roles import RESOURCES
from gateway.admin.caller import SAFE_METHODS, Caller
from gateway.admin.models.base import Model
from gateway.errors import ConfigError

MAX_LISTED = 1000
CSV, JSON_LINES, PLAIN = "text/csv", "application/jsonl", "text/plain"
OCTETS = "application/octet-stream"
"""The media type of a body that is neither JSON nor text."""

PUBLIC = "public"
"""In place of a permission: anybody may, for this is how one becomes known."""
SIGNED_IN = "signed-in"
"""In place of a permission: everybody may who is known."""


class Upload(NamedTuple):
    """A body that may be larger than memory, in a file that is gone with its answer."""

    file: Path
    size_bytes: int
    sha256: str


class Call(NamedTuple):
    """One request, taken apart and checked: names from the path, the query, and the body as ``Route.takes``.

    The body is octets where ``Route.takes`` is a media type, and an ``Upload`` where it ``uploads``. ``reason`` is what
    the caller said it is for.
    """

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    caller: Caller
    reason: str = ""

    def number(self, name: str, default: int) -> int:
        """A query parameter that is a whole number. Raises: ConfigError when it is none."""
        text = self.query.get(name, "")
        if text and not re.fullmatch("[0-9]{1,18}", text):
            raise ConfigError(f"{text[:40]!r} is not a number", key=name)
        return int(text) if text else default

    def flag(self, name: str, *, absent: bool = False) -> bool:
        """A query parameter that is true or false; ``absent`` when it is not there. Raises: ConfigError otherwise."""
        text = self.query.get(name, "true" if absent else "false")
        if text not in ("true", "false"):
            raise ConfigError(f"{text[:40]!r} is neither true nor false", key=name)
        return text == "true"

    def time(self, name: str) -> datetime | None:
        """A query parameter that is a moment, in UTC unless it says otherwise. Raises: ConfigError when it is none."""
        text = self.query.get(name, "")
        try:
            at = datetime.fromisoformat(text) if text else None
        except ValueError:
            raise ConfigError(f"{text[:40]!r} is not a time, such as 2026-01-31T12:00:00Z", key=name) from None
        return at.replace(tzinfo=UTC) if at and not at.tzinfo else at

    @property
    def limit(self) -> int:
        """How many the caller wants listed, within bounds."""
        return max(1, min(self.number("limit", 100), MAX_LISTED))


class Reply(NamedTuple):
    """What a handler gives that has headers to send besides."""

    body: Model | Sequence[Model] | None
    headers: Mapping[str, str]


class Route(NamedTuple):
    """One operation of the API.

    ``query`` is name -> meaning of each parameter that is understood; ``many`` says that a list of ``gives`` comes
    back. ``needs`` is the permission to have, where it is not the one that follows from path and method. With
    ``confined`` the handler sees to it that a caller of one tenant gets at nothing of another's; below a subscriber or
    device that is seen to for it, and any other route refuses callers of one tenant. ``pages_by`` is the
    field that the query's ``after`` goes on from, for a list that comes in pages; ``live`` tells after what a stream of
    its news begins. What is read can be watched where ``watch_seconds`` says how often to look whether it changed.
    A list whose rows ``reads`` makes readable can be had as text, too.
    Octets come to a file first where the route ``uploads``: they may be more than memory holds.
    """

    method: str
    path: str
    handler: Callable[[Call], Awaitable[Model | Sequence[Model] | Reply | None]]
    summary: str
    takes: type[Model] | str | None = None
    gives: type[Model] | None = None
    many: bool = False
    query: Mapping[str, str] = {}
    status: int = 200
    needs: str = ""
    confined: bool = False
    pages_by: str = ""
    live: Callable[[], Awaitable[str]] | None = None
    watch_seconds: float = 0.0
    uploads: bool = False
    reads: Callable[[Mapping[str, Any]], str] | None = None

    @property
    def forms(self) -> tuple[str, ...]:
        """The media types that it can be had in whole, beside JSON."""
        return (*((CSV, JSON_LINES) if self.many else ()), *((PLAIN,) if self.reads else ()))

    @property
    def streams(self) -> bool:
        """Whether it can be read as server-sent events."""
        return self.live is not None or self.watch_seconds > 0

    @property
    def permission(self) -> str:
        """The permission to have: ``needs``, or reading or writing the last resource that the path names."""
        if self.needs:
            return self.needs
        named = [part for part in self.path.split("/") if part in RESOURCES]
        resource = named[-1] if named else self.path.removeprefix("/api/v1").split("/")[1]
        return f"{resource}:{'read' if self.method in SAFE_METHODS else 'write'}"
