"""The command line's way to the admin API of a running gateway.

It speaks with the standard library alone, which is there in no time: most commands ask once and end.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, urlencode, urlsplit

from gateway.admin.auth import load_token
from gateway.errors import ConfigError, MogateError, Unavailable
from gateway.settings import Settings

TIMEOUT_SECONDS = 30.0
CHUNK_BYTES = 65_536


class Refused(MogateError):
    """The API refused the request, with its reason."""


def call(
    settings: Settings,
    method: str,
    path: str,
    *,
    body: object = None,
    query: Mapping[str, str] | None = None,
    reason: str = "",
    seconds: float = TIMEOUT_SECONDS,
) -> Any:
    """What the admin API answered, as plain values; None for an empty answer. ``path`` is below ``/api/v1``.

    A body of octets or of a file goes as it is, any other as JSON. ``reason`` is for the audit log; an answer is waited
    for for so many ``seconds``.

    Raises: Refused with the gateway's reason, Unavailable when no gateway answers, ConfigError when the file cannot be
    read.
    """
    headers = {"X-Reason": reason} if reason else {}
    asked = path + (f"?{urlencode(query)}" if query else "")
    with contextlib.ExitStack() as stack:
        sent: bytes | BinaryIO | None = None
        if isinstance(body, bytes):
            sent = body
        elif isinstance(body, Path):
            sent = stack.enter_context(_opened(body))
            headers["Content-Length"] = str(body.stat().st_size)
        elif body is not None:
            sent, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        response = stack.enter_context(_asking(settings, method, asked, sent, headers, seconds))
        answered, status = response.read(), response.status
    return _answer(settings, status, answered)


def download(settings: Settings, path: str, media_type: str) -> Iterator[bytes]:
    """What the admin API answers in that media type, as it comes.

    Raises: as ``call`` does.
    """
    with _asking(settings, "GET", path, None, {"Accept": media_type}) as response:
        if response.status >= 400:
            _answer(settings, response.status, response.read())
        while chunk := response.read(CHUNK_BYTES):
            yield chunk


def follow(settings: Settings, path: str, query: Mapping[str, str]) -> Iterator[Any]:
    """What is new, as it happens and without an end: the data of server-sent events.

    A stream that the gateway ends is gone on with.

    Raises: as ``call`` does.

    Spec: HTML, Server-sent events
    """
    last: dict[str, str] = {}
    asked = path + (f"?{urlencode(query)}" if query else "")
    while True:
        with _asking(settings, "GET", asked, None, {"Accept": "text/event-stream", **last}) as response:
            if response.status >= 400:
                _answer(settings, response.status, response.read())
            for line in response:
                field, _, value = line.decode().rstrip("\n").partition(": ")
                if field == "id":
                    last = {"Last-Event-ID": value}
                elif field == "data":
                    yield json.loads(value)


@contextlib.contextmanager
def _asking(
    settings: Settings,
    method: str,
    path: str,
    body: bytes | BinaryIO | None,
    headers: Mapping[str, str],
    seconds: float = TIMEOUT_SECONDS,
) -> Iterator[http.client.HTTPResponse]:
    url = _url(settings)
    place = urlsplit(url)
    shown = settings.admin.token.get_secret_value() or load_token(settings.data)
    token = {"Authorization": f"Bearer {shown}"}
    connection = (
        http.client.HTTPSConnection(
            place.hostname or "", place.port, timeout=seconds, context=ssl.create_default_context()
        )
        if place.scheme == "https"
        else http.client.HTTPConnection(place.hostname or "", place.port, timeout=seconds)
    )
    try:
        connection.request(method, f"/api/v1{path}", body, {**token, **headers})
        yield connection.getresponse()
    except (http.client.HTTPException, OSError) as error:
        reason = str(error) or type(error).__name__
        raise Unavailable(f"no gateway answers at {url} ({reason}); start one with `mogate serve`") from None
    finally:
        connection.close()


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=file) from None


def _answer(settings: Settings, status: int, octets: bytes) -> Any:
    try:
        answer: Any = json.loads(octets) if octets else None
        if status >= 400:
            raise Refused(answer["detail"])
    except (ValueError, TypeError, KeyError):
        raise Unavailable(
            f"what answers at {_url(settings)} is not the admin API of a gateway (HTTP {status})"
        ) from None
    return answer


def _url(settings: Settings) -> str:
    if settings.admin.url:
        return settings.admin.url.rstrip("/")
    listener = settings.listener_for("admin")
    if listener is None:
        raise ConfigError("no listener serves admin; add one to the settings", key="listeners")
    return listener.url


def segment(name: str) -> str:
    """The name as one segment of a path."""
    return quote(name, safe="")
