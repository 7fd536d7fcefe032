"""A real gateway in a process of its own, with ports and data of its own, driven by the commands users have."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

CONFIG = Path(__file__).parents[1] / "config"
DEADLINE_SECONDS = 60
FIRST_PORT, END_PORT, PROCESSES = 12_000, 32_000, 8


class Gateway:
    """One data directory with its settings; the server over it can be started, stopped and killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = dict(zip(("plain", "tls", "admin", "internet"), free_ports(4), strict=True))
        self.settings = folder / "gateway.toml"
        self.settings.write_text(_settings(self.ports))
        self.environment = os.environ | {
            "MOGATE_CONFIG": str(self.settings),
            "MOGATE_DATA": str(folder / "data"),
            "MOGATE_PROFILES": str(CONFIG / "profiles"),
            "MOGATE_MAPPING": str(CONFIG / "mapping"),
            "MOGATE_MO": str(CONFIG / "mo"),
        }
        self.process: subprocess.Popen[str] | None = None

    @property
    def token(self) -> str:
        return (self.folder / "data" / "admin.token").read_text().strip()

    def url(self, listener: str, path: str = "") -> str:
        scheme = "https" if listener == "tls" else "http"
        return f"{scheme}://127.0.0.1:{self.ports[listener]}{path}"

    def start(self, *options: str) -> str:
        """Start the server; returns what it printed until it was ready."""
        command = [sys.executable, "-m", "gateway", "serve", *options]
        with (self.folder / "serve.log").open("a") as log:
            self.process = subprocess.Popen(
                command, env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.process.stdout is not None
        printed = ""
        for line in self.process.stdout:
            printed += line
            if line.startswith("Ctrl-C"):
                return printed
        raise AssertionError(f"the server ended early: {printed}{self.log()}")

    def stop(self, number: int = signal.SIGINT) -> int:
        """End the server with a signal; returns its exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        status = self.process.wait(DEADLINE_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process = None
        return status

    def api(self, method: str, path: str, body: object = None) -> Any:
        """What the admin API answers to its token; ``path`` is below ``/api/v1``."""
        octets = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url("admin", f"/api/v1{path}"), octets, method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as answer:
            return json.load(answer)

    def until(self, found: Callable[[], Any]) -> Any:
        """What ``found`` gives once that is anything; it is asked again until then."""
        end = time.monotonic() + DEADLINE_SECONDS
        while not (answer := found()):
            assert time.monotonic() < end, f"waited in vain\n{self.log()[-3000:]}"
            time.sleep(0.05)
        return answer

    def short_messages(self) -> list[dict[str, Any]]:
        """Those that have left, where they leave for a file."""
        file = self.folder / "data" / "sms.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def log(self) -> str:
        return (self.folder / "serve.log").read_text()

    def run(self, *arguments: str, fails: bool = False, stdin: str = "") -> str:
        """What a ``mogate`` command printed."""
        done = self.done(*arguments, stdin=stdin)
        assert (done.returncode != 0) == fails, f"{arguments}: {done.stdout}{done.stderr}\n{self.log()[-3000:]}"
        return done.stderr if fails else done.stdout

    def done(self, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """A ``mogate`` command that ended, with what it printed and its status."""
        return subprocess.run(
            [sys.executable, "-m", "gateway", *arguments],
            env=self.environment | environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )

    def json(self, *arguments: str, status: int = 0) -> Any:
        """The same as values; of a command that ends with that status."""
        done = self.done(*arguments, "--json")
        assert done.returncode == status, f"{arguments}: {done.stdout}{done.stderr}\n{self.log()[-3000:]}"
        return json.loads(done.stdout)


@contextlib.contextmanager
def serving(folder: Path, **environment: str) -> Iterator[Gateway]:
    """A gateway with the demo operator, serving; its end is clean and its log free of errors."""
    gateway = Gateway(folder)
    gateway.environment |= environment
    gateway.run("init", "--demo")
    gateway.start()
    try:
        yield gateway
    finally:
        status = gateway.stop() if gateway.process is not None else 0
    assert status == 0
    assert '"level":"error"' not in gateway.log(), gateway.log()[-3000:]


def _settings(ports: dict[str, int]) -> str:
    """The shipped settings with other ports, and a plain listener with no gateway of the operator in front of it."""
    text = (CONFIG / "gateway.toml").read_text()
    for port, name in ((8080, "plain"), (8443, "tls"), (8081, "admin")):
        text = re.sub(rf'"127\.0\.0\.1:{port}"', f'"127.0.0.1:{ports[name]}"', text)
    return text + (
        f'\n[[listeners]]\nname = "internet"\naddress = "127.0.0.1:{ports["internet"]}"\n'
        'serves = ["rcc14-http"]\ntrusted_gateways = ["192.0.2.0/24"]\n'
    )


def faked_time(clock: Path) -> dict[str, str]:
    """An environment in which all clocks of a program are by so much ahead as that file says now (``+61``)."""
    shown = subprocess.run(["faketime", "-f", "+0", "env"], capture_output=True, text=True, check=True).stdout
    preload = next(line for line in shown.splitlines() if line.startswith("LD_PRELOAD="))
    return {
        "LD_PRELOAD": preload.partition("=")[2],
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
    }


def _own_ports() -> Iterator[int]:
    """The ports of this process of the run, over and over, from anywhere among them."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    own = range(FIRST_PORT + int(worker) % PROCESSES, END_PORT, PROCESSES)
    begin = secrets.randbelow(len(own))
    return itertools.cycle((*own[begin:], *own[:begin]))


_PORTS = _own_ports()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, below those that the system gives to connections that go out.

    One of those could be another program's before the server that it is meant for listens on it. Nor is any handed out
    twice, here or in another process of the same run: a server that is stopped for a while finds its own again.
    """
    found: list[int] = []
    with contextlib.ExitStack() as held:
        while len(found) < count:
            port = next(_PORTS)
            with contextlib.suppress(OSError):
                held.enter_context(socket.create_server(("127.0.0.1", port)))
                found.append(port)
    return found
