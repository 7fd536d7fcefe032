"""The command line's way to the admin API of a running gateway."""

from __future__ import annotations

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
    address = listener.address
    headers = {"Authorization": f"Bearer {load_token(settings.data)}"}
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
            session.request(method, f"http://{address}/api/v1{path}", json=body, params=query) as response,
        ):
            text = await response.text()
            answer = await response.json() if text else None
            if response.status >= 400:
                raise Refused(str(answer.get("error", text)) if isinstance(answer, dict) else text)
            return answer
    except (aiohttp.ClientConnectionError, TimeoutError) as error:
        raise Unavailable(f"no gateway answers at {address} ({error}); start one with `mogate serve`") from None


def segment(name: str) -> str:
    """The name as one segment of a path."""
    return quote(name, safe="")
