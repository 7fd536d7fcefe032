"""Calls that find nothing to do are answered as they would be the long way, and leave the device's record alone."""

from __future__ import annotations

import functools
import hashlib
import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from omadm_front import DEVINFO, PHONE, START, WBXML, XML, Answer, Lab, message, nonce_of, open_lab

from adapters.omadm import codec
from adapters.omadm.codec import Encoding
from adapters.omadm.idle import Idle
from adapters.omadm.messages import Alert, AnyCommand, Command, Meta, Status, SyncML
from adapters.omadm.shapes import MAX_SHAPES, Shapes
from gateway.fleet.device import Device
from gateway.fleet.operation import Operation
from gateway.fleet.push import Push
from gateway.observe import metrics
from gateway.status import StatusCode
from gateway.store.protocol import PutDevice, PutSubscriber

SERVER_DONE = Status("1", "1", "0", "SyncHdr", StatusCode(212))
Change = Callable[[Lab], Awaitable[None]]


class Phone:
    """The phone of a lab: it repeats its opening in each session, and takes the nonce from each answer."""

    def __init__(self, lab: Lab, said: list[SyncML] | None = None) -> None:
        self.lab = lab
        self.nonce = b""
        self.all_said: list[SyncML] = [] if said is None else said

    async def call(self, *commands: AnyCommand, session_id: str = "1", **header: Any) -> Answer:
        """A session that begins."""
        said = message(1, *(commands or START), cred=self.lab.md5(self.nonce))
        differs = {"session_id": session_id, "meta": Meta(max_msg_size=9999)} | header
        self.all_said.append(replace(said, header=replace(said.header, **differs)))
        answer = await self.lab.post(self.said)
        first = answer.message.commands[0]
        if isinstance(first, Status) and first.chal is not None and first.chal.next_nonce:
            self.nonce = nonce_of(answer)
        return answer

    @property
    def said(self) -> SyncML:
        """What it said last."""
        return self.all_said[-1]

    async def again(self) -> Answer:
        """The same octets once more."""
        self.all_said.append(self.said)
        return await self.lab.post(self.said)

    async def settle(self) -> None:
        """Calls until there is nothing to do, nothing new to say, and that is on record."""
        for _ in range(4):
            await self.call()


async def device_of(lab: Lab) -> Device:
    """The device as it is on record, but for what only one of the two ways keeps, or is drawn by lot."""
    device = await lab.device()
    assert device.omadm is not None
    client = replace(device.omadm.client, secret=b"")
    server = device.omadm.server and replace(device.omadm.server, secret=b"", password=b"")
    return replace(device, revision=0, omadm=replace(device.omadm, answered=b"", client=client, server=server))


async def answered_by(lab: Lab) -> bytes:
    """What tells the last call that was answered the short way."""
    state = (await lab.device()).omadm
    assert state is not None
    return state.answered


async def nothing(_: Lab) -> None:
    pass


async def queue_an_operation(lab: Lab) -> None:
    await lab.inventory.enqueue("ann", Operation(id="op", verb="Get", uri="./A"))


async def arm_a_trace(lab: Lab) -> None:
    await lab.inventory.arm_trace("ann.1", 5)


async def push(lab: Lab) -> None:
    household = await lab.store.load_household("id", "ann")
    assert household is not None
    sent = Push(id="ann-1", kind="dm_notify", ordered_at=lab.now, parts=1, device_id="ann.1", submitted_at=lab.now)
    await lab.store.commit(PutSubscriber(replace(household.subscriber, pushes=(sent,))))


async def change_the_model(lab: Lab) -> None:
    device = await lab.device()
    await lab.store.commit(PutDevice(replace(device, content_revision=device.content_revision + 1)))


async def take_a_reset_on(lab: Lab) -> None:
    device = await lab.device()
    assert device.omadm is not None
    await lab.store.commit(PutDevice(replace(device, omadm=replace(device.omadm, reset_at=lab.now))))


async def let_time_pass(lab: Lab) -> None:
    lab.now += timedelta(days=2)


OTHER_MODEL = Command("Replace", "2", tuple(replace(one, data="A2") if "Mod" in one.source else one for one in DEVINFO))
IDLE: list[tuple[str, Change, dict[str, Any], dict[str, Any], tuple[AnyCommand, ...], dict[str, Any]]] = [
    ("as ever", nothing, {}, {}, (), {}),
    ("called", nothing, {}, {}, (Alert("1", 1201), START[1]), {}),
    ("another session", nothing, {}, {}, (), {"session_id": "F2&"}),
    ("another time", let_time_pass, {}, {}, (), {}),
    ("another address", nothing, {}, {}, (), {"target": "https://other.example.org/?a=1&b=2"}),
    ("without namespaces", nothing, {}, {"namespaces": False}, (), {}),
    ("small messages", nothing, {}, {}, (), {"meta": Meta(max_msg_size=2000)}),
]
BUSY: list[tuple[str, Change, dict[str, Any], dict[str, Any], tuple[AnyCommand, ...], dict[str, Any]]] = [
    ("an operation", queue_an_operation, {}, {}, (), {}),
    ("a trace", arm_a_trace, {}, {}, (), {}),
    ("a push", push, {}, {}, (), {}),
    ("another configuration", change_the_model, {}, {}, (), {}),
    ("a reset", take_a_reset_on, {}, {}, (), {}),
    ("the gateway has a MAC", nothing, {"server_auth": "mac"}, {}, (), {}),
    ("basic", nothing, {"auth": "basic"}, {}, (), {}),
    ("credentials each time", nothing, {}, {"credentials": "message"}, (), {}),
    ("a place of its own", nothing, {}, {"resp_uri": "https://dm.example.org/more"}, (), {}),
    ("another model", nothing, {}, {}, (START[0], OTHER_MODEL), {}),
    ("an alert more", nothing, {}, {}, (*START, Alert("3", 1224)), {}),
    ("an older phone", nothing, {}, {}, (), {"ver_dtd": "1.1", "ver_proto": "DM/1.1"}),
    ("an unknown version", nothing, {}, {}, (), {"ver_proto": "DM/9"}),
    ("no address", nothing, {}, {}, (), {"target": ""}),
    ("tiny messages", nothing, {}, {}, (), {"meta": Meta(max_msg_size=300)}),
]


@pytest.mark.parametrize("encoding", [XML, WBXML], ids=["XML", "WBXML"])
@pytest.mark.parametrize(
    ("change", "account", "settings", "commands", "header", "idles"),
    [pytest.param(*case[1:], idles, id=case[0]) for cases, idles in ((IDLE, True), (BUSY, False)) for case in cases],
)
async def test_a_call_is_answered_as_it_is_the_long_way(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    change: Change,
    account: dict[str, Any],
    settings: dict[str, Any],
    commands: tuple[AnyCommand, ...],
    header: dict[str, Any],
    encoding: Encoding,
    *,
    idles: bool,
) -> None:
    """The same octets, the same record, whatever has changed since the phone was at rest; and after that, too."""
    said: list[SyncML] = []

    def token_bytes(length: int = 32) -> bytes:
        return hashlib.sha512(str(len(said)).encode()).digest()[:length]

    async def scene(path: Path) -> tuple[list[bytes], Device, list[str], bool]:
        said.clear()
        known = {"client_password": "of the phone", "server_password": "of the gateway", "server_nonce": b"nonce"}
        async with open_lab(path, known | account, **settings) as lab:
            lab.encoding = encoding
            phone = Phone(lab, said)
            await phone.settle()
            await change(lab)
            before = await answered_by(lab)
            answers = [await phone.call(*commands, **header)]
            now = await answered_by(lab)
            answers += [await phone.again(), await phone.call()]
            events = [event.kind for event in await lab.store.load_events(limit=50)]
            octets = [answer.octets for answer in answers]
            return octets, await device_of(lab), events, now not in (before, b"")

    monkeypatch.setattr(secrets, "token_bytes", token_bytes)
    monkeypatch.setattr(secrets, "token_hex", lambda length=8: "ab" * length)
    *short, at_once = await scene(tmp_path_factory.mktemp("short"))
    assert at_once == idles
    monkeypatch.setattr(Idle, "answer", lambda *_: None)
    *long, at_once = await scene(tmp_path_factory.mktemp("long"))
    assert not at_once
    assert short == long


async def test_what_ends_at_once_has_no_session_on_record_and_is_known_all_the_same(tmp_path: Path) -> None:
    """The same octets for the message again, an end for a last Status, and nothing for commands out of place."""
    async with open_lab(tmp_path) as lab:
        phone = Phone(lab)
        await phone.settle()
        lab.now += timedelta(seconds=900)
        answer = await phone.call(session_id="7")
        contact = await lab.store.load_contact(PHONE, lab.now)
        assert contact is not None
        assert contact.session is None

        assert (await lab.post(phone.said)).octets == answer.octets
        done = message(2, SERVER_DONE)
        done = replace(done, header=replace(done.header, session_id="7"))
        assert (await lab.post(done)).head == "200"
        late = replace(done, commands=(Command("Replace", "1", DEVINFO),))
        ended = await lab.post(late)
        assert isinstance(ended.message.commands[-1], Alert)
        assert (ended.head, ended.message.commands[-1].code) == ("408", 1223)
        lab.now += timedelta(seconds=900)
        assert (await lab.post(done)).head == "408"


async def test_a_copy_of_an_answered_call_opens_no_session(tmp_path: Path) -> None:
    """Not after the phone called again, and not while its call stands answered either."""
    async with open_lab(tmp_path) as lab:
        phone = Phone(lab)
        await phone.settle()
        await phone.call()
        copied, before = phone.said, await lab.device()
        await lab.post(copied)
        assert await lab.device() == before
        await lab.inventory.enqueue("ann", Operation(id="", verb="Get", uri="./A"))
        again = await lab.post(copied)
        assert not [one for one in again.message.commands if isinstance(one, Command)]
        answer = await phone.call()
        assert [one for one in answer.message.commands if isinstance(one, Command)]
        assert (await lab.post(copied)).head == "401 chal"


async def test_wrong_credentials_get_the_challenge_they_always_get(tmp_path: Path) -> None:
    """Whoever only knows what the phone says of itself learns nothing and changes nothing."""
    async with open_lab(tmp_path) as lab:
        phone = Phone(lab)
        await phone.settle()
        before, phone.nonce = await lab.device(), b"guessed"
        assert (await phone.call()).head == "401 chal"
        assert await lab.device() == before


@pytest.mark.parametrize("encoding", [XML, WBXML], ids=["XML", "WBXML"])
async def test_a_process_that_has_just_begun_knows_the_headers_of_such_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: Encoding
) -> None:
    """From the first that is proven, as long as there is room; those that are known stay."""
    async with open_lab(tmp_path) as lab:
        lab.encoding = encoding
        phone = Phone(lab)
        await phone.settle()
        shapes = Shapes()
        monkeypatch.setattr(codec, "open_message", functools.partial(codec.open_message, shapes=shapes))

        def is_known() -> bool:
            return shapes.find(codec.encode(phone.said, encoding), encoding.wbxml) is not None

        nonce, phone.nonce = phone.nonce, b"guessed"
        assert (await phone.call()).head == "401 chal"
        assert not is_known()
        phone.nonce = nonce
        for number in range(MAX_SHAPES):
            await phone.call(target=f"t{number}")
            assert await answered_by(lab)
            assert is_known()
        await phone.call(target="one too many")
        assert await answered_by(lab)
        assert not is_known()


async def test_a_call_that_finds_nothing_to_do_is_counted_as_a_session(tmp_path: Path) -> None:
    """It began and ended; its repetition is none."""

    def counted(name: str, **labels: str) -> float:
        return metrics.registry.get_sample_value(name, labels) or 0

    async with open_lab(tmp_path) as lab:
        phone = Phone(lab)
        await phone.settle()
        ended = counted("mogate_dm_sessions_total", auth="md5", result="ok")
        started = counted("mogate_dm_sessions_started_total", initiator="client")
        active = counted("mogate_dm_sessions_active")
        await phone.call()
        await lab.post(phone.said)
        assert counted("mogate_dm_sessions_total", auth="md5", result="ok") == ended + 1
        assert counted("mogate_dm_sessions_started_total", initiator="client") == started + 1
        assert counted("mogate_dm_sessions_active") == active
