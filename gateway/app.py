"""The composition root: builds the gateway's parts from the settings and serves them on their listeners."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.admin.auth import load_token
from gateway.admin.simulator import Play
from gateway.assembly.admin import open_admin
from gateway.assembly.core import make_core
from gateway.assembly.listeners import Fronts, open_listeners
from gateway.assembly.omadm import open_omadm
from gateway.assembly.outreach import open_outreach
from gateway.assembly.people import open_people
from gateway.assembly.publication import open_publication
from gateway.assembly.rcc14 import open_rcc14
from gateway.assembly.shadows import open_shadows
from gateway.assembly.sms import open_sms
from gateway.assembly.state import open_state
from gateway.assembly.watching import start_watching
from gateway.editions import EDITIONS_FOLDER, Editions
from gateway.files import load_configuration
from gateway.observe import metrics
from gateway.observe.health import Health
from gateway.observe.logs import logger
from gateway.observe.siblings import METRICS, Siblings
from gateway.outreach.gauges import Gauges
from gateway.reload import Reload
from gateway.sealing import Sealer
from gateway.serving import memory
from gateway.settings import Listener, Origin, Settings


def now() -> datetime:
    """The clock of the process."""
    return datetime.now(UTC)


class Running(NamedTuple):
    """A gateway that serves: each listener with the port it got, and what can be done to it."""

    bound: Sequence[tuple[Listener, int]]
    reload: Reload
    health: Health


@contextlib.asynccontextmanager
async def running(
    settings: Settings, siblings: Siblings | None = None, origins: Sequence[Origin] = (), play: Play | None = None
) -> AsyncIterator[Running]:
    """Serve while the context is open. Siblings share the ports; ``origins`` are the settings as they can be looked at.

    ``play`` plays simulated devices from the console.

    Raises: ConfigError when the settings, a file they name or the data directory is not fit for use.
    """
    editions = Editions(settings.profiles, settings.data / EDITIONS_FOLDER)
    editions.recover()
    configuration = load_configuration(settings)
    sealer = Sealer.load(settings.seal_key)
    token = load_token(settings.data)
    # Each part is made of those before it, and they close the other way round.
    async with contextlib.AsyncExitStack() as stack:
        state = await open_state(stack, settings, sealer, now, siblings.number if siblings else None)
        core = make_core(settings, configuration, state)
        sms = await open_sms(stack, settings, state)
        rcc14 = await open_rcc14(stack, settings, configuration, state, core, sms)
        shadows = open_shadows(stack, settings, state, core, rcc14)
        outreach = open_outreach(stack, settings, configuration, state, core, sms)
        omadm = await open_omadm(settings, state, core, outreach)
        fronts = Fronts(rcc14, omadm, sms.receipts, shadows)
        people = open_people(stack, settings, token, state)
        publication = await open_publication(settings, configuration, editions, siblings, state, core, rcc14, outreach)
        gauges = Gauges(state.store, publication.campaigns, outreach.webhooks)
        scrape = functools.partial(metrics.scrape, gauges.refresh)
        admin = open_admin(
            stack,
            settings,
            state,
            core,
            outreach,
            fronts,
            publication,
            people,
            origins=origins,
            scrape=scrape if siblings is None else siblings.render,
            play=play,
        )
        if siblings is not None:
            siblings.answers[METRICS] = scrape
            await siblings.start()
            stack.push_async_callback(siblings.close)
        shared = siblings is not None
        bound = await open_listeners(stack, settings, state, fronts, admin, publication.certificates, shared=shared)
        start_watching(stack, settings, state, core, publication)
        yield Running(bound, publication.reload, state.health)


async def serve(
    settings: Settings,
    announce: Callable[[Sequence[tuple[Listener, int]]], None],
    siblings: Siblings | None = None,
    origins: Sequence[Origin] = (),
    play: Play | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; ``announce`` is called once everything listens.

    SIGTERM lets devices and load balancers know for ``drain_seconds`` before it ends anything; SIGINT, or a second
    signal, does not wait. SIGHUP has the operator's files read anew. One of several siblings also ends with its
    supervisor, which is at the other end of its standard input.
    """
    stop, drain = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, stop.set)
    loop.add_signal_handler(signal.SIGTERM, lambda: (stop if drain.is_set() else drain).set())
    logging.getLogger("aiohttp.server").addFilter(_is_fault)
    if siblings is not None:
        loop.add_reader(sys.stdin, stop.set)
    async with running(settings, siblings, origins, play) as gateway:
        reloads: set[asyncio.Task[None]] = set()

        def reload() -> None:
            reloads.add(task := loop.create_task(gateway.reload.on_signal()))
            task.add_done_callback(reloads.discard)

        loop.add_signal_handler(signal.SIGHUP, reload)
        memory.settle()
        logger().info("serving", listeners={listener.name: port for listener, port in gateway.bound})
        announce(gateway.bound)
        ends = [loop.create_task(event.wait()) for event in (stop, drain)]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set() and settings.load.drain_seconds:
            logger().info("draining", seconds=settings.load.drain_seconds)
            gateway.health.draining = True
            await asyncio.wait(ends[:1], timeout=settings.load.drain_seconds)
        logger().info("stopping")
        for end in ends:
            end.cancel()


def _is_fault(record: logging.LogRecord) -> bool:
    """False for aiohttp's word on a request that is no HTTP: it quotes secrets, and is no fault of the gateway's."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError | web.RequestPayloadError):
        logger().info("request_refused", why=type(error).__name__)
        return False
    return True
