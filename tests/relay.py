"""A TCP relay in front of a server, as a process of its own: stopped, it is a network that carries nothing any more.

Connections stay open and new ones are taken, as where packets vanish without a trace; what was sent goes on when the
network does.
"""

from __future__ import annotations

import atexit
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from live_gateway import free_ports

DEADLINE_SECONDS = 30


class Relay:
    """Carries connections to a port of this machine."""

    def __init__(self, target: int) -> None:
        (self.port,) = free_ports(1)
        folder = tempfile.TemporaryDirectory(prefix="mogate-relay-")
        atexit.register(folder.cleanup)
        config = Path(folder.name) / "haproxy.cfg"
        config.write_text(
            "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n"
            f"listen relay\n  bind 127.0.0.1:{self.port}\n  server target 127.0.0.1:{target}\n"
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
