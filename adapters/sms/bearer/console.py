"""The bearer for labs at a terminal: what would have been sent is said on standard output."""

from __future__ import annotations

import sys

from adapters.sms.pdu import decode_part
from gateway.errors import Unavailable
from gateway.fleet.push import Submission


class ConsoleBearer:
    """Says each message in one line, codes and all: whoever sees the gateway's output reads them."""

    channel = "console"

    async def send(self, message: Submission, validity_seconds: int, *, receipt: bool = False) -> str:
        """Say the message: its text, quoted, or its octets in hexadecimal; no receipt will come for it."""
        ports = decode_part(message.header).ports if message.header else None
        port = f", port {ports.destination}" if ports else ""
        said = repr(message.text) if message.text else message.body.hex()
        try:
            sys.stdout.write(f"SMS to {message.to}{port}, good for {validity_seconds} s: {said}\n")
            sys.stdout.flush()
        except OSError as error:
            raise Unavailable(f"cannot write to standard output: {error.strerror}") from None
        return ""
