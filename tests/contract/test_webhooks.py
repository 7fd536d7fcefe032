"""Webhooks over every store: every event that is wanted arrives, signed; a dead receiver holds up nobody else."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from aiohttp import web
from clocks import WallClock

from gateway.errors import ConfigError, NotFound
from gateway.observe import metrics
from gateway.outreach.background import Background
from gateway.outreach.campaigns import Campaigns
from gateway.outreach.gauges import Gauges
from gateway.outreach.webhooks import LEASE_SECONDS, Webhooks
from gateway.sealing import Sealer
from gateway.store.protocol import Append, Event, Store

OpenStore = Callable[[], Awaitable[Store]]

START = datetime(2026, 3, 1, tzinfo=UTC)


class Receiver:
    """Takes what it is sent, and answers as it is told."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.taken: list[tuple[dict[str, str], bytes]] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.taken.append(({name.lower(): value for name, value in request.headers.items()}, await request.read()))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)

    def kinds(self) -> list[str]:
        return [json.loads(body)["type"] for _, body in self.taken]


class Lab(WallClock):
    """A receiver, and processes that serve webhooks."""

    def __init__(self, open_store: OpenStore, url: str) -> None:
        super().__init__(START)
        self.open_store = open_store
        self.url = url
        self.running: list[tuple[Background, Webhooks]] = []

    async def begin(self) -> Webhooks:
        store = await self.open_store()
        background = Background(store, lambda: self.now, ticks=self.ticks, poll_seconds=0.01)
        webhooks = Webhooks(store, Sealer(bytes(32)), background, lambda: self.now)
        background.start()
        self.running.append((background, webhooks))
        return webhooks

    async def die(self) -> None:
        while self.running:
            for part in self.running.pop():
                await part.close()


@pytest.fixture
async def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
async def lab(open_store: OpenStore, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Lab]:
    monkeypatch.setattr("gateway.outreach.webhooks.LOOK_SECONDS", 0.01)
    app = web.Application()
    app.router.add_post("/hook", receiver.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    lab = Lab(open_store, f"http://127.0.0.1:{runner.addresses[0][1]}/hook")
    yield lab
    await lab.die()
    await runner.cleanup()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.01)


async def eventually(true: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(30):
        while not await true():  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(0.01)


def event(kind: str, **detail: str) -> Append:
    return Append(Event(at=START, kind=kind, subscriber_id="ann", device_id="ann.1", detail=detail))


async def test_wanted_events_arrive_once_and_signed(lab: Lab, receiver: Receiver) -> None:
    """From the moment it was added, in whichever process; the signature is over id, time and body."""
    webhooks = await lab.begin()
    await lab.begin()
    store = await lab.open_store()
    await store.commit(event("campaign.created"))
    webhook, secret = await webhooks.add(lab.url, ["campaign.*"])
    await store.commit(event("campaign.paused", why="errors"), event("push.failed"), event("campaign.finished"))
    await until(lambda: len(receiver.taken) == 2)
    assert sorted(receiver.kinds()) == ["campaign.finished", "campaign.paused"]
    for headers, body in receiver.taken:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
        assert headers["webhook-signature"] == f"v1,{expected}"
    assert len({headers["webhook-id"] for headers, _ in receiver.taken}) == 2
    data: dict[str, Any] = next(json.loads(body) for _, body in receiver.taken if b"paused" in body)["data"]
    assert (data["subscriber_id"], data["device_id"], data["detail"]) == ("ann", "ann.1", {"why": "errors"})

    async def all_delivered() -> bool:
        return {one.state for _, one in await webhooks.log(webhook.id)} == {"delivered"}

    await eventually(all_delivered)
    stored = await store.load_record("webhook", webhook.id)
    assert stored is not None
    assert secret.encode() not in stored.payload


async def test_a_dead_receiver_holds_up_nobody(lab: Lab, receiver: Receiver) -> None:
    """Its messages wait, each with why; they go when their time has come, and the others went meanwhile."""
    webhooks = await lab.begin()
    dead, _ = await webhooks.add("http://127.0.0.1:9/nobody", ["*"])
    await webhooks.add(lab.url, ["*"])
    store = await lab.open_store()
    await store.commit(*(event(f"e.{n}") for n in range(20)))
    await until(lambda: len(receiver.taken) == 20)

    async def all_tried() -> bool:
        log = await webhooks.log(dead.id)
        return len(log) == 20 and all(one.attempts for _, one in log)

    await eventually(all_tried)
    log = await webhooks.log(dead.id)
    assert {(one.state, one.status) for _, one in log} == {("waiting", None)}
    assert all("connect" in one.why.lower() for _, one in log)


async def test_a_refused_message_comes_again_with_its_id(lab: Lab, receiver: Receiver) -> None:
    """After the receiver's fault, by another process when the first one died; the id tells that it is the same."""
    receiver.statuses = [500]
    webhooks = await lab.begin()
    webhook, _ = await webhooks.add(lab.url, ["*"])
    await (await lab.open_store()).commit(event("e"))
    await until(lambda: len(receiver.taken) == 1)

    async def state(webhooks: Webhooks) -> tuple[int, str]:
        log = await webhooks.log(webhook.id)
        return (log[0][1].attempts, log[0][1].state) if log else (0, "")

    async def refused() -> bool:
        return await state(webhooks) == (1, "waiting")

    await eventually(refused)
    await lab.die()
    others = await lab.begin()
    lab.now += timedelta(seconds=10)
    await until(lambda: len(receiver.taken) == 2)
    assert len({headers["webhook-id"] for headers, _ in receiver.taken}) == 1
    ((message_id, _),) = await others.log(webhook.id)

    async def delivered() -> bool:
        return await state(others) == (2, "delivered")

    await eventually(delivered)
    assert await others.replay(webhook.id, message_id) == 1
    await until(lambda: len(receiver.taken) == 3)
    with pytest.raises(NotFound):
        await others.replay(webhook.id, "nothing")


async def test_a_receiver_that_is_gone_is_left_alone(lab: Lab, receiver: Receiver) -> None:
    """410 ends it; a replay begins it anew. A test says at once what came of it."""
    webhooks = await lab.begin()
    webhook, _ = await webhooks.add(lab.url, ["*"])
    tested = await webhooks.test(webhook.id)
    assert (tested.state, receiver.kinds()) == ("delivered", ["webhook.test"])
    receiver.statuses = [410]
    await (await lab.open_store()).commit(event("e"))

    async def disabled() -> str:
        return (await webhooks.load(webhook.id)).disabled

    await eventually(disabled)
    ((message_id, _),) = await webhooks.log(webhook.id)
    assert await webhooks.replay(webhook.id, message_id) == 1
    await until(lambda: receiver.kinds().count("e") >= 2)
    await webhooks.remove(webhook.id)
    with pytest.raises(NotFound):
        await webhooks.load(webhook.id)
    for url, events in (
        ("ftp://x", ["*"]),
        ("http://", ["*"]),
        ("http://u:p@x", ["*"]),
        (lab.url, []),
        (lab.url, ["?"]),
    ):
        with pytest.raises(ConfigError):
            await webhooks.add(url, events)


async def test_metrics_tell_how_far_the_slowest_is_behind(lab: Lab) -> None:
    """Events that the one furthest behind has not looked at; nothing once all were, and with no webhook at all."""
    store = await lab.open_store()
    webhooks = Webhooks(store, Sealer(bytes(32)), Background(store, lambda: lab.now), lambda: lab.now)
    campaigns = Campaigns(store, *cast("tuple[Any, Any, Any, Any]", (None,) * 4), Background(store, lambda: lab.now),
                          lambda: lab.now, cast("Any", None))  # fmt: skip
    gauges = Gauges(store, campaigns, webhooks)

    async def lag() -> float | None:
        await gauges.refresh()
        return metrics.registry.get_sample_value("mogate_event_stream_lag", {})

    assert await lag() == 0
    await webhooks.add(lab.url, ["*"])
    await store.commit(*(event(f"e.{n}") for n in range(7)))
    assert await lag() == 7
    await lab.begin()
    async with asyncio.timeout(30):
        while await lag():  # noqa: ASYNC110 - the store tells nobody
            await asyncio.sleep(0.01)


async def test_what_a_clock_ahead_put_off_is_sent_when_it_is_right(
    lab: Lab, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message comes once more as soon as its webhook is served by the clock that is right."""
    monkeypatch.setattr("gateway.outreach.webhooks.HOLD_SECONDS", 0.05)
    lab.now += timedelta(days=400)
    receiver.statuses = [500]
    webhooks = await lab.begin()
    await webhooks.add(lab.url, ["x.y"])
    store = await lab.open_store()
    await store.commit(Append(Event(at=lab.now, kind="x.y")))
    await until(lambda: len(receiver.taken) == 1)
    lab.move(timedelta(days=-400))
    await lab.noticed(store, done=[background for background, _ in lab.running])
    lab.now += timedelta(seconds=LEASE_SECONDS)
    await until(lambda: receiver.kinds() == ["x.y", "x.y"])
