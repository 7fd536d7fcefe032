"""A BSF that knows one phone: it bootstrapped a key with the demo's SIM, under whatever name it comes."""

from __future__ import annotations

import base64
import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web

KEY = base64.b64encode(bytes(range(32))).decode()
IMPI = "001010000000001@ims.mnc001.mcc001.3gppnetwork.org"


@contextlib.asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[str]:
    """The address of one with the certificate in that folder (``server.pem`` and ``server.key``, for localhost)."""
    ends_at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"ks_naf": KEY, "impi": IMPI, "expires_at": ends_at})

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    app = web.Application()
    app.router.add_post("/zn", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"https://localhost:{runner.addresses[0][1]}/zn"
    finally:
        await runner.cleanup()
