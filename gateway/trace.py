"""Which exchanges with devices are kept to be shown, and how much of them.

What is kept waits in the store's write-behind buffer, so no device waits for it. The octets taken up in one second are
bounded: most for devices that proved who they are, a part for armed devices alone, and a small part for strangers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from aiohttp import web

from gateway.fleet.awaited import Awaited, Claims
from gateway.fleet.device import Device
from gateway.observe import metrics
from gateway.peers import Network, client_address
from gateway.settings import Trace
from gateway.store.protocol import Store, TraceEntry

STRANGERS_KEEP = 10
"""Exchanges kept of those who did not prove who they are, for each device they claimed to be."""

_SHARES = {"armed": 0.25, "proven": 0.625, "stranger": 0.125}


Direction = Literal["received", "sent"]


class ReadMessage(NamedTuple):
    """One message for people: its first line, what it says a line each, and the message as it travelled.

    ``session`` is what the protocol calls the session that it belongs to, empty where it has none.
    """

    direction: Direction
    line: str
    says: tuple[str, ...]
    raw: str
    session: str = ""


Reader = Callable[[Sequence[TraceEntry]], Sequence[tuple[ReadMessage, ...]]]
"""What an adapter gives to make its exchanges readable: for entries of one owner, oldest first, their messages."""


def is_armed(device: Device, at: datetime) -> bool:
    """Whether somebody asked to see everything said with this device."""
    return device.traced_until is not None and at < device.traced_until


class Tracer:
    """Takes up exchanges as the settings say, and those of whom is waited for."""

    awaited: tuple[Awaited, ...] = ()
    """Those that are waited for in this process."""

    def __init__(self, store: Store, settings: Trace, proxies: tuple[Network, ...] = ()) -> None:
        self._store = store
        self._settings = settings
        self._proxies = proxies
        self._life = timedelta(days=settings.keep_days)
        self._second = 0
        self._taken = dict.fromkeys(_SHARES, 0)

    def wants(self, *, failed: bool, armed: bool) -> bool:
        """Whether an exchange is to be kept: ``failed`` when something in it went wrong."""
        mode = self._settings.mode
        return mode == "all" or (mode != "off" and (armed or (failed and mode == "failed")))

    @property
    def is_off(self) -> bool:
        """Whether nothing is kept, whatever anybody asks for."""
        return self._settings.mode == "off"

    def address_of(self, request: web.BaseRequest) -> str:
        """Where a request comes from, behind the operator's own proxies."""
        return client_address(request.remote or "", request.headers.getall("X-Forwarded-For", ()), self._proxies)

    def note_awaited(
        self, at: datetime, size: int, claims: Claims, make: Callable[[str], TraceEntry], *, proven: bool
    ) -> None:
        """Keep the exchange for everybody who waits for those; ``make`` gives it for an owner."""
        if not self.is_off:
            for one in self.awaited:
                if one.is_of(claims, at):
                    take = functools.partial(make, one.wait.owner)
                    self._take(at, size, take, "armed" if proven else "stranger", self._settings.keep_messages // 2)

    def note(self, at: datetime, size: int, make: Callable[[], TraceEntry], *, proven: bool, armed: bool) -> None:
        """Keep the exchange that ``make`` gives, of ``size`` octets, if there is room for it in this second."""
        share = "stranger" if not proven else "armed" if armed else "proven"
        self._take(at, size, make, share, self._settings.keep_messages // 2 if proven else STRANGERS_KEEP)

    def _take(self, at: datetime, size: int, make: Callable[[], TraceEntry], share: str, keep: int) -> None:
        second = int(at.timestamp())
        if second != self._second:
            self._second, self._taken = second, dict.fromkeys(_SHARES, 0)
        self._taken[share] += size
        if self._taken[share] > self._settings.max_bytes * _SHARES[share]:
            metrics.count(metrics.traces, "left_out")
            return
        metrics.count(metrics.traces, "kept")
        self._store.trace(make(), at + self._life, keep)
