"""Settings of what stands beside another server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

import pydantic
from pydantic import Field

from gateway.settings.base import Seconds, Table

_ORIGIN = r"[A-Za-z0-9.:\[\]-]+$"


class Behind(Table):
    """How a server that was there before is asked.

    Its certificate is issued by an authority in ``authority``, a file in the data directory, or else by one that the
    system trusts, and has the name ``server_name``, or else that of the address.
    """

    authority: Path | None = None
    server_name: str = ""
    timeout_seconds: Seconds = 20


class OldDmServer(Behind):
    """The OMA DM server that was there before: where ``omadm-shadow`` passes requests on.

    ``url`` is its scheme and host; a device asks for the path. Its certificate is issued by an authority in
    ``authority``, a file in the data directory, or else by one that the system trusts, and has the name
    ``server_name``, or else that of the address.
    """

    url: Annotated[str, Field(pattern=rf"^https?://{_ORIGIN}")]


class OldServer(Behind):
    """The RCC.14 server that was there before: where ``rcc14-shadow-http`` and ``rcc14-shadow-https`` pass requests on.

    ``http`` and ``https`` are scheme and host of its two legs. Its certificate is issued by an authority in
    ``authority``, a file in the data directory, or else by one that the system trusts, and has the name
    ``server_name``, or else that of the address.
    """

    http: Annotated[str, Field(pattern=rf"^(http://{_ORIGIN})?")] = ""
    https: Annotated[str, Field(pattern=rf"^(https?://{_ORIGIN})?")] = ""

    @pydantic.model_validator(mode="after")
    def _check(self) -> Self:
        if not (self.http or self.https):
            raise ValueError("another server has an address: set http, https or both")
        return self


class Shadow(Table):
    """What comparing with the server before leaves: the newest finding of each client, of ``keep`` clients.

    One whose client did not come again for ``keep_days`` is dropped.
    """

    keep: Annotated[int, Field(ge=1, le=1_000_000)] = 100_000
    keep_days: Annotated[int, Field(ge=1, le=3650)] = 30
