"""Who can tell whether a client has the SIM it claims to have: the gateway itself, or an AAA server.

Spec: GSMA TS.43 2.8
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from gateway.store.protocol import Write


class Turn(NamedTuple):
    """What an authenticator makes of the client's last packet.

    ``continue`` comes with a packet for the client and the state to go on from, ``accepted`` with the IMSI that is
    proven, and with writes to commit with what follows from that. ``rejected`` is the end; after ``failed`` another
    method may be tried.
    """

    result: Literal["continue", "accepted", "rejected", "failed"]
    packet: bytes = b""
    state: bytes = b""
    imsi: str = ""
    writes: tuple[Write, ...] = ()


class Authenticator(Protocol):
    """Somebody who can tell whether a client has the SIM it claims to have.

    Both methods raise DecodeError for a packet that is none, and Unavailable when nobody can tell now.
    """

    async def start(self, identity: str, now: datetime) -> Turn:
        """The first turn with a client that calls itself by that NAI."""
        ...

    async def resume(self, state: bytes, packet: bytes, now: datetime) -> Turn:
        """The turn after the client's packet."""
        ...
