"""The web console's files as browsers get them: read once, and with headers that let nothing foreign in.

The pages are static; whatever they show or do goes through the admin API.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

FOLDER = Path(__file__).parent / "console"

_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Asset(NamedTuple):
    """One file: its octets, what they are, and a tag that changes with them."""

    body: bytes
    content_type: str
    etag: str


_INCOMPLETE = Asset(
    b"The console's browser modules are missing; `make console` gets them.\n", "text/plain", "incomplete"
)


def load_assets(folder: Path = FOLDER) -> dict[str, Asset]:
    """The console's files by their path below ``/console/``; the page itself is the empty path."""
    assets = {}
    for file in sorted(folder.rglob("*")):
        if file.suffix in _TYPES and file.is_file():
            body = file.read_bytes()
            etag = hashlib.sha256(body).hexdigest()[:32]
            assets[file.relative_to(folder).as_posix()] = Asset(body, _TYPES[file.suffix], etag)
    assets[""] = assets["index.html"] if "vendor/preact.js" in assets else _INCOMPLETE
    return assets


def add_console(router: web.UrlDispatcher, assets: Mapping[str, Asset]) -> None:
    """Serve these files below ``/console/``, where ``/`` leads to."""

    async def handle_root(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "console/"})

    async def handle_asset(request: web.Request) -> web.Response:
        asset = assets.get(request.match_info["path"])
        if asset is None:
            raise web.HTTPNotFound
        response = web.Response(headers=HEADERS, content_type=asset.content_type, charset="utf-8")
        response.etag = asset.etag
        if any(tag.value == asset.etag for tag in request.if_none_match or ()):
            response.set_status(304)
        else:
            response.body = asset.body
        return response

    router.add_get("/", handle_root)
    router.add_get("/console", handle_root)
    router.add_get("/console/{path:.*}", handle_asset)
