"""Many at once, and the end in the middle: nothing answered is lost, nobody waits for anybody else."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import aiohttp
import pytest
from live_gateway import Gateway, serving

from adapters.simulator.omadm_device import run_session
from adapters.simulator.transcript import Transcript
from gateway.errors import Unavailable

XML = "application/vnd.syncml.dm+xml"
ANSWER_SECONDS = 30
TIMER = "ims/Timer_T1"
FIRST_VALUE = 10_000


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway for all of these; its log must be free of errors in the end."""
    with serving(tmp_path_factory.mktemp("gateway")) as one:
        yield one


class Crowd:
    """Many clients of one gateway, each with a connection of its own when it needs one."""

    def __init__(self, gateway: Gateway, http: aiohttp.ClientSession) -> None:
        self.gateway = gateway
        self.http = http

    async def admin(self, method: str, path: str, body: object = None) -> Any:
        """What the admin API answers when it agrees."""
        bearer = {"Authorization": f"Bearer {self.gateway.token}"}
        url = self.gateway.url("admin", f"/api/v1{path}")
        async with self.http.request(method, url, json=body, headers=bearer) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json() if answer.content_length else None

    async def set(self, reference: str, **values: str) -> None:
        await self.admin(
            "PATCH", f"/subscribers/{reference}/values", {"set": {f"ims/{k}": v for k, v in values.items()}}
        )

    async def account(self, name: str, imsi: str) -> SimpleNamespace:
        """A new subscriber with a phone that has an OMA DM account."""
        await self.admin("POST", "/subscribers", {"id": name, "imsis": [imsi]})
        made = await self.admin("POST", f"/subscribers/{name}/devices", {"loc_uri": f"phone-{name}"})
        return SimpleNamespace(**made, loc_uri=f"phone-{name}", manufacturer="Acme", model="B7", server_id="mogate")

    async def session(self, account: SimpleNamespace) -> Transcript:
        """One OMA DM session of that phone."""
        state = self.gateway.folder / f"{account.loc_uri}.json"
        return await run_session(account, self.gateway.url("plain", "/omadm"), state)

    async def post(self, octets: bytes) -> tuple[int, bytes]:
        """The answer to one OMA DM message."""
        url = self.gateway.url("plain", "/omadm")
        async with self.http.post(url, data=octets, headers={"Content-Type": XML}) as answer:
            return answer.status, await answer.read()

    async def cookie(self, imsi: str) -> str:
        """A cookie of the plain leg."""
        async with self.http.get(self.gateway.url("plain", "/"), headers={"X-IMSI": imsi}) as answer:
            assert answer.status == 200
            return answer.headers["Set-Cookie"].partition(";")[0]

    async def document(self, query: str, cookie: str = "") -> tuple[int, str]:
        """Status and document of the TLS leg."""
        url = self.gateway.url("tls", f"/?{query}")
        async with self.http.get(url, headers={"Cookie": cookie} if cookie else {}, ssl=False) as answer:
            return answer.status, await answer.text()

    def send(self, octets: bytes, listener: str = "plain") -> socket.socket:
        """A connection of its own on which these octets are under way."""
        connection = socket.create_connection(("127.0.0.1", self.gateway.ports[listener]), timeout=ANSWER_SECONDS)
        connection.sendall(octets)
        return connection


@pytest.fixture
async def crowd(gateway: Gateway) -> AsyncIterator[Crowd]:
    """Clients of the gateway of this module."""
    async with clients_of(gateway) as crowd:
        yield crowd


@contextlib.asynccontextmanager
async def clients_of(gateway: Gateway) -> AsyncIterator[Crowd]:
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    jar, connector = aiohttp.DummyCookieJar(), aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=jar, connector=connector) as http:
        yield Crowd(gateway, http)


def first_message(session: str, loc_uri: str = "IMEI:001015000000015") -> bytes:
    return (
        '<SyncML xmlns="SYNCML:SYNCML1.2"><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto>'
        f"<SessionID>{session}</SessionID><MsgID>1</MsgID><Target><LocURI>mogate</LocURI></Target>"
        f"<Source><LocURI>{loc_uri}</LocURI></Source></SyncHdr>"
        "<SyncBody><Alert><CmdID>1</CmdID><Data>1201</Data></Alert><Final/></SyncBody></SyncML>"
    ).encode()


def head(length: int) -> bytes:
    return f"POST /omadm HTTP/1.1\r\nHost: x\r\nContent-Type: {XML}\r\nContent-Length: {length}\r\n\r\n".encode()


def version_of(document: str) -> int:
    found = re.search(r'name="version" value="(-?\d+)"', document)
    assert found, document[:300]
    return int(found[1])


async def test_one_message_sent_five_times_at_once_has_one_answer(crowd: Crowd) -> None:
    """Copies of a message that arrive together get the identical octets, or 503 and a time to ask again.

    Spec: OMA-TS-SyncML_RepPro-V1_2 6.1.11 (MsgID)
    """
    message = first_message("five")
    answers = await asyncio.gather(*(crowd.post(message) for _ in range(5)))
    assert {status for status, _ in answers} <= {200, 503}
    assert len({octets for status, octets in answers if status == 200}) == 1
    again = await crowd.post(message)
    assert again in answers


async def test_two_messages_of_one_device_at_once_have_an_order(crowd: Crowd) -> None:
    """Of two sessions begun at once one replaces the other: the stored one goes on, and the phone still gets in."""
    account = await crowd.account("two", "001010000000100")
    messages = [first_message(session, account.loc_uri) for session in ("one", "other")]
    answers = await asyncio.gather(*(crowd.post(message) for message in messages))
    assert [status for status, _ in answers] == [200, 200]
    nonces = [re.search(rb"<NextNonce[^>]*>([^<]+)<", octets) for _, octets in answers]
    assert all(nonces)
    assert len({nonce[1] for nonce in nonces if nonce}) == 2
    assert (await crowd.session(account)).result == "ok"


async def test_twenty_phones_and_their_operator_do_not_disturb_each_other(crowd: Crowd) -> None:
    """While twenty sessions run, twenty values change; the next sessions bring exactly what was missing."""
    accounts = [await crowd.account(f"many{number}", f"0010100000002{number:02}") for number in range(20)]
    first = await asyncio.gather(
        *(crowd.session(account) for account in accounts),
        *(crowd.set(f"many{number}", Timer_T1=str(5000 + number)) for number in range(20)),
    )
    assert {transcript.result for transcript in first if transcript} == {"ok"}
    second = await asyncio.gather(*(crowd.session(account) for account in accounts))
    third = await asyncio.gather(*(crowd.session(account) for account in accounts))
    for number, (then, last) in enumerate(zip(second, third, strict=True)):
        assert then.facts["commands"] in ([], ["Replace ./3GPP_IMS/Timer_T1 200"])
        assert (last.result, last.facts["commands"]) == ("ok", [])
        assert last.values["./3GPP_IMS/Timer_T1"] == str(5000 + number)


@pytest.mark.parametrize("attempt", range(5))
async def test_one_cookie_at_once_twice_gives_one_document(crowd: Crowd, attempt: int) -> None:
    """Of requests that bear the same cookie exactly one gets a document, the others are asked for a proof.

    Spec: RCC.14 2.2
    """
    cookie = await crowd.cookie("001010000000003")
    query = f"vers=0&IMEI=00101500000{attempt:04}"
    answers = await asyncio.gather(*(crowd.document(query, cookie) for _ in range(3)))
    assert sorted(status for status, _ in answers) == [200, 511, 511]
    assert {document for status, document in answers if status != 200} == {""}


async def test_two_operators_at_once_lose_nothing(crowd: Crowd) -> None:
    """Two changes of one subscriber at the same moment are both made."""
    for number in range(1, 6):
        wanted = {"Timer_T1": str(number), "Timer_T2": str(number + 50)}
        await asyncio.gather(*(crowd.set("bob", **{name: value}) for name, value in wanted.items()))
        values = (await crowd.admin("GET", "/subscribers/bob"))["values"]
        assert values == {f"ims/{name}": value for name, value in wanted.items()}


@pytest.mark.parametrize("reset", [False, True])
async def test_a_client_that_hangs_up_in_its_message_is_no_fault(crowd: Crowd, reset: bool) -> None:
    """Connections that end in the middle of a body, or before the answer, leave no error in the log and no harm."""
    message = first_message("hang up")
    bearer = (
        f"PATCH /api/v1/subscribers/bob/values HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {crowd.gateway.token}\r\n"
    )
    connections = [
        crowd.send(head(len(message)) + message[:100]),
        crowd.send(head(len(message)) + message),
        crowd.send(b"POST /omadm HTTP/1.1\r\nHo"),
        crowd.send(f"{bearer}Content-Length: 900\r\n\r\n{{".encode(), "admin"),
    ]
    assert (await crowd.post(first_message("after")))[0] == 200
    for connection in connections:
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    assert (await crowd.post(first_message("later")))[0] == 200
    assert "request_failed" not in crowd.gateway.log()


async def test_slow_bodies_hold_up_nobody(crowd: Crowd) -> None:
    """A hundred bodies that do not come to an end keep nobody else waiting; a slow one is answered when it is there."""
    message = first_message("slow")
    account = await crowd.account("quick", "001010000000101")
    slow = [crowd.send(head(len(message)) + message[: number + 1]) for number in range(100)]
    async with asyncio.timeout(ANSWER_SECONDS):
        assert (await crowd.session(account)).result == "ok"
    slow[0].sendall(message[1:])
    assert (await asyncio.to_thread(slow[0].recv, 65536)).startswith(b"HTTP/1.1 200 ")
    for connection in slow:
        connection.close()


async def test_two_hundred_connections_stay_open(crowd: Crowd) -> None:
    """Connections are kept for the next request, many at once."""
    ask = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
    connections = [crowd.send(ask, "admin") for _ in range(200)]
    for _ in range(2):
        for connection in connections:
            answer = await asyncio.to_thread(connection.recv, 65536)
            assert answer.startswith(b"HTTP/1.1 200 ")
            connection.sendall(ask)
    for connection in connections:
        connection.close()


class Answered(NamedTuple):
    """What one subscriber was told before the gateway was killed: the last of each, and every cookie used up."""

    values: list[int]
    held: list[int]
    versions: list[int]
    cookies: list[str]
    tokens: list[str]


@pytest.mark.parametrize("progress", [10, 75])
async def test_killed_under_load_it_knows_everything_it_answered(tmp_path: Path, progress: int) -> None:
    """After kill -9 amid sessions, changes and queries: no value, version, cookie or nonce has gone backwards.

    All clients have one address and many come back with a used cookie: that is no client in a circle, so each is told
    to start again (511), none to wait (503).
    """
    people = [(f"p{number}", f"0010100000003{number:02}") for number in range(6)]
    told = {name: Answered([], [], [], [], []) for name, _ in people}
    with serving(tmp_path) as gateway:
        async with clients_of(gateway) as crowd:
            accounts = {name: await crowd.account(name, imsi) for name, imsi in people}
            for account in accounts.values():
                assert (await crowd.session(account)).result == "ok"
            await _work_until_killed(crowd, people, accounts, told, progress)
        gateway.start()
        async with clients_of(gateway) as crowd:
            for name, imsi in people:
                await _check(crowd, imsi, accounts[name], name, told[name])


async def _work_until_killed(
    crowd: Crowd,
    people: list[tuple[str, str]],
    accounts: dict[str, SimpleNamespace],
    told: dict[str, Answered],
    progress: int,
) -> None:
    """Every subscriber's operator, phone and client at work, until that many answers have been given."""
    alive = True

    async def repeat(step: Callable[[str, str, int], Awaitable[None]], name: str, imsi: str) -> None:
        nonlocal alive
        for number in range(1, 1000):
            try:
                await step(name, imsi, number)
            except (aiohttp.ClientError, Unavailable, TimeoutError):
                assert not alive
                return
            if alive and sum(len(facts) for answered in told.values() for facts in answered) >= progress:
                alive = False
                crowd.gateway.stop(signal.SIGKILL)

    async def change(name: str, _imsi: str, number: int) -> None:
        await crowd.set(name, Timer_T1=str(FIRST_VALUE + number))
        told[name].values.append(FIRST_VALUE + number)

    async def manage(name: str, _imsi: str, _number: int) -> None:
        transcript = await crowd.session(accounts[name])
        if transcript.result == "ok":
            told[name].held.append(int(transcript.values["./3GPP_IMS/Timer_T1"]))

    async def configure(name: str, imsi: str, _number: int) -> None:
        cookie = await crowd.cookie(imsi)
        status, document = await crowd.document("vers=0&IMEI=001015000000055", cookie)
        if status == 200:
            told[name].cookies.append(cookie)
            told[name].versions.append(version_of(document))
            told[name].tokens.extend(re.findall(r'name="token" value="([^"]+)"', document))

    await asyncio.gather(*(repeat(step, *person) for person in people for step in (change, manage, configure)))
    assert not alive


async def _check(crowd: Crowd, imsi: str, account: SimpleNamespace, name: str, told: Answered) -> None:
    stored = await crowd.admin("GET", f"/subscribers/{name}")
    assert int(stored["values"].get(TIMER, 0)) >= max(told.values, default=0)
    device = await crowd.admin("GET", f"/devices/{name}.1")
    held = {leaf["node"]: leaf["held"] for leaf in device["leaves"]}
    assert int(held[TIMER]) >= max(told.held, default=0)
    for cookie in told.cookies:
        assert (await crowd.document("vers=0", cookie))[0] == 511
    for token in told.tokens[-1:]:
        assert (await crowd.document(f"vers=0&token={token}"))[0] == 200
    status, document = await crowd.document("vers=0&IMEI=001015000000055", await crowd.cookie(imsi))
    assert status == 200
    assert version_of(document) >= max(told.versions, default=1)

    await crowd.set(name, Timer_T1="77000")
    transcript = await crowd.session(account)
    assert transcript.result == "ok"
    if transcript.values["./3GPP_IMS/Timer_T1"] != "77000":
        # A call whose answer was lost is the same call again, and gets that answer; the change comes with the next.
        transcript = await crowd.session(account)
    assert transcript.values["./3GPP_IMS/Timer_T1"] == "77000"
    said = [line for step in transcript.steps if step.direction == "received" for line in step.says]
    assert said.count("Status 401 to SyncHdr") + said.count("Status 407 to SyncHdr") <= 1
