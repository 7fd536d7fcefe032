"""Packages over HTTP, for devices that were told a link: resumable, and nothing for anybody else.

Spec: RFC 9110 13 (conditional requests), 14 (ranges)
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from aiohttp import hdrs, web
from aiohttp.abc import AbstractStreamWriter

from gateway.errors import MogateError
from gateway.observe.logs import logger
from gateway.packages import Packages, parse_link
from gateway.serving.front import Response, query_of

PARAMETER = "p="
MAX_LINK_CHARACTERS = 400


class PackageFront:
    """The front end that devices fetch packages from; ``clock`` gives aware UTC times."""

    def __init__(self, packages: Packages, key: bytes, clock: Callable[[], datetime]) -> None:
        self._packages = packages
        self._key = key
        self._clock = clock

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The file, or the part of it that Range asks for; 404 for a link that is not good (any more)."""
        query = query_of(request)
        text = query.removeprefix(PARAMETER)
        known = query.startswith(PARAMETER) and len(text) <= MAX_LINK_CHARACTERS
        link = parse_link(text, self._clock(), self._key) if known else None
        try:
            package = self._packages.find(link.package_id) if link else None
        except MogateError:
            package = None
        if link is None or package is None:
            logger().info("package_refused", frontend="package")
            return Response(404, headers={"Cache-Control": "no-store"})
        logger().info(
            "package_fetched",
            frontend="package",
            device=link.device_id,
            package=package.id,
            range=request.headers.get("Range", "")[:80],
        )
        # Whose headers these are is the file's: its octets never change under one id.
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f'attachment; filename="{package.file}"',
            "Cache-Control": "private, no-transform",
        }
        return _File(self._packages.path(package), headers=headers)


class _File(web.FileResponse):
    """A file that minds an entity tag in If-Range; aiohttp minds dates alone."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        wanted = request.headers.get(hdrs.IF_RANGE, "")
        if hdrs.RANGE in request.headers and wanted.startswith(('"', "W/")):
            status = self._path.stat()
            if wanted != f'"{status.st_mtime_ns:x}-{status.st_size:x}"':
                whole = request.headers.copy()
                whole.popall(hdrs.RANGE)
                request = request.clone(headers=whole)
        return await super().prepare(request)
