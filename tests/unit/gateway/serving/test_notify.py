"""Word to systemd."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from gateway.serving.notify import notify


def test_the_state_reaches_the_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """systemd gets the state as one datagram at the address it gave; without one nothing happens.

    Spec: sd_notify(3)
    """
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        notify("READY=1")
        assert listening.recv(100) == b"READY=1"
