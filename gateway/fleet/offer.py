"""What a device is told that asks the gateway for a node: what it is to hold itself, and never a secret.

Pure.

Spec: OMA-TS-DM_RepPro-V1_2 6.6.7 (Get)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from gateway.errors import TreeError
from gateway.fleet.desired import DesiredMo
from gateway.fleet.mirror import Read
from gateway.fleet.secret import is_secret
from gateway.status import StatusCode
from gateway.tree.format import Format
from gateway.tree.uri import Address

MAX_CHARACTERS = 2000
"""More is refused: an answer goes out beside everything else in the message."""


class Offer(NamedTuple):
    """The status of a Get, and the nodes that it tells of."""

    status: StatusCode
    reads: tuple[Read, ...] = ()


NOTHING = Offer(StatusCode.NOT_ALLOWED)


def offered(desired: Iterable[DesiredMo], address: str) -> Offer:
    """The answer to a Get of that address: a value, the names of children, or with ``?list=StructData`` all below."""
    try:
        uri, prop, listed = Address.parse(address)
    except TreeError as error:
        return Offer(error.status)
    if prop or listed not in ("", "StructData"):
        return Offer(StatusCode.NOT_SUPPORTED)
    mo = next((mo for mo in desired if uri.is_under(mo.root)), None)
    path = "/".join(uri[len(mo.root) :]) if mo else ""
    if mo is None:
        return Offer(StatusCode.NOT_FOUND)
    if path in mo.values:
        return NOTHING if is_secret(uri.name) else _bounded((_leaf(mo, path),))
    start = f"{path}/" if path else ""
    below = [one for one in mo.values if one.startswith(start) and not is_secret(one.rpartition("/")[2])]
    if not below:
        return Offer(StatusCode.NOT_FOUND)
    names = tuple(dict.fromkeys(one[len(start) :].split("/")[0] for one in below))
    node = Read(str(uri), Format.NODE, "" if path else mo.moi, children=() if listed else names)
    return _bounded((node, *(_leaf(mo, one) for one in below if listed)))


def _leaf(mo: DesiredMo, path: str) -> Read:
    names = tuple(path.split("/"))
    definition = mo.definition.find(names)
    return Read(str(mo.root.join(names)), definition.format if definition else Format.CHR, value=mo.values[path])


def _bounded(reads: tuple[Read, ...]) -> Offer:
    size = sum(len(read.uri) + len(read.value or "") + len("/".join(read.children or ())) for read in reads)
    return Offer(StatusCode.OK, reads) if size <= MAX_CHARACTERS else Offer(StatusCode.TOO_LARGE)
