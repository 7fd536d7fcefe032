"""Settings of detection: its rules, its spool, and the EIR."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from gateway.settings.base import Address, Table, TcpAddress


class Detection(Table):
    """Detection of first use.

    ``rules`` is the file that says what follows from what. With ``unknown_subscribers`` "create" a SIM that nobody
    entered becomes a subscriber when it is seen. ``spool`` is a directory in which other systems leave files of
    sightings: CSV, JSON lines, MAP messages, captures of SIGTRAN. It is looked at every ``spool_poll_seconds``; files
    that were applied are kept for ``spool_keep_days``. A relative ``spool`` is in the data directory.
    """

    rules: Path | None = None
    unknown_subscribers: Literal["ignore", "create"] = "ignore"
    spool: Path | None = None
    spool_poll_seconds: Annotated[float, Field(gt=0, le=3600)] = 1.0
    spool_keep_days: Annotated[int, Field(ge=0, le=3650)] = 7


class EirPeer(Table):
    """A node that may ask: its Diameter identity, and its realm where that is another than the EIR's."""

    host: Annotated[str, Field(pattern="^[A-Za-z0-9.-]{1,255}$")]
    realm: Annotated[str, Field(pattern="^[A-Za-z0-9.-]{0,255}$")] = ""


Equipment = Annotated[str, Field(pattern="^[0-9]{8,16}$")]


class Eir(Table):
    """An Equipment Identity Register, which `mogate serve-eir` serves at ``address`` for the ``peers``.

    ``host`` and ``realm`` are its own Diameter identity. ``white``, ``grey`` and ``black`` are TACs (eight digits) or
    whole IMEIs; the closest counts, then the strictest. ``others`` is the answer for phones on no list. ``metrics`` is
    where its metrics are, if anywhere.
    """

    address: TcpAddress = Address(host="127.0.0.1", port=3868)
    host: Annotated[str, Field(pattern="^[A-Za-z0-9.-]{1,255}$")] = "eir.mogate.example"
    realm: Annotated[str, Field(pattern="^[A-Za-z0-9.-]{1,255}$")] = "mogate.example"
    peers: tuple[EirPeer, ...] = ()
    white: tuple[Equipment, ...] = ()
    grey: tuple[Equipment, ...] = ()
    black: tuple[Equipment, ...] = ()
    others: Literal["white", "grey", "black", "unknown"] = "white"
    metrics: TcpAddress | None = None
