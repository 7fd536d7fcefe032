"""The HTTP bearer and a real Kannel, which passes on by SMPP what it was asked for."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

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
FAKE_CENTRE = "/usr/lib/kannel/test/fakesmsc"
CORE = """
group = core
admin-port = {admin}
admin-password = nobody
admin-interface = 127.0.0.1
smsbox-port = {box}
box-allow-ip = "127.0.0.1"

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {send}
sendsms-interface = 127.0.0.1

group = sendsms-user
username = mogate
password = pw-31337
"""
BY_SMPP = """
group = smsc
smsc = smpp
host = 127.0.0.1
port = {smsc}
transceiver-mode = true
smsc-username = kannel
smsc-password = kannel
system-type = ""
max-pending-submits = 1
"""
BY_ITS_OWN = """
group = smsc
smsc = fake
port = {smsc}
connect-allow-ip = 127.0.0.1
"""
PUSH = Submission("+15550100123", OCTETS, bytes.fromhex("0605040B8423F0"), bytes.fromhex("0106FF00"))


def wait_for_port(port: int) -> None:
    ends = time.monotonic() + DEADLINE_SECONDS
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        assert time.monotonic() < ends, f"nobody listens on {port}"


@contextlib.contextmanager
def serving_kannel(folder: Path, centre: str, ports: dict[str, int]) -> Iterator[str]:
    """The address of the sendsms of a Kannel that has such a centre; ``ports`` are admin, box, smsc and send."""
    config = folder / "kannel.conf"
    config.write_text((CORE + centre).format(**ports))
    boxes = []
    with (folder / "kannel.log").open("w") as log:
        try:
            for box, port in (("bearerbox", "box"), ("smsbox", "send")):
                command = [f"/usr/sbin/{box}", str(config)]
                boxes.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT))
                wait_for_port(ports[port])
            yield f"http://127.0.0.1:{ports['send']}/cgi-bin/sendsms"
        finally:
            for process in boxes:
                process.kill()
                process.wait(DEADLINE_SECONDS)


def some_ports() -> dict[str, int]:
    return dict(zip(("admin", "box", "smsc", "send"), free_ports(4), strict=True))


@pytest.fixture
def kannel(tmp_path: Path) -> Iterator[tuple[str, Smsc]]:
    """The address of its sendsms, and the centre that it is bound to."""
    ports = some_ports()
    with serving_smsc(ports["smsc"]) as smsc, serving_kannel(tmp_path, BY_SMPP, ports) as url:
        yield url, smsc


async def sent(bearer: HttpBearer, message: Submission, *, receipt: bool = False) -> str:
    """The name of a message that was taken."""
    ends = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            return await bearer.send(message, 3600, receipt=receipt)
        except Unavailable:  # it takes messages when its boxes have found each other
            assert time.monotonic() < ends


def bearer_to(url: str, password: str = "pw-31337", receipts: ReceiptAddress | None = None) -> HttpBearer:
    settings = SmsHttp(url=url, username="mogate", password=SecretStr(password))
    return HttpBearer(settings, sender="12345", receipts=receipts)


async def test_kannel_passes_octets_on_as_they_are(kannel: tuple[str, Smsc]) -> None:
    """A push with its header, zero octets too, and UTF-16 to a port; a wrong password is refused for good.

    Kannel hands on in an order of its own what it took before its centre had bound it.
    """
    url, smsc = kannel
    bearer = bearer_to(url)
    text = Submission("+15550100123", 8, bytes.fromhex("06050491990000"), "1-rcscfg".encode("utf-16-be"))
    for message in (PUSH, text):
        await sent(bearer, message)
    await bearer.close()
    taken = [await asyncio.to_thread(smsc.message) for _ in range(2)]
    arrived = {one["message"]: (one["data_coding"], one["esm_class"] & 0x40) for one in taken}
    assert arrived == {(one.header + one.body).hex(): (one.coding, 0x40) for one in (PUSH, text)}
    stranger = bearer_to(url, "other")
    with pytest.raises(Rejected):
        await stranger.send(PUSH, 3600)
    await stranger.close()


@pytest.fixture
def own_centre(tmp_path: Path) -> Iterator[tuple[str, IO[str]]]:
    """The address of the sendsms of a Kannel with the centre that comes with it, and what that says."""
    ports = some_ports()
    with serving_kannel(tmp_path, BY_ITS_OWN, ports) as url:
        wait_for_port(ports["smsc"])  # the centre gives up where it cannot connect
        command = [FAKE_CENTRE, "-r", str(ports["smsc"]), "-m", "0", "1 2 text nop"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as centre:
            assert centre.stderr is not None
            try:
                yield url, centre.stderr
            finally:
                centre.kill()


async def test_kannels_own_centre_gets_what_was_pushed(own_centre: tuple[str, IO[str]]) -> None:
    """Sender, number, header and octets, zero octets too."""
    url, said = own_centre
    bearer = bearer_to(url)
    await sent(bearer, PUSH)
    await bearer.close()

    def heard() -> str:
        return next((line for line in said if "Got message" in line), "")

    message = await asyncio.wait_for(asyncio.to_thread(heard), DEADLINE_SECONDS)
    assert "<12345 +15550100123 udh %06%05%04%0B%84%23%F0 data %01%06%FF%00>" in message


async def test_kannel_brings_back_what_the_centre_said(tmp_path: Path) -> None:
    """The receipt of the SMSC comes to the address that was given with the message, and names it.

    Kannel drops a receipt that comes before the answer to its message. It hands over the next message when it has that
    answer, and then the centre tells.
    """
    ports = some_ports()
    with serving_smsc(ports["smsc"], "later"), serving_kannel(tmp_path, BY_SMPP, ports) as url:
        await bring_back(url)


async def bring_back(url: str) -> None:
    heard: asyncio.Queue[Receipt] = asyncio.Queue()
    (port,) = free_ports(1)
    address = ReceiptAddress(f"http://127.0.0.1:{port}{PATH}", b"key")
    runner = web.ServerRunner(front.server([("GET", PATH, ReceiptFront(address, heard.put_nowait).handle)], 1000))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    bearer = bearer_to(url, receipts=address)
    name = await sent(bearer, PUSH, receipt=True)
    await sent(bearer, PUSH)
    assert await asyncio.wait_for(heard.get(), DEADLINE_SECONDS) == Receipt(name, Fate.DELIVERED, "")
    await bearer.close()
    await runner.cleanup()
