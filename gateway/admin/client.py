"""The command line's way to the admin API of a running gateway.

It speaks with the standard library alone, which is there in no time: most commands ask once and end.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from gateway.admin.auth import load_token
from gateway.errors import ConfigError, MogateError, Unavailable
from gateway.settings import Settings

TIMEOUT_SECONDS = 30.0


class Refused(MogateError):
    """The API refused the request, with its reason."""


def call(
    settings: Settings, method: str, path: str, *, body: object = None, query: Mapping[str, str] | None = None
) -> Any:
    """What the admin API answered, as plain values; None for an empty answer. ``path`` is below ``/api/v1``.

    Raises: Refused with the gateway's reason, Unavailable when no gateway answers.
    """
    listener = settings.listener_for("admin")
    if listener is None:
        raise ConfigError("no listener serves admin; add one to the settings", key="listeners")
    headers = {"Authorization": f"Bearer {load_token(settings.data)}"}
    octets = None
    if isinstance(body, bytes):
        octets = body
    elif body is not None:
        octets, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
    host, port = listener.address.host, listener.address.port
    connection = (
        http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context())
        if listener.certificate
        else http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    )
    try:
        target = f"/api/v1{path}" + (f"?{urlencode(query)}" if query else "")
        connection.request(method, target, octets, headers)
        response = connection.getresponse()
        answered, status = response.read(), response.status
    except (http.client.HTTPException, OSError) as error:
        reason = str(error) or type(error).__name__
        raise Unavailable(f"no gateway answers at {listener.url} ({reason}); start one with `mogate serve`") from None
    finally:
        connection.close()
    try:
        answer: Any = json.loads(answered) if answered else None
        if status >= 400:
            raise Refused(answer["error"])
    except (ValueError, TypeError, KeyError):
        raise Unavailable(f"what answers at {listener.url} is not the admin API of a gateway (HTTP {status})") from None
    return answer


def segment(name: str) -> str:
    """The name as one segment of a path."""
    return quote(name, safe="")
