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
    """What the process serves, and the certificate and key of its TLS sites; on these ports where they are known."""

    sites: tuple[Site, ...]
    certificate: str
    key: str
    ports: tuple[int, ...] = ()


class Baseline:
    """The running process, or several of them on the same ports."""

    def __init__(self, sites: Sequence[Site], tls_folder: Path, workers: int = 1) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []
        self.ports: tuple[int, ...] = ()
        for _ in range(workers):
            plan = Plan(tuple(sites), str(tls_folder / "server.pem"), str(tls_folder / "server.key"), self.ports)
            process = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self._processes.append(process)
            assert process.stdin is not None
            assert process.stdout is not None
            with process.stdin as pipe:
                pipe.write(msgspec.json.encode(plan))
            self.ports = tuple(json.loads(process.stdout.readline()))
        self.pids = [process.pid for process in self._processes]

    @property
    def pid(self) -> int:
        """The only process."""
        (pid,) = self.pids
        return pid

    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
            process.wait()


async def _serve(plan: Plan) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if any(site.tls for site in plan.sites):
        context.load_cert_chain(plan.certificate, plan.key)
    ports = []
    for number, site in enumerate(plan.sites):
        app = web.Application()
        app.router.add_route(site.method, site.path, _answering(site))
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        port = plan.ports[number] if plan.ports else 0
        tls = context if site.tls else None
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls, reuse_port=True).start()
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
