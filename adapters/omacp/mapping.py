"""Where MOs stand in OMA CP documents, by the tables of ``mapping/omacp``: root characteristics of types of their own.

Spec: OMA-WAP-TS-ProvCont-V1_1 4 (characteristics and parameters); OMA-TS-DM_StdObj-V1_2 (mapping from CP)
"""

from __future__ import annotations

from collections.abc import Mapping as Values
from itertools import pairwise
from pathlib import Path

import msgspec

from adapters.provisioning.document import Characteristic, Parm
from gateway.errors import ConfigError, NotFound
from gateway.mo.catalogue import Catalogue
from gateway.mo.definition import UNNAMED, Definition
from gateway.tree.format import Format

_FALSE_TRUE = {"false": "0", "true": "1"}


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table: the type of the characteristic, and node = place of everything that stands in it.

    Where places begin with ``<X>``, there is a characteristic for each entry.
    """

    mo: str
    characteristic: str
    place: dict[str, str]


class CpMapping:
    """The tables by the key of their MO. MOs without one have no place of their own in OMA CP."""

    def __init__(self, catalogue: Catalogue, tables: Values[str, _File]) -> None:
        self._catalogue = catalogue
        self._tables = dict(tables)

    def __contains__(self, mo: str) -> bool:
        return mo in self._tables

    @classmethod
    def load(cls, directory: Path, catalogue: Catalogue) -> CpMapping:
        """The tables in the directory; none when there is no such directory.

        Raises: ConfigError naming file and key.
        """
        tables: dict[str, _File] = {}
        for path in sorted(directory.glob("*.toml")):
            try:
                table = msgspec.toml.decode(path.read_bytes(), type=_File)
                key = catalogue.get(table.mo).key
                for node, place in table.place.items():
                    _check(catalogue, key, node, place)
                if len({place.startswith(f"{UNNAMED}/") for place in table.place.values()}) > 1:
                    raise ValueError(f"either all places begin with {UNNAMED}, or none")
            except (msgspec.DecodeError, UnicodeDecodeError, OSError, NotFound, ValueError) as error:
                raise ConfigError(str(error), file=path) from None
            if key in tables:
                raise ConfigError(f"{key} has a table already; remove one", file=path, key="mo")
            tables[key] = table
        return cls(catalogue, tables)

    def render(self, mo: str, values: Values[str, str]) -> tuple[Characteristic, ...]:
        """The MO's characteristics with these values (path -> text); none when none of them has a place.

        Parms come in the order of the table, entries of a list in the order of the values.
        """
        table = self._tables[mo]
        root = self._catalogue.get(mo).root
        tops: dict[str, _Growing] = {}
        order = {node: index for index, node in enumerate(table.place)}
        found = [(*_template(root, path), text) for path, text in values.items()]
        for node, names, fmt, text in sorted(found, key=lambda one: order.get(one[0], -1)):
            if node in table.place:
                place, entry = table.place[node].split("/"), ""
                if place[0] == UNNAMED:
                    (entry, *names), (_, *place) = names, place
                top = tops.setdefault(entry, _Growing(table.characteristic))
                top.put(place, names, _FALSE_TRUE.get(text, text) if fmt is Format.BOOL else text)
        return tuple(top.done() for top in tops.values())


class _Growing:
    """A characteristic while it is put together."""

    def __init__(self, type_: str) -> None:
        self.type = type_
        self.parms: list[Parm] = []
        self.below: dict[tuple[str, str], _Growing] = {}

    def put(self, place: list[str], names: list[str], text: str) -> None:
        """Add a parm. ``TYPE/<X>`` on the way is a characteristic for each entry, ``NAME/<X>`` at the end a parm."""
        *around, name = place
        if name == UNNAMED:
            name = around.pop()
        node, entries = self, iter(names)
        for type_, after in pairwise([*around, ""]):
            if type_ != UNNAMED:
                entry = next(entries) if after == UNNAMED else ""
                node = node.below.setdefault((type_, entry), _Growing(type_))
        node.parms.append(Parm(name, text))

    def done(self) -> Characteristic:
        """As it is now."""
        return Characteristic(self.type, tuple(self.parms), tuple(child.done() for child in self.below.values()))


def _check(catalogue: Catalogue, mo: str, node: str, place: str) -> None:
    """Raises: NotFound, or ValueError when the node cannot stand there."""
    _, _, definition = catalogue.find(f"{mo}/{node}")
    if definition.is_interior:
        raise ValueError(f"{node!r} is no leaf; give each leaf below it a place")
    if not all(place.split("/")) or node.split("/").count(UNNAMED) != place.split("/").count(UNNAMED):
        raise ValueError(f"{node!r} cannot stand at {place!r}: a place needs {UNNAMED} as often as the node has it")


def _template(root: Definition, path: str) -> tuple[str, list[str], Format | None]:
    """The path with list entries written ``<X>``, their names, and the format of the leaf."""
    node: Definition | None = root
    template, names = [], []
    for name in path.split("/"):
        node = node.child(name) if node else None
        dynamic = node is not None and node.is_dynamic
        template.append(UNNAMED if dynamic else name)
        names += [name] if dynamic else []
    return "/".join(template), names, node.format if node else None
