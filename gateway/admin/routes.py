"""The shape of a route of the admin API: everything about it in one place, for serving and for describing."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from gateway.admin.models import Model
from gateway.errors import ConfigError

MAX_LISTED = 1000


class Call(NamedTuple):
    """One request, taken apart and checked: names from the path, the query, and the body as ``Route.takes``.

    The body is octets where ``Route.takes`` is a media type.
    """

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any

    def number(self, name: str, default: int) -> int:
        """A query parameter that is a whole number. Raises: ConfigError when it is none."""
        text = self.query.get(name, "")
        if text and not re.fullmatch("[0-9]{1,18}", text):
            raise ConfigError(f"{text[:40]!r} is not a number", key=name)
        return int(text) if text else default

    def flag(self, name: str) -> bool:
        """A query parameter that is true or false, false when absent. Raises: ConfigError when it is neither."""
        text = self.query.get(name, "false")
        if text not in ("true", "false"):
            raise ConfigError(f"{text[:40]!r} is neither true nor false", key=name)
        return text == "true"

    @property
    def limit(self) -> int:
        """How many the caller wants listed, within bounds."""
        return max(1, min(self.number("limit", 100), MAX_LISTED))


class Route(NamedTuple):
    """One operation of the API.

    ``query`` is name -> meaning of each parameter that is understood; ``many`` says that a list of ``gives`` comes
    back.
    """

    method: str
    path: str
    handler: Callable[[Call], Awaitable[Model | Sequence[Model] | None]]
    summary: str
    takes: type[Model] | str | None = None
    gives: type[Model] | None = None
    many: bool = False
    query: Mapping[str, str] = {}
    status: int = 200
