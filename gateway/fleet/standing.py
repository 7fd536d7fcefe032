"""How one device stands against its desired tree, leaf by leaf: sent, acknowledged and read back, never merged.

Pure.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gateway.fleet.desired import DesiredMo
from gateway.fleet.mirror import Fact, Mirror
from gateway.fleet.secret import is_secret
from gateway.tree.format import Format
from gateway.tree.uri import Uri


class Standing(enum.StrEnum):
    """What can be said of one leaf."""

    PENDING = "pending"
    SENT = "sent, not answered"
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    READ_BACK = "read back"
    DIFFERS = "read back, differs"
    UNASKED = "not asked for"


class LeafStanding(NamedTuple):
    """One leaf and what is known of it on the device. ``wanted`` is None, and ``node`` empty, when nobody asked."""

    node: str
    uri: str
    wanted: str | None
    fact: Fact | None
    standing: Standing


def leaf_standings(desired: Mapping[str, DesiredMo], mirror: Mirror) -> list[LeafStanding]:
    """Every leaf the device is to hold, in the order of the desired tree; ``desired`` is by key of the MO."""
    standings = []
    for key, managed in desired.items():
        for path, wanted in managed.values.items():
            segments = tuple(path.split("/"))
            uri = str(Uri((*managed.root, *segments)))
            definition = managed.definition.find(segments)
            fmt = definition.format if definition else Format.CHR
            fact = mirror.facts.get(uri)
            standings.append(LeafStanding(f"{key}/{path}", uri, wanted, fact, _stand(fact, wanted, fmt)))
    return standings


def other_leaves(standings: Sequence[LeafStanding], mirror: Mirror) -> list[LeafStanding]:
    """Every leaf that the device is known to hold and that is not in these standings, by address; but no secrets."""
    asked = {standing.uri for standing in standings}
    return [
        LeafStanding("", uri, None, fact, Standing.UNASKED)
        for uri, fact in sorted(mirror.facts.items())
        if uri not in asked and fact.exists and fact.format != Format.NODE and not is_secret(uri)
    ]


def _stand(fact: Fact | None, wanted: str, fmt: Format) -> Standing:
    if fact is None:
        return Standing.PENDING
    if _equal(fact.effective, wanted, fmt):
        return Standing.READ_BACK if _read_last(fact) else Standing.ACKNOWLEDGED
    if _equal(fact.sent, wanted, fmt):
        if fact.refused:
            return Standing.REFUSED
        if fact.status is None:
            return Standing.SENT
    return Standing.DIFFERS if _read_last(fact) else Standing.PENDING


def _read_last(fact: Fact) -> bool:
    """Whether what is believed of the node is the device's own word, and not only a write it accepted."""
    if fact.read is None or fact.read_at is None:
        return False
    return fact.acknowledged_at is None or fact.read_at >= fact.acknowledged_at


def _equal(held: str | None, wanted: str, fmt: Format) -> bool:
    return held is not None and fmt.same(held, wanted)
