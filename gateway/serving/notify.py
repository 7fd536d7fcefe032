"""Telling systemd how the service stands, where it asks for that (Type=notify).

Spec: sd_notify(3)
"""

from __future__ import annotations

import os
import socket

from gateway.observe.logs import logger


def notify(state: str) -> None:
    """Send a state such as ``READY=1``; nothing happens where nobody listens."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    # A name that begins with @ is in the abstract namespace.
    address = f"\0{path[1:]}" if path.startswith("@") else path
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.sendto(state.encode(), address)
    except OSError as error:
        logger().warning("notify_failed", why=str(error))
