"""The configuration of one device: a Selection with the variables of its subscriber filled in, and why it is so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from gateway.fleet.device import Device
from gateway.fleet.selection import Leaf, Node, Selection, Source
from gateway.fleet.subscriber import Subscriber
from gateway.fleet.variables import fill, slots


class Omission(NamedTuple):
    """A leaf that was left out, and the variables it lacks."""

    node: Node
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Configuration:
    """The desired tree of one device: texts by MO key and path, in the order of the Selection.

    A leaf with a variable that the subscriber does not have is never half filled: it stands in ``omitted`` instead.
    """

    values: Mapping[str, Mapping[str, str]]
    omitted: tuple[Omission, ...] = ()


class ExplainedLeaf(NamedTuple):
    """Why a leaf is what it is. ``losers`` are the weaker layers' words on it, strongest first.

    ``value`` is None when the leaf is left out: ``missing`` names the variables it lacks, or the winner took it away.
    """

    mo: str
    path: str
    value: str | None
    missing: tuple[str, ...]
    winner: Source
    losers: tuple[Source, ...]


def configuration(selection: Selection, variables: Mapping[str, str]) -> Configuration:
    """The configuration that the selection gives a device with these variables. MOs without any leaf are not there."""
    values: dict[str, dict[str, str]] = {}
    omitted: list[Omission] = []
    for mo in selection.leaves:
        texts = {}
        for path, template in selection.templates(mo).items():
            if "{" not in template and "}" not in template:
                texts[path] = template
                continue
            missing = _missing(template, variables)
            if missing:
                omitted.append(Omission(Node(mo, path), missing))
            else:
                texts[path] = fill(template, variables)
        if texts:
            values[mo] = texts
    return Configuration(values, tuple(omitted))


def configuration_key(subscriber: Subscriber, device: Device, selection: Selection) -> str:
    """A text that changes whenever the device's configuration could, and is cheap: nothing is filled in."""
    return f"{selection.digest}.{subscriber.content_revision}.{device.content_revision}"


def explain(selection: Selection, variables: Mapping[str, str], node: str = "") -> list[ExplainedLeaf]:
    """Every leaf at or below the node ``MO/path`` (all when empty) with where it came from.

    Leaves that a layer took away and leaves that lack a variable are among them, without value.
    """
    return [
        _explained(mo, path, leaf, variables)
        for mo, leaves in selection.leaves.items()
        for path, leaf in leaves.items()
        if not node or f"{mo}/{path}/".startswith(f"{node}/")
    ]


def _explained(mo: str, path: str, leaf: Leaf, variables: Mapping[str, str]) -> ExplainedLeaf:
    template = leaf.winner.template
    missing = () if template is None else _missing(template, variables)
    value = None if template is None or missing else fill(template, variables)
    return ExplainedLeaf(mo, path, value, missing, *leaf)


def _missing(template: str, variables: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(name for name in slots(template) if name not in variables)
