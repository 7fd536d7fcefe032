"""Delivery receipts that an HTTP gateway brings: the address it is given for them, and what answers there.

The address names the message and proves itself by a MAC, so nobody else can tell of a delivery.

Spec: Kannel User's Guide, "Delivery Reports" (dlr-mask, dlr-url)
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from urllib.parse import parse_qs

from aiohttp import web

from gateway.fleet.push import Fate, Receipt
from gateway.serving.front import Response, query_of

PATH = "/sms/receipt"
MASK = 1 + 2 + 16
"""Of the reports, those that say the end: delivered to the phone, not delivered, refused by the SMSC."""
MAX_ID_CHARACTERS = 64
_MAC_CHARACTERS = 32
_FATES = {
    "1": (Fate.DELIVERED, ""),
    "2": (Fate.FAILED, "the phone did not get it"),
    "16": (Fate.FAILED, "the SMSC refused it"),
}


class ReceiptAddress:
    """Where receipts for messages are brought to; ``url`` is the gateway's own, as it is reached by who brings them."""

    def __init__(self, url: str, key: bytes) -> None:
        self._url = url
        self._key = key

    def of(self, message_id: str) -> str:
        """The address for the receipt of this message, in which ``%d`` stands for what became of it."""
        return f"{self._url}?id={message_id}&state=%d&mac={self._mac(message_id)}"

    def parse(self, query: str) -> Receipt | None:
        """The receipt that was brought, or None when it is not one for an address from here."""
        given = {name: values[0] for name, values in parse_qs(query, max_num_fields=10).items()}
        message_id = given.get("id", "")[:MAX_ID_CHARACTERS]
        if not hmac.compare_digest(given.get("mac", "").encode(), self._mac(message_id).encode()):
            return None
        fate, why = _FATES.get(given.get("state", ""), (None, ""))
        return Receipt(message_id, fate, why)

    def _mac(self, message_id: str) -> str:
        return hmac.digest(self._key, message_id.encode(), hashlib.sha256).hex()[:_MAC_CHARACTERS]


class ReceiptFront:
    """Answers who brings receipts."""

    def __init__(self, address: ReceiptAddress, hear: Callable[[Receipt], None]) -> None:
        self._address = address
        self._hear = hear

    async def handle(self, request: web.BaseRequest) -> Response:
        """Take one receipt."""
        try:
            receipt = self._address.parse(query_of(request))
        except ValueError:
            receipt = None
        if receipt is None:
            return Response(403)
        self._hear(receipt)
        return Response(200)
