"""The bearer that the settings name."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime

from adapters.sms.bearer.console import ConsoleBearer
from adapters.sms.bearer.file import SMS_FILE, FileBearer
from adapters.sms.bearer.http import HttpBearer
from adapters.sms.bearer.receipts import ReceiptAddress
from adapters.sms.bearer.smpp import SmppBearer
from gateway.outreach.background import Background
from gateway.outreach.deliveries import Bearer, Reach
from gateway.sealing import Sealer
from gateway.settings import Settings
from gateway.store.protocol import Store


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
        yield FileBearer(settings.data / SMS_FILE, clock)
    elif sms.bearer == "console":
        yield ConsoleBearer()
    elif sms.bearer == "http":
        http = HttpBearer(sms.http, sender=sms.sender, receipts=receipts)
        try:
            yield http
        finally:
            await http.close()
    else:
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
    if isinstance(bearer, SmppBearer):
        bearer.hear = reach.hear
    try:
        yield reach
    finally:
        await reach.close()
