"""The admin API without a gateway around it."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest
from aiohttp.test_utils import TestClient, TestServer

from gateway.admin.api import AdminApi
from gateway.admin.audit import AuditRoutes
from gateway.admin.caller import Callers
from gateway.admin.devices import DeviceRoutes
from gateway.admin.dispatch import Parts
from gateway.admin.events import EventRoutes
from gateway.admin.exports import ExportRoutes
from gateway.admin.imports import ImportRoutes
from gateway.admin.metrics import MetricsRoutes
from gateway.admin.people import PeopleRoutes
from gateway.admin.search import SearchRoutes
from gateway.admin.sessions import SessionRoutes
from gateway.admin.subscribers import SubscriberRoutes
from gateway.bulk import Bulk
from gateway.fleet.device import Device
from gateway.fleet.profile import ProfileSet
from gateway.fleet.subscriber import Subscriber
from gateway.ims_credentials import ImsCredentials
from gateway.inventory import Inventory
from gateway.mo.catalogue import Catalogue
from gateway.new_accounts import NewAccounts
from gateway.observe.health import Health
from gateway.observe.metrics import scrape
from gateway.sealing import Sealer
from gateway.service import Service
from gateway.store.sqlite import SqliteStore
from gateway.subscriptions import Subscriptions

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CATALOGUE = Catalogue.load(Path(__file__).parents[4] / "config" / "mo", identifiers={})
TOKEN = "the-token"


class Documents:
    """Fails, as no adapter is here."""

    def preview(self, subscriber: Subscriber, device: Device, layout: Literal["A", "B"]) -> bytes:
        raise RuntimeError(f"cannot render for IMSI {subscriber.imsi}")


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def held_back() -> list[float]:
    """For how long attempts at passwords were held back, in seconds."""
    return []


@pytest.fixture
def api(store: SqliteStore, tmp_path: Path, clock: Clock, held_back: list[float]) -> AdminApi:
    service = Service(CATALOGUE, ProfileSet([], CATALOGUE), plmns=["00101"], roots={"ims": "./IMS"})
    inventory = Inventory(store, CATALOGUE, Sealer(bytes(32)), clock)
    new_accounts = NewAccounts(store, inventory, Sealer(bytes(32)), clock)
    digest = hashlib.sha256(TOKEN.encode()).digest()
    callers = Callers(store, token_digest=digest, clock=clock, session_seconds=3600)

    async def pause(seconds: float) -> None:
        held_back.append(seconds)

    return AdminApi(
        SubscriberRoutes(store, service, inventory, Subscriptions(store, inventory, clock), Documents()).routes(),
        DeviceRoutes(
            store, service, inventory, new_accounts, ImsCredentials(Sealer(bytes(32))), clock, lambda _: ()
        ).routes(),
        EventRoutes(store, inventory).routes(),
        MetricsRoutes(scrape, watch_seconds=0.01).routes(),
        PeopleRoutes(store, clock).routes(),
        SessionRoutes(store, callers, tmp_path, clock, pause=pause).routes(),
        AuditRoutes(store, inventory).routes(),
        SearchRoutes(store, clock).routes(),
        ImportRoutes(Bulk(store, inventory, new_accounts, clock)).routes(),
        ExportRoutes(store, Sealer(bytes(32))).routes(),
        callers=callers,
        parts=Parts(inventory, store, Sealer(bytes(32)), clock, needs_reason=False, data=Path()),
        health=Health(store),
    )


@pytest.fixture
async def client(api: AdminApi) -> AsyncIterator[TestClient]:
    """A client that carries the token."""
    async with TestClient(TestServer(api.application()), headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        yield client
