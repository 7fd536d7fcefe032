"""What a gateway that starts brings in: what its settings turn on, and nothing else."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

from live_gateway import DEADLINE_SECONDS, Gateway

SERVES = (
    "import atexit, sys; from gateway.cli import main; atexit.register(lambda: print(*sys.modules)); main(['serve'])"
)
NOT_ASKED_FOR = (
    "adapters.simulator", "diameter", "dpkt", "gateway.openid", "gateway.playing", "gateway.store.redis", "greenlet",
    "joserfc", "opentelemetry", "pyasn1", "pyrad", "redis", "rich", "smpp34", "zstandard",
)  # fmt: skip


def test_a_gateway_brings_in_only_what_its_settings_turn_on(tmp_path: Path) -> None:
    """On SQLite with the demo's settings it ends without a library of Redis, MAP, SMPP, RADIUS, OpenID and the like."""
    assert all(importlib.util.find_spec(name) for name in NOT_ASKED_FOR)
    gateway = Gateway(tmp_path)
    gateway.run("init", "--demo")
    process = subprocess.Popen(
        [sys.executable, "-c", SERVES],
        env=gateway.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while not process.stdout.readline().startswith("Ctrl-C"):
        assert process.poll() is None
    process.terminate()
    printed, log = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 0, log
    modules = set(printed.split())
    assert "gateway.store.sqlite" in modules
    assert modules.isdisjoint(NOT_ASKED_FOR)
