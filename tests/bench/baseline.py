"""The server everything is compared with: aiohttp on uvloop that reads a request and answers fixed octets.

Run as a process: takes its sites as JSON on standard input, prints their ports as JSON and serves until it is ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec
import uvloop
from aiohttp import web


class Site(msgspec.Struct, frozen=True):
    """One listener with one answer. ``octets`` is the size of the answer's body."""

    method: str
    path: str
    content_type: str
    octets: int
    tls: bool


class Plan(msgspec.Struct, frozen=True):
    """What the process serves, and the certificate and key of its TLS sites."""

    sites: tuple[Site, ...]
    certificate: str
    key: str


class Baseline:
    """The running process."""

    def __init__(self, sites: Sequence[Site], tls_folder: Path) -> None:
        plan = Plan(tuple(sites), str(tls_folder / "server.pem"), str(tls_folder / "server.key"))
        self._process = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._process.stdin as pipe:
            pipe.write(msgspec.json.encode(plan))
        self.ports: list[int] = json.loads(self._process.stdout.readline())
        self.pid = self._process.pid

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


async def _serve(plan: Plan) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(plan.certificate, plan.key)
    ports = []
    for site in plan.sites:
        app = web.Application()
        app.router.add_route(site.method, site.path, _answering(site))
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context if site.tls else None).start()
        ports.append(runner.addresses[0][1])
    os.write(1, json.dumps(ports).encode() + b"\n")
    await asyncio.Event().wait()


def _answering(site: Site) -> Callable[[web.Request], Awaitable[web.Response]]:
    body, headers = b"x" * site.octets, {"Content-Type": site.content_type}

    async def handle_get(_: web.Request) -> web.Response:
        return web.Response(body=body, headers=headers)

    async def handle_post(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=body, headers=headers)

    return handle_post if site.method == "POST" else handle_get


if __name__ == "__main__":
    uvloop.run(_serve(msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)))
