"""How MOs appear in provisioning documents, both ways: one generic rule, and tables for MOs that differ from it.

The generic rule: the MO stands in an APPLICATION named by its identifier; interior nodes are characteristics, leaves
are parms, and each entry of a list is a characteristic of type NODE. Layout A is what clients before UP 2.0 read, B
what later ones read.

Spec: RCC.14 (XML document), RCC.15 (IMS), RCC.07 Annex A (RCS)
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping as Values
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from adapters.provisioning.document import Characteristic, Parm
from gateway.errors import ConfigError
from gateway.mo.catalogue import Catalogue
from gateway.mo.definition import UNNAMED, Definition, ManagementObject
from gateway.tree.format import Format

Layout = Literal["A", "B"]
Lists = Literal["NODE", "numbered"]
TemplatePath = tuple[str, ...]
"""A path with list entries written ``<X>``."""

LAYOUTS: tuple[Layout, ...] = ("A", "B")

_APP_ID = "AppID"
_NUMBERED = re.compile(r"(.*?)([1-9][0-9]{0,3})", re.ASCII)
_FALSE_TRUE = {"false": "0", "true": "1"}


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a mapping file says of one layout; nothing at all is the generic rule."""

    application: str = ""
    within: str = ""
    lists: Lists = "NODE"
    leave_out: tuple[str, ...] = ()
    place: dict[str, str] = {}


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mo: str
    A: _Table = _Table()
    B: _Table = _Table()

    def table(self, layout: Layout) -> _Table:
        return self.A if layout == "A" else self.B


@dataclass(frozen=True, slots=True)
class _Leaf:
    """One leaf: where it stands in the MO and where below the APPLICATION, with ``<X>`` as often in both.

    ``alone`` when entries of its list have no other leaf.
    """

    path: TemplatePath
    place: TemplatePath
    format: Format
    alone: bool


@dataclass(frozen=True, slots=True)
class _Rules:
    """One MO in one layout."""

    application: str
    lists: Lists
    by_path: dict[TemplatePath, _Leaf] = field(default_factory=dict)
    by_place: dict[TemplatePath, _Leaf] = field(default_factory=dict)


@dataclass(slots=True)
class _Growing:
    """A characteristic while it is put together; what is below it is found by type and list entry."""

    type: str
    parms: list[Parm] = field(default_factory=list)
    below: dict[tuple[str, str], _Growing] = field(default_factory=dict)

    def child(self, type_: str, entry: str = "") -> _Growing:
        return self.below.setdefault((type_, entry), _Growing(type_))

    def done(self) -> Characteristic:
        # As deep as the DDF is, never as deep as somebody's input.
        return Characteristic(self.type, tuple(self.parms), tuple(child.done() for child in self.below.values()))


class Mapping:
    """All MOs of a catalogue in both layouts.

    ``digest`` changes whenever any of them could be rendered otherwise, and is the same in every process.
    """

    def __init__(self, catalogue: Catalogue, rules: Values[tuple[str, Layout], _Rules]) -> None:
        self._catalogue = catalogue
        self._rules = rules
        self.digest = hashlib.blake2b(repr(rules).encode(), digest_size=8).hexdigest()

    @classmethod
    def load(cls, directory: Path, catalogue: Catalogue) -> Mapping:
        """The mapping that ``*.toml`` of the directory describe; MOs without a file follow the generic rule.

        Raises: ConfigError naming file and key.
        """
        tables: dict[str, tuple[Path, _File]] = {}
        for path in sorted(directory.glob("*.toml")):
            content = _read(path)
            if content.mo not in {known.key for known in catalogue}:
                reason = f"{content.mo!r} is no MO of the catalogue; `mogate mo list` shows them"
                raise ConfigError(reason, file=path, key="mo")
            if content.mo in tables:
                reason = f"{content.mo!r} is mapped by {tables[content.mo][0]} already; remove one"
                raise ConfigError(reason, file=path, key="mo")
            tables[content.mo] = (path, content)
        rules: dict[tuple[str, Layout], _Rules] = {}
        claims: dict[tuple[str, Layout], str] = {}
        for managed in catalogue:
            path, content = tables.get(managed.key, (directory, _File(managed.key)))
            for layout in LAYOUTS:
                if managed.key not in tables and not managed.moi:
                    continue
                made = _rules(managed, content.table(layout), path, layout)
                other = claims.setdefault((made.application, layout), managed.key)
                if other != managed.key:
                    reason = f"{made.application} is the AppID of {other} already"
                    raise ConfigError(reason, file=path, key=f"{layout}.application")
                rules[managed.key, layout] = made
        return cls(catalogue, rules)

    def app_ids(self, mo: str, layout: Layout) -> frozenset[str]:
        """The values of ``app`` that ask for this MO: its AppID in this layout, and its identifier."""
        rules = self._rules.get((mo, layout))
        return frozenset() if rules is None else frozenset({rules.application, self._catalogue.get(mo).moi} - {""})

    def carries(self, mo: str, layout: Layout, path: str) -> bool:
        """Whether the layout has a place for this leaf."""
        rules = self._rules.get((mo, layout))
        return rules is not None and _template_path(self._catalogue.get(mo).root, path)[0] in rules.by_path

    def render(self, mo: str, values: Values[str, str], layout: Layout) -> Characteristic | None:
        """The MO's APPLICATION with these values (path -> text); None when nothing of it has a place in the layout.

        Leaves for which the layout has no place are left out. Entries of a list come, and are numbered, in the order
        of the values.
        """
        rules = self._rules.get((mo, layout))
        if rules is None:
            return None
        root = self._catalogue.get(mo).root
        placed: list[tuple[_Leaf, list[str], str]] = []
        entries: dict[TemplatePath, list[str]] = {}
        for path, text in values.items():
            template, names = _template_path(root, path)
            leaf = rules.by_path.get(template)
            if leaf is None:
                continue
            placed.append((leaf, names, text))
            if names:
                known = entries.setdefault(leaf.path[:-1], [])
                if names[-1] not in known:
                    known.append(names[-1])
        if not placed:
            return None
        application = _Growing("APPLICATION", [Parm(_APP_ID, rules.application)])
        for leaf, names, text in placed:
            _grow(application, leaf, names, text, entries.get(leaf.path[:-1], ()) if rules.lists == "numbered" else ())
        return application.done()

    def absorb(self, document: Characteristic) -> tuple[dict[str, dict[str, str]], list[str]]:
        """The values (MO key -> path -> text) that a document states, and what of its applications has no place here.

        Numbered list entries keep their numbers as names; others are named 1, 2, … in the order of the document. Of a
        parm that is stated twice the first counts.
        """
        values: dict[str, dict[str, str]] = {}
        unmapped: list[str] = []
        for application in document.characteristics:
            if application.type != "APPLICATION":
                continue
            app_id = next((parm.value for parm in application.parms if parm.name == _APP_ID), "")
            readings = [
                (mo, *_absorb(rules, application))
                for (mo, _), rules in self._rules.items()
                if rules.application == app_id
            ]
            if not readings:
                unmapped.append(f"APPLICATION {app_id}")
                continue
            # Both layouts may write an MO under one AppID: the one whose places fit better is meant.
            mo, found, left = min(readings, key=lambda reading: len(reading[2]))
            values.setdefault(mo, {}).update(found)
            unmapped += [f"APPLICATION {app_id}/{place}" for place in left]
        return values, unmapped


def _read(file: Path) -> _File:
    try:
        return msgspec.toml.decode(file.read_bytes(), type=_File)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$.")
        raise ConfigError(reason, file=file, key=place.rstrip("`") or None) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"is not TOML: {error}", file=file) from None


def _rules(managed: ManagementObject, table: _Table, file: Path, layout: Layout) -> _Rules:
    """The rules of one MO in one layout."""

    def fault(key: str, reason: str) -> ConfigError:
        return ConfigError(reason, file=file, key=f"{layout}.{key}")

    places = {_segments(path): _segments(place) for path, place in table.place.items()}
    left_out = {_segments(path) for path in table.leave_out}
    nodes = dict(managed.root.walk())
    for key, named in (("place", places.keys()), ("leave_out", left_out)):
        if unknown := named - nodes.keys():
            raise fault(key, f"{'/'.join(min(unknown))!r} is no node of {managed.key}")
    for path, place in places.items():
        if place.count(UNNAMED) != path.count(UNNAMED):
            raise fault("place", f"{'/'.join(place)!r} needs {UNNAMED} as often as {'/'.join(path)!r} has it")

    rules = _Rules(table.application or managed.moi, table.lists)
    if not rules.application:
        raise fault("application", f"{managed.key} has no identifier of its own: give its AppID")
    within = (table.within,) if table.within else ()
    for path, definition in nodes.items():
        if definition.is_interior or any(path[:length] in left_out for length in range(1, len(path) + 1)):
            continue
        place = within + _place(path, places)
        if place == (_APP_ID,):
            # The APPLICATION's own.
            continue
        deep = any(UNNAMED in one[:-2] or one[-2:] == (UNNAMED, UNNAMED) for one in (path, place))
        if deep and table.lists == "numbered":
            raise fault("lists", f"{'/'.join(path)!r} is too deep in a list to be numbered: leave it out or move it")
        if place in rules.by_place:
            other = "/".join(rules.by_place[place].path)
            raise fault("place", f"{'/'.join(path)!r} and {other!r} have one place")
        alone = sum(not sibling.is_interior for sibling in nodes[path[:-1]].children) == 1
        leaf = _Leaf(path, place, definition.format, alone)
        rules.by_path[path] = rules.by_place[place] = leaf
    return rules


def _place(path: TemplatePath, places: Values[TemplatePath, TemplatePath]) -> TemplatePath:
    """Where the node stands: the longest part of its path that has a place of its own, and the rest as in the MO."""
    for length in range(len(path), 0, -1):
        if path[:length] in places:
            return (*places[path[:length]], *path[length:])
    return path


def _grow(application: _Growing, leaf: _Leaf, names: list[str], text: str, numbered: Sequence[str]) -> None:
    """Put one parm into its place; ``numbered`` are the entries of its list where lists are numbered."""
    node, given, name = application, iter(names), leaf.place[-1]
    for segment in leaf.place[:-1]:
        if segment != UNNAMED:
            node = node.child(segment)
        elif not numbered:
            node = node.child("NODE", next(given))
        elif leaf.alone or len(numbered) > 1:
            name += str(numbered.index(next(given)) + 1)
    if name == UNNAMED:
        name = next(given)
    if leaf.format is Format.BOOL:
        text = _FALSE_TRUE.get(text, text)
    node.parms.append(Parm(name, text))


def _absorb(rules: _Rules, application: Characteristic) -> tuple[dict[str, str], list[str]]:
    """The values of one APPLICATION by path, and the places that no rule knows."""
    found: dict[str, str] = {}
    unmapped: list[str] = []
    stack: list[tuple[Characteristic, TemplatePath, tuple[str, ...]]] = [(application, (), ())]
    while stack:
        node, place, names = stack.pop()
        for name, text in node.parms:
            if not place and name == _APP_ID:
                continue
            leaf, entry = _match(rules, place, name)
            path = _filled(leaf.path, (*names, *entry)) if leaf else None
            if leaf is None or path is None or path in found:
                unmapped.append("/".join((*place, name)))
            else:
                found[path] = _tree_text(leaf.format, text)
        entries = 0
        below = []
        for child in node.characteristics:
            if child.type == "NODE":
                entries += 1
                below.append((child, (*place, UNNAMED), (*names, str(entries))))
            else:
                below.append((child, (*place, child.type), names))
        stack.extend(reversed(below))
    return found, unmapped


def _match(rules: _Rules, place: TemplatePath, name: str) -> tuple[_Leaf | None, tuple[str, ...]]:
    """The leaf of a parm, with the names of list entries that the parm's own name tells."""
    if leaf := rules.by_place.get((*place, name)):
        return leaf, ()
    if rules.lists == "numbered":
        numbered = _NUMBERED.fullmatch(name)
        if numbered and (leaf := rules.by_place.get((*place, UNNAMED, numbered[1]))):
            return leaf, (numbered[2],)
        if leaf := rules.by_place.get((*place, UNNAMED, name)):
            return leaf, ("1",)
    if name and "/" not in name and (leaf := rules.by_place.get((*place, UNNAMED))):
        return leaf, (name,)
    return None, ()


def _filled(path: TemplatePath, names: Sequence[str]) -> str | None:
    """The path with these list entries; None when it has not as many, as when a document itself says ``<X>``."""
    if path.count(UNNAMED) != len(names):
        return None
    given = iter(names)
    return "/".join([next(given) if segment == UNNAMED else segment for segment in path])


def _tree_text(fmt: Format, text: str) -> str:
    try:
        return fmt.canonical(text) if fmt is Format.BOOL else text
    except ValueError:
        return text


def _template_path(root: Definition, path: str) -> tuple[TemplatePath, list[str]]:
    """The path with list entries written ``<X>``, and the names of those entries."""
    node: Definition | None = root
    template, entries = [], []
    for name in path.split("/"):
        node = node.child(name) if node else None
        if node is not None and node.is_dynamic:
            template.append(UNNAMED)
            entries.append(name)
        else:
            template.append(name)
    return tuple(template), entries


def _segments(path: str) -> TemplatePath:
    return tuple(path.split("/"))
