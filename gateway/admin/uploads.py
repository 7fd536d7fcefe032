"""Bodies of requests that may be larger than memory."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from gateway.admin.routes import Upload
from gateway.errors import ConfigError, LimitExceeded

MAX_UPLOAD_BYTES = 4 << 30
_CHUNK_BYTES = 1 << 20


@asynccontextmanager
async def uploaded(request: web.Request, folder: Path) -> AsyncIterator[Upload]:
    """The body in a file of that folder, until the block ends.

    Raises: LimitExceeded, ConfigError when it cannot be kept.
    """
    digest, size = hashlib.sha256(), 0
    try:
        kept = tempfile.NamedTemporaryFile(dir=folder, prefix="upload-")  # noqa: SIM115
    except OSError as error:
        raise ConfigError(f"cannot keep an upload: {error}", file=folder) from None
    with kept:
        async for chunk in request.content.iter_chunked(_CHUNK_BYTES):
            size += len(chunk)
            if size > MAX_UPLOAD_BYTES:
                raise LimitExceeded(f"more than {MAX_UPLOAD_BYTES} octets")
            digest.update(chunk)
            try:
                await asyncio.to_thread(kept.write, chunk)
            except OSError as error:
                raise ConfigError(f"cannot keep an upload: {error}", file=folder) from None
        kept.flush()
        yield Upload(Path(kept.name), size, digest.hexdigest())
