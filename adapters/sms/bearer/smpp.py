"""The bearer over SMPP 3.4: binds to one or more SMSCs, each bound anew for as long as the gateway runs.

Spec: SMPP 3.4 4.1 (bind), 4.4 (submit_sm), 4.6 (deliver_sm), 5.1.3 (command_status), 7.1.1 (time formats)
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence

import smpp34

from adapters.sms.receipt import decode_receipt, is_receipt, to_decimal
from gateway.errors import ConfigError, DecodeError, Rejected, Throttled, Unavailable
from gateway.fleet.push import Receipt, Submission
from gateway.observe import metrics
from gateway.observe.logs import logger
from gateway.settings import SmppLink, read_password

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 60.0
THROTTLED_SECONDS = 2

_UDHI = 0x40
_INTERNATIONAL, _ALPHANUMERIC, _UNKNOWN = 1, 5, 0
_ISDN = 1

THROTTLING = {0x14: "ESME_RMSGQFUL message queue full", 0x58: "ESME_RTHROTTLED throttled"}
PASSING = {
    0x08: "ESME_RSYSERR system error",
    0x45: "ESME_RSUBMITFAIL submit_sm failed",
    0x64: "ESME_RX_T_APPN temporary error",
}
FINAL = {
    0x01: "ESME_RINVMSGLEN message length",
    0x0A: "ESME_RINVSRCADR source address",
    0x0B: "ESME_RINVDSTADR destination address",
    0x43: "ESME_RINVESMCLASS esm_class",
    0x62: "ESME_RINVEXPIRY validity period",
    0x65: "ESME_RX_P_APPN permanent error",
    0x66: "ESME_RX_R_APPN rejected",
}


class Link:
    """One bind. ``note_change`` is called when it came or went, ``hear`` with each receipt."""

    def __init__(
        self, settings: SmppLink, *, sender: str, note_change: Callable[[], None], hear: Callable[[Receipt], None]
    ) -> None:
        self.name = settings.name
        self._settings = settings
        self._password = read_password(settings.password, settings.password_file, f"sms.smpp.{settings.name}")
        self._sender = _address(sender)
        self._note_change = note_change
        self._hear = hear
        self._bound: smpp34.Smsc | None = None
        self._broken = asyncio.Event()
        self._window = asyncio.Semaphore(settings.window)
        self.waiting = 0
        self.handed = 0
        self.fault = "not bound yet"
        metrics.smpp_bound.labels(settings.name).set(0)

    @property
    def can_send(self) -> bool:
        """Whether a message may be handed over here now."""
        return self._bound is not None and self._settings.bind != "rx"

    async def run(self) -> None:
        """Bind, and bind again whenever the session ends, at growing intervals while that fails."""
        settings, wait = self._settings, FIRST_WAIT_SECONDS
        while True:
            client = smpp34.Client(
                settings.address.host,
                settings.address.port,
                settings.system_id,
                self._password,
                bind_type=settings.bind.upper(),
                system_type=settings.system_type,
                tls=settings.tls,
                window_size=settings.window,
                connect_timeout_ms=round(settings.bind_seconds * 1000),
            )
            try:
                bound = await client.connect()
            except smpp34.SmppError as error:
                self.fault = str(error)
                logger().warning("smpp_not_bound", link=settings.name, why=self.fault)
            else:
                await self._serve(bound)
                wait = FIRST_WAIT_SECONDS
            finally:
                with contextlib.suppress(smpp34.SmppError):
                    await client.stop()
            await asyncio.sleep(wait * random.uniform(0.75, 1.25))  # noqa: S311 - spreads, hides nothing
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)

    async def submit(self, message: Submission, validity_seconds: int, *, receipt: bool) -> str:
        """Hand the message over. Raises: Unavailable, Throttled, Rejected."""
        self.handed += 1
        self.waiting += 1
        try:
            async with self._window:
                answer = await self._submit(message, validity_seconds, receipt=receipt)
        finally:
            self.waiting -= 1
        message_id = _name_of(answer, self.name)
        return self._named(to_decimal(message_id) if self._settings.receipt_ids == "decimal" else message_id)

    async def _submit(self, message: Submission, validity_seconds: int, *, receipt: bool) -> smpp34.SubmitSmResp:
        bound = self._bound
        if bound is None:
            raise Unavailable(f"link {self.name}: {self.fault}")
        ton, npi, sender = self._sender
        to_ton, to_npi, to = _address(message.to)
        metrics.smpp_window_used.inc()
        try:
            async with asyncio.timeout(self._settings.response_seconds):
                return await bound.submit_sm(
                    to,
                    message.header + message.body,
                    source_addr=sender,
                    source_addr_ton=ton,
                    source_addr_npi=npi,
                    dest_addr_ton=to_ton,
                    dest_addr_npi=to_npi,
                    esm_class=_UDHI if message.header else 0,
                    data_coding=message.coding,
                    registered_delivery=int(receipt),
                    validity_period=format_validity(validity_seconds),
                )
        except TimeoutError:
            # An SMSC that does not answer may hold the session for dead: only a new one is sure to work.
            self._bound, self.fault = None, "no answer to a message"
            self._note_change()
            self._broken.set()
            raise Unavailable(f"link {self.name}: no answer to a message") from None
        except smpp34.SmppError as error:
            raise Unavailable(f"link {self.name}: the session ended before the answer ({error})") from None
        finally:
            metrics.smpp_window_used.dec()

    async def _serve(self, bound: smpp34.Smsc) -> None:
        """Take what the SMSC delivers until the session ends."""
        name = self.name
        self._bound, self.fault = bound, ""
        self._broken.clear()
        metrics.smpp_bound.labels(name).set(1)
        logger().info("smpp_bound", link=name)
        self._note_change()
        heard, broken = asyncio.ensure_future(bound.next()), asyncio.ensure_future(self._broken.wait())
        try:
            while True:
                await asyncio.wait((heard, broken), return_when=asyncio.FIRST_COMPLETED)
                if not heard.done():
                    break
                event = heard.result()
                if isinstance(event, smpp34.Disconnected):
                    break
                self._take(event)
                heard = asyncio.ensure_future(bound.next())
        finally:
            # A thread of the library's answers what is asked still, and may find the loop closed by then.
            heard.cancel()
            broken.cancel()
            self._bound, self.fault = None, "the session ended"
            metrics.smpp_bound.labels(name).set(0)
            self._note_change()
            logger().warning("smpp_unbound", link=name)

    def _take(self, event: smpp34.DeliverSmEvent) -> None:
        if not is_receipt(event.esm_class):
            return
        try:
            parameters = {one.tag: bytes(one.value) for one in event.tlvs}
            receipt = decode_receipt(bytes(event.short_message), parameters, self._settings.receipt_ids)
        except DecodeError as error:
            metrics.count(metrics.push_receipts, "unreadable")
            logger().info("receipt_unreadable", link=self.name, why=str(error))
            return
        self._hear(receipt._replace(message_id=self._named(receipt.message_id)))

    def _named(self, message_id: str) -> str:
        """The id among those of all SMSCs."""
        return f"{self._settings.smsc}/{message_id}" if message_id else ""


class SmppBearer:
    """The links together: a message goes where the fewest wait."""

    channel = "smpp"

    def __init__(self, links: Sequence[SmppLink], *, sender: str) -> None:
        if not any(link.bind != "rx" for link in links):
            raise ConfigError('bearer = "smpp" needs at least one [[sms.smpp]] that sends', key="sms.smpp")
        self.hear: Callable[[Receipt], None] = lambda _: None
        self._ready = asyncio.Event()
        self._links = [
            Link(link, sender=sender, note_change=self._note_change, hear=lambda receipt: self.hear(receipt))
            for link in links
        ]
        self._patience = max(link.bind_seconds for link in links)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to bind."""
        self._tasks = [asyncio.get_running_loop().create_task(link.run()) for link in self._links]

    async def close(self) -> None:
        """End the sessions."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def send(self, message: Submission, validity_seconds: int, *, receipt: bool = False) -> str:
        """Hand the message over, to the link with the fewest that wait; one that is being bound is waited for."""
        try:
            async with asyncio.timeout(self._patience):
                await self._ready.wait()
        except TimeoutError:
            why = "; ".join(f"{link.name}: {link.fault}" for link in self._links)
            raise Unavailable(f"no SMPP link is bound: {why}") from None
        link = min((one for one in self._links if one.can_send), key=lambda one: (one.waiting, one.handed))
        return await link.submit(message, validity_seconds, receipt=receipt)

    def _note_change(self) -> None:
        if any(link.can_send for link in self._links):
            self._ready.set()
        else:
            self._ready.clear()


def format_validity(seconds: int) -> str:
    """A relative time of SMPP: years, months, days, hours, minutes, seconds; less than a month."""
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    return f"0000{day:02}{hour:02}{minute:02}{second:02}000R"


def _address(number: str) -> tuple[int, int, str]:
    """Type of number, numbering plan and digits; a name is a name, and a short number says nothing of itself."""
    if number.startswith("+"):
        return _INTERNATIONAL, _ISDN, number[1:]
    if number and not number.isdecimal():
        return _ALPHANUMERIC, _UNKNOWN, number
    return _UNKNOWN, _UNKNOWN, number


def _name_of(answer: smpp34.SubmitSmResp, link: str) -> str:
    """The id in the answer. Raises: Throttled, Unavailable, Rejected."""
    status = answer.command_status
    if not status:
        return answer.message_id or ""
    if status in THROTTLING:
        raise Throttled(f"link {link}: {THROTTLING[status]}", THROTTLED_SECONDS)
    if status in PASSING:
        raise Unavailable(f"link {link}: {PASSING[status]}")
    raise Rejected(f"link {link}: the SMSC refused the message with {FINAL.get(status, f'status {status:#010x}')}")
