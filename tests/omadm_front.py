"""The OMA DM front over HTTP, with one device in a real store and a clock that a test turns."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from msgspec.structs import replace
from store_scene import load_device

from adapters.omadm import codec
from adapters.omadm.auth import Account, format_mac, md5_digest
from adapters.omadm.handlers import OmaDmFront
from adapters.omadm.messages import Alert, AnyCommand, Command, Cred, Item, Status, SyncHdr, SyncML
from gateway.detections import Detections
from gateway.fleet.device import Device, account_digest
from gateway.fleet.profile import ProfileSet
from gateway.fleet.subscriber import Subscriber
from gateway.inventory import Inventory
from gateway.learnt import LearntModels
from gateway.mo.catalogue import Catalogue
from gateway.new_accounts import NewAccounts
from gateway.sealing import Sealer
from gateway.service import Service
from gateway.settings import Detection, OmaDm, Trace
from gateway.store.protocol import PutDevice, PutSubscriber
from gateway.store.sqlite import SqliteStore
from gateway.trace import Tracer
from gateway.tree.uri import NO_LIMITS

PHONE = "IMEI:004400112233447"
XML = codec.encoding_of("application/vnd.syncml.dm+xml")
WBXML = codec.encoding_of("application/vnd.syncml.dm+wbxml")
ABOUT = {"DevId": PHONE, "Man": "Acme", "Mod": "A1", "DmV": "1.2", "Lang": "en"}
DEVINFO = tuple(Item(source=f"./DevInfo/{name}", data=value) for name, value in ABOUT.items())
START = (Alert("1", 1201), Command("Replace", "2", DEVINFO))


class Answer(NamedTuple):
    """What the front said: the line of its header's Status, the message, and the headers."""

    head: str
    message: SyncML
    octets: bytes
    headers: dict[str, str]


class Lab:
    """One front with one device in its store; ``now`` is its clock."""

    tracer: Tracer

    def __init__(self, store: SqliteStore, inventory: Inventory, http: TestClient[Any, Any]) -> None:
        self.now = datetime(2026, 1, 2, tzinfo=UTC)
        self.store, self.inventory, self.http = store, inventory, http
        self.digest = ""
        self.encoding = XML

    async def post(self, message: SyncML, target: str = "/omadm", **headers: str) -> Answer:
        """What the front answers."""
        octets, media_type = codec.encode(message, self.encoding), self.encoding.media_type
        async with self.http.post(target, data=octets, headers={"Content-Type": media_type, **headers}) as response:
            assert response.status == 200
            body = await response.read()
            answer, _ = codec.decode(body, self.encoding)
            first = answer.commands[0]
            assert isinstance(first, Status)
            return Answer(f"{int(first.code)}{' chal' if first.chal else ''}", answer, body, dict(response.headers))

    async def signed(self, message: SyncML, nonce: bytes, target: str = "/omadm") -> Answer:
        """The same with a MAC under this nonce."""
        account = Account(PHONE, self.digest, nonce)
        return await self.post(message, target, **{"x-syncml-hmac": format_mac(account, codec.encode(message, XML))})

    def md5(self, nonce: bytes) -> Cred:
        return Cred("syncml:auth-md5", md5_digest(self.digest, nonce))

    async def device(self) -> Device:
        device = await load_device(self.store, "ann.1")
        assert device is not None
        return device


@asynccontextmanager
async def open_lab(path: Path, account: dict[str, Any] | None = None, **settings: Any) -> AsyncIterator[Lab]:
    """A front with these settings, whose device has an account of that kind; its store lies in the directory."""
    catalogue = Catalogue.load(Path(__file__).parents[1] / "config" / "mo", identifiers={})
    store, sealer = SqliteStore.open(path / "store.sqlite"), Sealer(bytes(32))
    service = Service(catalogue, ProfileSet([], catalogue), plmns=["00101"], roots={})
    inventory = Inventory(store, catalogue, sealer, lambda: lab.now)
    tracer = Tracer(store, Trace())
    front = OmaDmFront(
        store,
        service,
        sealer,
        tracer,
        OmaDm(**settings),
        lambda: lab.now,
        secrets_of=lambda device: {},
        models=LearntModels(store, 0),
        detections=Detections(store, Detection(), lambda: lab.now),
    )
    app = web.Application()
    app.router.add_post("/omadm", front.handle)
    http: TestClient[Any, Any] = TestClient(TestServer(app))
    await http.start_server()
    lab = Lab(store, inventory, http)
    lab.tracer = tracer
    await store.commit(PutSubscriber(Subscriber(id="ann", imsis=("001010000000001",))))
    issued = await NewAccounts(store, inventory, sealer, lambda: lab.now).add_device(
        "ann", loc_uri=PHONE, **(account or {})
    )
    assert issued.device.omadm is not None
    asked = replace(issued.device.omadm, large_objects=True, uri_limits=NO_LIMITS)
    await store.commit(PutDevice(replace(await lab.device(), omadm=asked)))
    lab.digest = account_digest(issued.client.name, issued.client.password)
    try:
        yield lab
    finally:
        await http.close()
        await store.close()


def message(msg_id: int, *commands: AnyCommand, source: str = PHONE, cred: Cred | None = None) -> SyncML:
    return SyncML(SyncHdr("1", msg_id, "https://mdm.example.org/dm", source, source_name=source, cred=cred), commands)


def nonce_of(answer: Answer) -> bytes:
    """The nonce of the challenge."""
    first = answer.message.commands[0]
    assert isinstance(first, Status)
    assert first.chal is not None
    return base64.b64decode(first.chal.next_nonce)
