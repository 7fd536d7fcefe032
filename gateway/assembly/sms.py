"""Short messages: the bearer that carries them, what is sent over it, and the receipts that come back."""

from __future__ import annotations

import contextlib
from typing import NamedTuple

from adapters.sms.bearer.opening import open_bearer, open_reach
from adapters.sms.bearer.receipts import ReceiptAddress, ReceiptFront
from gateway.assembly.state import State
from gateway.outreach.deliveries import Bearer, Reach
from gateway.settings import Settings


class Sms(NamedTuple):
    """The bearer and the pushes over it where there is one, ``receipts`` where its receipts come over HTTP."""

    bearer: Bearer | None
    reach: Reach | None
    receipts: ReceiptFront | None


async def open_sms(stack: contextlib.AsyncExitStack, settings: Settings, state: State) -> Sms:
    """The bearer that the settings name, until the stack closes.

    Raises: ConfigError when it lacks what it needs.
    """
    receipt_url = settings.sms.http.receipt_url
    receipts = ReceiptAddress(receipt_url, state.sealer.derive("sms-receipt")) if receipt_url else None
    bearer = await stack.enter_async_context(open_bearer(settings, state.clock, receipts))
    sender = state.spans.bearer(bearer) if state.spans and bearer else bearer
    reach = await stack.enter_async_context(
        open_reach(state.store, bearer, state.sealer, settings, state.background, state.clock, sender)
    )
    brought = ReceiptFront(receipts, reach.hear) if receipts is not None and reach is not None else None
    return Sms(sender, reach, brought)
