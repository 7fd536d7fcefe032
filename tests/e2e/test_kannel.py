"""The HTTP bearer and a real Kannel, which passes on by SMPP what it was asked for."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web
from live_gateway import free_ports
from pydantic import SecretStr
from smsc import Smsc
from smsc import serving as serving_smsc

from adapters.sms.bearer.http import HttpBearer
from adapters.sms.bearer.receipts import PATH, ReceiptAddress, ReceiptFront
from gateway.errors import Rejected, Unavailable
from gateway.fleet.push import OCTETS, Fate, Receipt, Submission
from gateway.serving import front
from gateway.settings import SmsHttp

DEADLINE_SECONDS = 30
KANNEL = """
group = core
admin-port = {admin}
admin-password = nobody
admin-interface = 127.0.0.1
smsbox-port = {box}
box-allow-ip = "127.0.0.1"

group = smsc
smsc = smpp
host = 127.0.0.1
port = {smsc}
transceiver-mode = true
smsc-username = kannel
smsc-password = kannel
system-type = ""

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {send}
sendsms-interface = 127.0.0.1

group = sendsms-user
username = mogate
password = pw-31337
"""


def wait_for_port(port: int) -> None:
    ends = time.monotonic() + DEADLINE_SECONDS
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        assert time.monotonic() < ends, f"nobody listens on {port}"


@pytest.fixture
def kannel(tmp_path: Path) -> Iterator[tuple[str, Smsc]]:
    """The address of its sendsms, and the centre that it is bound to."""
    ports = dict(zip(("admin", "box", "smsc", "send"), free_ports(4), strict=True))
    config = tmp_path / "kannel.conf"
    config.write_text(KANNEL.format(**ports))
    boxes = []
    with serving_smsc(ports["smsc"]) as smsc, (tmp_path / "kannel.log").open("w") as log:
        try:
            for box, port in (("bearerbox", "box"), ("smsbox", "send")):
                command = [f"/usr/sbin/{box}", str(config)]
                boxes.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT))
                wait_for_port(ports[port])
            yield f"http://127.0.0.1:{ports['send']}/cgi-bin/sendsms", smsc
        finally:
            for process in boxes:
                process.kill()
                process.wait(DEADLINE_SECONDS)


async def test_kannel_passes_octets_on_as_they_are(kannel: tuple[str, Smsc]) -> None:
    """A push with its header, zero octets too, and UTF-16 to a port; a wrong password is refused for good."""
    url, smsc = kannel
    bearer = HttpBearer(SmsHttp(url=url, username="mogate", password=SecretStr("pw-31337")), sender="12345")
    push = Submission("+15550100123", OCTETS, bytes.fromhex("0605040B8423F0"), bytes.fromhex("0106FF00"))
    text = Submission("+15550100123", 8, bytes.fromhex("06050491990000"), "1-rcscfg".encode("utf-16-be"))
    ends = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            await bearer.send(push, 3600)
            break
        except Unavailable:  # it takes messages when its boxes have found each other
            assert time.monotonic() < ends
    await bearer.send(text, 3600)
    await bearer.close()
    for message in (push, text):
        taken = await asyncio.to_thread(smsc.message)
        assert taken["message"] == (message.header + message.body).hex()
        assert (taken["data_coding"], taken["esm_class"] & 0x40) == (message.coding, 0x40)
    stranger = HttpBearer(SmsHttp(url=url, username="mogate", password=SecretStr("other")), sender="12345")
    with pytest.raises(Rejected):
        await stranger.send(push, 3600)
    await stranger.close()


async def test_kannel_brings_back_what_the_centre_said(kannel: tuple[str, Smsc]) -> None:
    """The receipt of the SMSC comes to the address that was given with the message, and names it."""
    url, smsc = kannel
    heard: asyncio.Queue[Receipt] = asyncio.Queue()
    (port,) = free_ports(1)
    address = ReceiptAddress(f"http://127.0.0.1:{port}{PATH}", b"key")
    runner = web.ServerRunner(front.server([("GET", PATH, ReceiptFront(address, heard.put_nowait).handle)], 1000))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    settings = SmsHttp(url=url, username="mogate", password=SecretStr("pw-31337"))
    bearer = HttpBearer(settings, sender="12345", receipts=address)
    push = Submission("+15550100123", OCTETS, bytes.fromhex("0605040B8423F0"), bytes.fromhex("0106FF00"))
    ends = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            name = await bearer.send(push, 3600, receipt=True)
            break
        except Unavailable:  # it takes messages when its boxes have found each other
            assert time.monotonic() < ends
    await asyncio.to_thread(smsc.message)
    assert await asyncio.wait_for(heard.get(), DEADLINE_SECONDS) == Receipt(name, Fate.DELIVERED, "")
    await bearer.close()
    await runner.cleanup()
