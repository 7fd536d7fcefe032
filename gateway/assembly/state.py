"""What lasts: the store in its wrappings, and the chores in the background that keep it in order."""

from __future__ import annotations

import contextlib
import functools
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from gateway.access.audit import AuditLog
from gateway.errors import ConfigError
from gateway.nodes import Nodes, this_process
from gateway.observe import metrics
from gateway.observe.health import Health
from gateway.observe.logs import logger
from gateway.outreach.background import Background
from gateway.outreach.census import COUNT_SECONDS, Census
from gateway.sealing import Sealer
from gateway.settings import Settings
from gateway.store.opening import open_store, served_alone
from gateway.store.protocol import Store
from gateway.store.sealed import SealedStore

if TYPE_CHECKING:
    from gateway.observe.spans import Spans

HOUSEKEEPING_SECONDS = 60


class State(NamedTuple):
    """The store and who works on it; ``spans`` are there where a collector is set."""

    store: Store
    sealer: Sealer
    clock: Callable[[], datetime]
    spans: Spans | None
    background: Background
    nodes: Nodes
    census: Census
    health: Health


async def open_state(
    stack: contextlib.AsyncExitStack,
    settings: Settings,
    sealer: Sealer,
    clock: Callable[[], datetime],
    worker: int | None,
) -> State:
    """The state that the settings name, until the stack closes; ``worker`` is the number of one of several processes.

    Raises: ConfigError when the store or the data directory is not fit for use.
    """
    stack.enter_context(served_alone(settings.store, settings.data))
    store, doubts = await open_store(settings.store, settings.data)
    for doubt in doubts:
        logger().warning("store_doubtful", why=doubt)
    stack.push_async_callback(store.close)
    store = SealedStore(store, sealer)
    spans = open_spans(settings)
    if spans is not None:
        stack.push_async_callback(spans.close)
        store = spans.store(store)
    background = Background(store, clock)
    background.every(HOUSEKEEPING_SECONDS, "housekeeping", functools.partial(_keep_house, store, settings, clock))
    nodes = Nodes(store, this_process(worker, clock()), clock)
    census = Census(store, clock)
    background.every(COUNT_SECONDS, "census", census.take)
    return State(store, sealer, clock, spans, background, nodes, census, Health(store))


def open_spans(settings: Settings) -> Spans | None:
    """What watches, or None without a collector; only then are the libraries for it needed.

    Raises: ConfigError when they are not installed.
    """
    if not settings.opentelemetry.endpoint:
        return None
    try:
        from gateway.observe.spans import Spans
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{error.name} is not installed: pip install 'mogate[otel]', or leave the endpoint out",
            key="opentelemetry.endpoint",
        ) from None
    return Spans(settings.opentelemetry, sqlite=settings.store.url == "sqlite")


async def _keep_house(store: Store, settings: Settings, clock: Callable[[], datetime]) -> None:
    """Drop what ended."""
    expired = await store.expire(clock())
    forgotten = await store.forget_events(clock() - timedelta(days=settings.events.keep_days))
    audit = AuditLog(store)
    if settled := await audit.settle(clock()):
        logger().warning("audit_settled", count=settled)
    await audit.index()
    if days := settings.admin.audit_keep_days:
        await audit.forget(clock() - timedelta(days=days), clock(), secrets.token_hex(4))
    metrics.housekeeping_at.set_to_current_time()
    metrics.expired.inc(expired)
    if expired or forgotten:
        logger().info("expired", count=expired, events=forgotten)
