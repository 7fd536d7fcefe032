"""TCP relays in front of a server. One is a process of its own: stopped, it is a network that carries nothing any more.

Connections stay open and new ones are taken, as where packets vanish without a trace; what was sent goes on when the
network does.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

from live_gateway import free_ports

DEADLINE_SECONDS = 30


class Relay:
    """Carries connections to a port of this machine; with a ``certificate`` and its key, TLS ends here."""

    def __init__(self, target: int, certificate: Path | None = None) -> None:
        (self.port,) = free_ports(1)
        folder = tempfile.TemporaryDirectory(prefix="mogate-relay-")
        atexit.register(folder.cleanup)
        config, tls = Path(folder.name) / "haproxy.cfg", ""
        if certificate is not None:
            both = Path(folder.name) / "server.pem"
            both.write_text(certificate.read_text() + certificate.with_suffix(".key").read_text())
            tls = f" ssl crt {both}"
        config.write_text(
            "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n"
            f"listen relay\n  bind 127.0.0.1:{self.port}{tls}\n  server target 127.0.0.1:{target}\n"
        )
        self._process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "haproxy", "-q", "-db", "-f", str(config)])
        atexit.register(self.end)
        end = time.monotonic() + DEADLINE_SECONDS
        while not self._listens():
            assert self._process.poll() is None, "the relay ended"
            assert time.monotonic() < end, "the relay does not listen"
            time.sleep(0.02)

    def part(self) -> None:
        """From now on nothing passes."""
        self._process.send_signal(signal.SIGSTOP)

    def join(self) -> None:
        """All passes again, what was sent meanwhile too."""
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        self._process.kill()
        self._process.wait(DEADLINE_SECONDS)

    def _listens(self) -> bool:
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0


class Delay:
    """Carries connections to a port of this machine, with every answer so many ``seconds`` late; in this event loop."""

    def __init__(self, target: int) -> None:
        self.seconds = 0.0
        self.port = 0
        self._target = target
        self._carrying: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1")
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for one in self._carrying:
            one.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, asks = await asyncio.open_connection("127.0.0.1", self._target)
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        for one in (self._pass_on(reader, asks), self._hold(answers, waiting), self._let_go(waiting, writer)):
            task = asyncio.create_task(one)
            self._carrying.add(task)
            task.add_done_callback(self._carrying.discard)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(ConnectionError):
            while octets := await reader.read(65536):
                writer.write(octets)

    async def _hold(self, reader: asyncio.StreamReader, waiting: asyncio.Queue[tuple[float, bytes]]) -> None:
        with contextlib.suppress(ConnectionError):
            while octets := await reader.read(65536):
                waiting.put_nowait((time.monotonic() + self.seconds, octets))
        waiting.put_nowait((0.0, b""))

    async def _let_go(self, waiting: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            while (held := await waiting.get())[1]:
                due_at, octets = held
                await asyncio.sleep(max(0.0, due_at - time.monotonic()))
                writer.write(octets)
