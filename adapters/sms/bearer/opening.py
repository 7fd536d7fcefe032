"""The bearer that the settings name."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Protocol, runtime_checkable

from adapters.sms.bearer.receipts import ReceiptAddress
from gateway.fleet.push import Receipt
from gateway.outreach.background import Background
from gateway.outreach.deliveries import Bearer, Reach
from gateway.sealing import Sealer
from gateway.settings import Settings
from gateway.store.protocol import Store


@runtime_checkable
class _Hears(Protocol):
    """A bearer that receipts come back over: it calls ``hear`` with each."""

    hear: Callable[[Receipt], None]


@contextlib.asynccontextmanager
async def open_bearer(
    settings: Settings, clock: Callable[[], datetime], receipts: ReceiptAddress | None = None
) -> AsyncIterator[Bearer | None]:
    """The bearer for as long as the context is open, None where there is none.

    Raises: ConfigError when it lacks what it needs.
    """
    sms = settings.sms
    if sms.bearer == "none":
        yield None
    elif sms.bearer == "file":
        from adapters.sms.bearer.file import SMS_FILE, FileBearer

        yield FileBearer(settings.data / SMS_FILE, clock)
    elif sms.bearer == "console":
        from adapters.sms.bearer.console import ConsoleBearer

        yield ConsoleBearer()
    elif sms.bearer == "http":
        from adapters.sms.bearer.http import HttpBearer

        http = HttpBearer(sms.http, sender=sms.sender, receipts=receipts)
        try:
            yield http
        finally:
            await http.close()
    else:
        from adapters.sms.bearer.smpp import SmppBearer

        smpp = SmppBearer(sms.smpp, sender=sms.sender)
        smpp.start()
        try:
            yield smpp
        finally:
            await smpp.close()


@contextlib.asynccontextmanager
async def open_reach(
    store: Store,
    bearer: Bearer | None,
    sealer: Sealer,
    settings: Settings,
    background: Background,
    clock: Callable[[], datetime],
    sender: Bearer | None = None,
) -> AsyncIterator[Reach | None]:
    """Pushes over that bearer for as long as the context is open; ``sender`` is it in the wrapping that sends."""
    if bearer is None:
        yield None
        return
    reach = Reach(store, sender or bearer, sealer, settings.sms, background, clock)
    if isinstance(bearer, _Hears):
        bearer.hear = reach.hear
    try:
        yield reach
    finally:
        await reach.close()
