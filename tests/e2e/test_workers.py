"""Several worker processes on one Redis: they share the work, one is replaced when it dies, and all end together."""

from __future__ import annotations

import os
import re
import signal
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis_servers
from live_gateway import Gateway


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    made = Gateway(tmp_path)
    made.environment |= {
        "MOGATE_STORE__URL": redis_servers.single().url,
        "MOGATE_STORE__NAMESPACE": f"{uuid.uuid4().hex}:",
        "MOGATE_STORE__DURABILITY": "second",
    }
    made.run("init", "--demo")
    yield made
    if made.process is not None:
        made.stop(signal.SIGKILL)


def scrape(gateway: Gateway) -> dict[str, float]:
    with urllib.request.urlopen(gateway.url("admin", "/metrics")) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def workers(gateway: Gateway) -> list[int]:
    assert gateway.process is not None
    pid = gateway.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_workers_serve_die_and_end_together(gateway: Gateway) -> None:
    """Both answer, one scrape counts both; a killed one is replaced; SIGTERM ends all with status 0."""
    gateway.start("--workers", "2")
    assert gateway.json("simulate", "omadm")["result"] == "ok"
    seen = scrape(gateway)
    answered = {
        name: value
        for name, value in seen.items()
        if name.startswith('mogate_http_requests_total{code="200",frontend="dm"')
    }
    for worker in "12":
        assert any(f'worker="{worker}"' in name for name in answered)
    assert sum(answered.values()) > 1
    first, second = workers(gateway)
    os.kill(first, signal.SIGKILL)
    gateway.until(lambda: len(set(workers(gateway)) - {first, second}) == 1)
    assert second in workers(gateway)
    assert gateway.json("simulate", "omadm")["result"] == "ok"
    gateway.until(lambda: {re.search(r'worker="(\d)"', name).group(1) for name in scrape(gateway)} == {"1", "2"})  # type: ignore[union-attr]
    children = workers(gateway)
    assert gateway.stop(signal.SIGTERM) == 0
    assert not [child for child in children if Path(f"/proc/{child}").exists()]
    assert '"event":"worker_ended"' in gateway.log()


def test_workers_do_not_outlive_a_killed_supervisor(gateway: Gateway) -> None:
    """kill -9 of the supervisor leaves no process behind that holds the ports."""
    gateway.start("--workers", "2")
    children = workers(gateway)
    gateway.stop(signal.SIGKILL)
    gateway.until(lambda: not [child for child in children if Path(f"/proc/{child}").exists()])


def test_workers_that_cannot_begin_end_the_command(gateway: Gateway) -> None:
    """What one worker finds wrong is said once more by none, and nothing is tried again for ever."""
    gateway.environment["MOGATE_STORE__URL"] = "redis://127.0.0.1:1"
    assert "cannot use Redis at 127.0.0.1:1" in gateway.run("serve", "--workers", "2", fails=True)


def test_sqlite_is_one_process(gateway: Gateway) -> None:
    """More workers on SQLite are refused with the mend."""
    gateway.environment["MOGATE_STORE__URL"] = "sqlite"
    said = gateway.run("serve", "--workers", "2", fails=True)
    assert "name a Redis or Valkey here, or serve without --workers" in said
