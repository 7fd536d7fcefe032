"""The shape of a route of the admin API: everything about it in one place, for serving and for describing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from gateway.admin.models import Model


class Call(NamedTuple):
    """One request, taken apart and checked: names from the path, the query, and the body as ``Route.takes``."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any


class Route(NamedTuple):
    """One operation of the API.

    ``query`` is name -> meaning of each parameter that is understood; ``many`` says that a list of ``gives`` comes
    back.
    """

    method: str
    path: str
    handler: Callable[[Call], Awaitable[Model | Sequence[Model] | None]]
    summary: str
    takes: type[Model] | None = None
    gives: type[Model] | None = None
    many: bool = False
    query: Mapping[str, str] = {}
    status: int = 200
