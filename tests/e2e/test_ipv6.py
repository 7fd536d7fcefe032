"""A gateway whose listeners are on IPv6: both legs, with the operator's gateway on such an address, and a code."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_gateway import Gateway


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """The shipped settings on [::1] instead of 127.0.0.1, with ports that are free there."""
    gateway = Gateway(tmp_path)
    text = gateway.settings.read_text()
    gateway.settings.write_text(text.replace('"127.0.0.1:', '"[::1]:').replace("127.0.0.1", "::1"))
    gateway.run("init", "--demo")
    yield gateway
    if gateway.process is not None:
        assert gateway.stop() == 0


def test_everything_is_served_on_ipv6(gateway: Gateway) -> None:
    """An RCC.14 client by both legs and by a code, and an OMA DM phone; nothing listens on IPv4 (RCC.14 2.2.1)."""
    said = gateway.start()
    assert f"http://[::1]:{gateway.ports['plain']}" in said
    assert gateway.json("simulate", "rcc14")["result"] == "ok"
    tablet = gateway.json("simulate", "rcc14", "--additional")
    assert (tablet["result"], tablet["values"]["User/msisdn"]) == ("ok", "+15550100001")
    assert gateway.json("simulate", "omadm")["result"] == "ok"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", gateway.ports["plain"]), timeout=30)
    assert '"level":"error"' not in gateway.log()
