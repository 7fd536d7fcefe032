"""Settings of what the gateway tells a collector."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from gateway.settings.base import Seconds, Table


class OpenTelemetry(Table):
    """Spans of requests, sessions, store and pushes for a collector, by OTLP over HTTP; off without ``endpoint``.

    ``endpoint`` is the whole URL, as ``http://collector:4318/v1/traces``; it needs the libraries of the extra ``otel``.
    ``authorization`` is the header of that name for the collector, from the environment or from
    ``authorization_file``, which is in the data directory as is ``authority``, the collector's certificate authority
    where it is none of the usual ones. A trace begins with ``share_percent`` of the requests and pushes, unless a
    proxy says of what trace a request is. ``service_name`` tells gateways for different things apart.
    """

    endpoint: Annotated[str, Field(pattern=r"^(https?://.+)?$")] = ""
    authorization: SecretStr = SecretStr("")
    authorization_file: Path | None = None
    authority: Path | None = None
    share_percent: Annotated[float, Field(ge=0, le=100)] = 100.0
    service_name: Annotated[str, Field(min_length=1)] = "mogate"
    timeout_seconds: Seconds = 10
