"""The other ends of EAP-AKA as others wrote them: wpa_supplicant's eapol_test, and hostapd as an AAA server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

from pyrad.packet import AccessAccept, AccessChallenge, AccessReject, AuthPacket

from adapters.aka.milenage import Milenage, next_sqn

SECRET = b"a secret of RADIUS"
DEADLINE_SECONDS = 60
MICROSOFT, SEND_KEY, RECEIVE_KEY = 311, 16, 17
STATE, EAP_MESSAGE = 24, 79


class Sim:
    """A SIM made of its keys, which has seen sequence numbers up to ``sqn``."""

    def __init__(self, milenage: Milenage, sqn: int = 0) -> None:
        self.milenage = milenage
        self.sqn = sqn

    def run(self, rand: bytes, autn: bytes) -> str:
        """What the SIM answers, as wpa_supplicant wants to be told."""
        sqn = self.milenage.challenge_sqn(rand, autn)
        if sqn is None:
            return "UMTS-FAIL"
        if sqn <= self.sqn:
            return f"UMTS-AUTS:{self.milenage.auts(rand, self.sqn).hex()}"
        self.sqn = sqn
        res, ck, ik, _ = self.milenage.f2345(rand)
        return f"UMTS-AUTH:{ik.hex()}:{ck.hex()}:{res.hex()}"


class Reply(NamedTuple):
    """What an EAP server sends back: the packet, whether the exchange is over and how, and the keys of a success."""

    packet: bytes
    accepted: bool | None = None
    msk: bytes = b""


EapServer = Callable[[bytes], Reply]
"""Takes an EAP packet of the supplicant; the first is its EAP-Response/Identity."""


class _RadiusFront(asyncio.DatagramProtocol):
    """An EAP server behind RADIUS, as eapol_test wants one; it answers once its SIM ``listens``."""

    def __init__(self, server: EapServer, asks: asyncio.Event, listens: asyncio.Event) -> None:
        self._server = server
        self._asks = asks
        self._listens = listens
        self._last: tuple[bytes, bytes] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(data, addr))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, data: bytes, addr: tuple[str, int]) -> None:
        self._asks.set()
        await self._listens.wait()
        if self._last is None or self._last[0] != data:
            self._last = data, self._reply(AuthPacket(packet=data, secret=SECRET, dict=None))
        self._transport.sendto(self._last[1], addr)

    def _reply(self, request: AuthPacket) -> bytes:
        answer = self._server(b"".join(request[EAP_MESSAGE]))
        reply = request.CreateReply()
        reply.code = {None: AccessChallenge, True: AccessAccept, False: AccessReject}[answer.accepted]
        if answer.accepted is None:
            reply[STATE] = [b"state"]
        if answer.msk:
            reply[MICROSOFT, RECEIVE_KEY] = [reply.SaltCrypt(answer.msk[:32])]
            reply[MICROSOFT, SEND_KEY] = [reply.SaltCrypt(answer.msk[32:])]
        reply[EAP_MESSAGE] = [answer.packet[start : start + 253] for start in range(0, len(answer.packet), 253)]
        reply.add_message_authenticator()
        return bytes(reply.ReplyPacket())


async def run_supplicant(
    folder: Path, sim: Sim, server: EapServer, *, identity: str, methods: str, again: int = 0
) -> str:
    """What eapol_test printed about one authentication with that EAP server, and so many that follow it.

    Its last line is SUCCESS or FAILURE. A success includes that the keys of both sides are the same.
    """
    control = folder / "c"
    (folder / "supplicant.conf").write_text(
        f"ctrl_interface={control}\nexternal_sim=1\nnetwork={{\nkey_mgmt=WPA-EAP\neap={methods}\n"
        f'identity="{identity}"\n}}\n'
    )
    asks, listens = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _RadiusFront(server, asks, listens), local_addr=("127.0.0.1", 0)
    )
    port = transport.get_extra_info("sockname")[1]
    command = ["eapol_test", "-c", str(folder / "supplicant.conf"), "-a127.0.0.1", f"-p{port}"]
    process = await asyncio.create_subprocess_exec(
        *command,
        f"-s{SECRET.decode()}",
        f"-t{DEADLINE_SECONDS}",
        f"-r{again}",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    card = asyncio.create_task(_serve_sim(control / "test", folder / "s", sim, asks, listens))
    try:
        printed, _ = await process.communicate()
    finally:
        card.cancel()
        await asyncio.gather(card, return_exceptions=True)
        transport.close()
    return printed.decode(errors="replace").strip()


async def _serve_sim(control: Path, own: Path, sim: Sim, asks: asyncio.Event, listens: asyncio.Event) -> None:
    """Be the SIM of a supplicant, over its control interface."""
    await asks.wait()
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.setblocking(False)
        link.bind(str(own))
        link.connect(str(control))
        await loop.sock_sendall(link, b"ATTACH")
        await loop.sock_recv(link, 100)
        listens.set()
        while True:
            said = (await loop.sock_recv(link, 4096)).decode()
            _, found, wanted = said.partition("CTRL-REQ-SIM-")
            if found:
                network, _, rand, autn = wanted.partition(" ")[0].split(":")
                answer = sim.run(bytes.fromhex(rand), bytes.fromhex(autn))
                await loop.sock_sendall(link, f"CTRL-RSP-SIM-{network}:{answer}".encode())


class Centre(asyncio.DatagramProtocol):
    """The authentication centre that hostapd asks over a socket: one SIM, whose last sequence number is ``sqn``."""

    def __init__(self, imsi: str, milenage: Milenage) -> None:
        self.imsi = imsi
        self.milenage = milenage
        self.sqn = 0

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: str) -> None:
        request, imsi, *rest = data.decode().split()
        if request == "AKA-AUTS":
            auts, rand = map(bytes.fromhex, rest)
            self.sqn = self.milenage.sqn_of(rand, auts) or self.sqn
        elif imsi != self.imsi:
            self._transport.sendto(f"AKA-RESP-AUTH {imsi} FAILURE".encode(), addr)
        else:
            self.sqn = next_sqn(self.sqn)
            vector = self.milenage.vector(os.urandom(16), self.sqn, b"\x80\x00")
            parts = (vector.rand, vector.autn, vector.ik, vector.ck, vector.xres)
            self._transport.sendto(f"AKA-RESP-AUTH {imsi} {' '.join(part.hex() for part in parts)}".encode(), addr)


@contextlib.asynccontextmanager
async def hostapd(folder: Path, centre: Centre, port: int = 0) -> AsyncIterator[int]:
    """hostapd as an AAA server for the centre's SIM, killed in the end; its RADIUS port, a free one unless it is given.

    Identities in ``0`` get AKA, in ``6`` AKA'. It waits for its centre as long as tests wait for anything: after the
    second that it waits by itself it rejects a phone whose centre, which runs in the test's process, was held up.
    """
    loop = asyncio.get_running_loop()
    (folder / "auc").unlink(missing_ok=True)
    transport, _ = await loop.create_datagram_endpoint(
        lambda: centre, local_addr=str(folder / "auc"), family=socket.AF_UNIX
    )
    port = port or free_udp_port()
    (folder / "users").write_text('"0"* AKA\n"6"* AKA\'\n"7"* AKA\'\n"8"* AKA\'\n* AKA\n')
    (folder / "clients").write_text(f"127.0.0.1 {SECRET.decode()}\n")
    (folder / "hostapd.conf").write_text(
        f"driver=none\ninterface=none0\neap_server=1\neap_user_file={folder}/users\neap_sim_db=unix:{folder}/auc\n"
        f"eap_sim_db_timeout={DEADLINE_SECONDS}\n"
        f"radius_server_clients={folder}/clients\nradius_server_auth_port={port}\n"
    )
    process = await asyncio.create_subprocess_exec(
        "hostapd", str(folder / "hostapd.conf"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    try:
        printed = b""
        while b"AP-ENABLED" not in printed:
            line = await process.stdout.readline()
            assert line, printed.decode()
            printed += line
        yield port
    finally:
        process.kill()
        await process.communicate()
        transport.close()


def free_udp_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
