"""The data directory: made once by ``mogate init``, with keys of its own and, for the demo, somebody to serve."""

from __future__ import annotations

import contextlib
import secrets
from pathlib import Path

import msgspec

from gateway import app
from gateway.admin import auth
from gateway.errors import ConfigError, Conflict
from gateway.files import load_catalogue
from gateway.inventory import SIM_KEY_BYTES, Inventory, SimKeys
from gateway.new_accounts import NewAccounts
from gateway.sealing import Sealer, write_secret
from gateway.serving.demo_tls import ensure_demo_certificates
from gateway.settings import Settings
from gateway.store.opening import open_store
from gateway.store.sealed import SealedStore

DEMO_FILE = "demo.json"
DEMO_HOST = "config.rcs.mnc001.mcc001.pub.3gppnetwork.org"


class DemoPhone(msgspec.Struct, frozen=True):
    """The demo's OMA DM phone: where it calls, and both directions of its account."""

    loc_uri: str
    imei: str
    manufacturer: str
    model: str
    client_name: str
    client_password: str
    server_name: str
    server_password: str
    server_id: str


class DemoClient(msgspec.Struct, frozen=True):
    """The demo's RCC.14 client: the SIM it has, with its keys in hexadecimal digits, and the phone it runs on."""

    imsi: str
    msisdn: str
    imei: str
    terminal_vendor: str
    terminal_model: str
    k: str
    opc: str


class Demo(msgspec.Struct, frozen=True):
    """The devices ``mogate simulate`` plays when it is not told otherwise."""

    subscriber_id: str
    omadm: DemoPhone
    rcc14: DemoClient


_DEMO_SUBSCRIBERS = (
    {
        "subscriber_id": "alice",
        "imsis": ("001010000000001",),
        "msisdn": "+15550100001",
        "plan": "premium",
        "groups": ("staff-pilot",),
    },
    {"subscriber_id": "bob", "imsis": ("001010000000002",), "msisdn": "+15550100002", "plan": "basic"},
    {
        "subscriber_id": "carol",
        "imsis": ("001010000000003",),
        "msisdn": "+15550100003",
        "plan": "basic",
        "tenant": "bluebird",
    },
)


async def initialise(settings: Settings, *, demo: bool) -> dict[str, str]:
    """Make what is missing in the data directory; returns what each part is, by name.

    Raises: ConfigError when the directory cannot be written.
    """
    data = settings.data
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        Sealer.create(settings.seal_key)
        auth.create_setup_token(data)
        auth.create_token(data)
        if demo:
            ensure_demo_certificates(data / "tls", (DEMO_HOST, "localhost"), app.now())
    except OSError as error:
        raise ConfigError(f"cannot write the data directory: {error}", file=data) from None
    made = {"data": str(data), "admin token": str(data / auth.TOKEN_FILE)}
    if auth.read_setup_token(data):
        made["set-up token"] = str(data / auth.SETUP_FILE)
    if demo:
        made["demo"] = "was there" if (data / DEMO_FILE).exists() else await _seed(settings)
    return made


def has_demo(settings: Settings) -> bool:
    """Whether the data directory was made with demo subscribers."""
    return (settings.data / DEMO_FILE).exists()


def load_demo(settings: Settings) -> Demo:
    """The demo's devices.

    Raises: ConfigError when the data directory has no demo.
    """
    file = settings.data / DEMO_FILE
    try:
        return msgspec.json.decode(file.read_bytes(), type=Demo)
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigError(f"no demo devices ({error}); `mogate init --demo` makes some", file=file) from None


def read_phones(file: Path) -> tuple[DemoPhone, ...]:
    """The phones of a file: one on each line, as JSON.

    Raises: ConfigError naming the line.
    """
    phones = []
    for number, line in enumerate(file.read_bytes().splitlines(), start=1):
        try:
            phones.append(msgspec.json.decode(line, type=DemoPhone))
        except msgspec.MsgspecError as error:
            raise ConfigError(f"is no phone with its account: {error}", file=file, line=number) from None
    return tuple(phones)


def simulator_state(settings: Settings, name: str) -> Path:
    """Where a simulated device keeps what a real one keeps in its flash."""
    return settings.data / "simulator" / f"{name}.json"


async def _seed(settings: Settings) -> str:
    store, _ = await open_store(settings.store, settings.data)
    try:
        sealer = Sealer.load(settings.seal_key)
        sealed = SealedStore(store, sealer)
        inventory = Inventory(sealed, load_catalogue(settings), sealer, app.now)
        for subscriber in _DEMO_SUBSCRIBERS:
            # Those that an interrupted run made are there already.
            with contextlib.suppress(Conflict):
                await inventory.create_subscriber(**subscriber)  # type: ignore[arg-type]
        account = await NewAccounts(sealed, inventory, sealer, app.now).add_device(
            "alice",
            loc_uri="IMEI:001015000000015",
            imei="001015000000015",
            manufacturer="Acme",
            model="B7",
            server_name=settings.omadm.server_id,
        )
        sim = SimKeys(secrets.token_bytes(SIM_KEY_BYTES), secrets.token_bytes(SIM_KEY_BYTES))
        await inventory.set_sim("alice", "001010000000001", sim)
    finally:
        await store.close()
    phone = DemoPhone(
        loc_uri="IMEI:001015000000015",
        imei="001015000000015",
        manufacturer="Acme",
        model="B7",
        client_name=account.client.name,
        client_password=account.client.password,
        server_name=account.server.name,
        server_password=account.server.password,
        server_id=settings.omadm.server_id,
    )
    client = DemoClient(
        imsi="001010000000001",
        msisdn="+15550100001",
        imei="001015000000023",
        terminal_vendor="Acme",
        terminal_model="B7",
        k=sim.k.hex(),
        opc=sim.opc.hex(),
    )
    write_secret(settings.data / DEMO_FILE, msgspec.json.encode(Demo(subscriber_id="alice", omadm=phone, rcc14=client)))
    return "three subscribers, one OMA DM phone and one RCC.14 client"
