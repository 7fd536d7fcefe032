"""A server of octets, as listeners have it: every request goes to one handler."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from aiohttp import web

from gateway.serving import front


@contextlib.asynccontextmanager
async def raw_server(handler: front.Handler, max_body_bytes: int = 1 << 20) -> AsyncIterator[str]:
    """A server that gives every request to the handler; its URL."""
    runner = web.ServerRunner(front.server((), max_body_bytes, None, handler))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
