"""The command line's way to the admin API of a running gateway."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import aiohttp

from gateway.admin.auth import load_token
from gateway.errors import ConfigError, MogateError, Unavailable
from gateway.settings import Settings

TIMEOUT_SECONDS = 30


class Refused(MogateError):
    """The API refused the request, with its reason."""


async def call(
    settings: Settings, method: str, path: str, *, body: object = None, query: Mapping[str, str] | None = None
) -> Any:
    """What the admin API answered, as plain values; None for an empty answer. ``path`` is below ``/api/v1``.

    Raises: Refused with the gateway's reason, Unavailable when no gateway answers.
    """
    listener = settings.listener_for("admin")
    if listener is None:
        raise ConfigError("no listener serves admin; add one to the settings", key="listeners")
    address = listener.url
    headers = {"Authorization": f"Bearer {load_token(settings.data)}"}
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
            session.request(method, f"{address}/api/v1{path}", json=body, params=query) as response,
        ):
            octets, status = await response.read(), response.status
    except (aiohttp.ClientError, TimeoutError) as error:
        reason = str(error) or type(error).__name__
        raise Unavailable(f"no gateway answers at {address} ({reason}); start one with `mogate serve`") from None
    try:
        answer: Any = json.loads(octets) if octets else None
        if status >= 400:
            raise Refused(answer["error"])
    except (ValueError, TypeError, KeyError):
        raise Unavailable(f"what answers at {address} is not the admin API of a gateway (HTTP {status})") from None
    return answer


def segment(name: str) -> str:
    """The name as one segment of a path."""
    return quote(name, safe="")
