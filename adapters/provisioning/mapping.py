"""How MOs appear in provisioning documents, both ways: one generic rule, and tables for MOs that differ from it.

The generic rule: the MO stands in an APPLICATION named by its identifier; interior nodes are characteristics, leaves
are parms, and each entry of a list is a characteristic of type NODE. Layout A is what clients before UP 2.0 read, B
what later ones read. A leaf called ``version`` has no place in either: clients may take it for the document's version.

Spec: RCC.14 (XML document), RCC.15 (IMS), RCC.07 Annex A (RCS)
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping as Values
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from adapters.provisioning.document import Characteristic, Parm
from gateway.errors import ConfigError, NotFound
from gateway.mo.catalogue import Catalogue
from gateway.mo.definition import UNNAMED, Definition, ManagementObject
from gateway.tree.format import Format

Layout = Literal["A", "B"]
Lists = Literal["NODE", "numbered"]
TemplatePath = tuple[str, ...]
"""A path with list entries written ``<X>``."""

LAYOUTS: tuple[Layout, ...] = ("A", "B")

_APP_ID = "AppID"
_NODE = "NODE"
_VERSION = "version"
_NUMBERED = re.compile(r"(.*?)([1-9][0-9]{0,3})", re.ASCII)
_FIELD = re.compile("field `(.+)`")
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
    """One MO in one layout. ``by_any_case`` finds what is written in other letters than it should be."""

    application: str
    lists: Lists
    by_path: dict[TemplatePath, _Leaf] = field(default_factory=dict)
    by_place: dict[TemplatePath, _Leaf] = field(default_factory=dict)
    by_any_case: dict[TemplatePath, _Leaf] = field(default_factory=dict)


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
        if not directory.is_dir():
            raise ConfigError("there is no such directory; it holds the mappings", file=directory)
        tables: dict[str, tuple[Path, _File]] = {}
        for path in sorted(directory.glob("*.toml")):
            content = _read(path)
            try:
                key = catalogue.get(content.mo).key
            except NotFound as fault:
                raise ConfigError(str(fault), file=path, key="mo") from None
            if key in tables:
                raise ConfigError(f"{key} is mapped by {tables[key][0]} already; remove one", file=path, key="mo")
            tables[key] = (path, content)
        rules: dict[tuple[str, Layout], _Rules] = {}
        claims = {managed.moi: managed.key for managed in catalogue if managed.moi}
        for managed in catalogue:
            if managed.key not in tables and not managed.moi:
                continue
            path, content = tables.get(managed.key, (directory, _File(managed.key)))
            for layout in LAYOUTS:
                made = _rules(catalogue, managed, content.table(layout), path, layout)
                other = claims.setdefault(made.application, managed.key)
                if other != managed.key:
                    reason = f"{made.application} means {other} already; give {managed.key} another"
                    raise ConfigError(reason, file=path, key=f"{layout}.application")
                rules[managed.key, layout] = made
        return cls(catalogue, rules)

    def app_ids(self, mo: str, layout: Layout) -> frozenset[str]:
        """The values of ``app`` that ask for this MO: its AppID in this layout or an older one, and its identifier."""
        if (mo, layout) not in self._rules:
            return frozenset()
        known = LAYOUTS[: LAYOUTS.index(layout) + 1]
        return frozenset({self._rules[mo, one].application for one in known} | {self._catalogue.get(mo).moi} - {""})

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

        Numbered list entries keep their numbers as names; others, whether they are NODEs or the whole list is repeated,
        are named 1, 2, … in the order of the document. Names may be in any case. Of a parm that is stated twice the
        first counts.
        """
        values: dict[str, dict[str, str]] = {}
        unmapped: list[str] = []
        for application in document.characteristics:
            if application.type != "APPLICATION":
                continue
            app_id = next((parm.value for parm in application.parms if parm.name == _APP_ID), "")
            readings = [
                (mo, *_absorb(self._catalogue.get(mo).root, rules, application))
                for (mo, _), rules in self._rules.items()
                if rules.application == app_id
            ]
            if not readings:
                unmapped.append(f"APPLICATION {app_id}")
                continue
            # Both layouts may write an MO under one AppID: the one whose places fit better is meant.
            mo, found, left = min(readings, key=lambda reading: len(reading[2]))
            values[mo] = found | values.get(mo, {})
            unmapped += [f"APPLICATION {app_id}/{place}" for place in left]
        return values, unmapped


def _read(file: Path) -> _File:
    try:
        return msgspec.toml.decode(file.read_bytes(), type=_File)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=file) from None
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$")
        named = _FIELD.search(reason)
        key = f"{place.rstrip('`')}.{named[1] if named else ''}".strip(".")
        raise ConfigError(reason, file=file, key=key or None) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"is not TOML: {error}", file=file) from None


def _rules(catalogue: Catalogue, managed: ManagementObject, table: _Table, file: Path, layout: Layout) -> _Rules:
    """The rules of one MO in one layout."""

    def fault(key: str, reason: str) -> ConfigError:
        return ConfigError(reason, file=file, key=f"{layout}.{key}")

    def known(key: str, path: str) -> TemplatePath:
        try:
            catalogue.find(f"{managed.key}/{path}")
        except NotFound as error:
            raise fault(key, str(error)) from None
        if _segments(path) not in nodes:
            raise fault(key, f"{path!r} names an entry of a list: write {UNNAMED} for any")
        return _segments(path)

    nodes = dict(managed.root.walk())
    left_out = {known("leave_out", path) for path in table.leave_out}
    places = {known("place", path): _segments(place) for path, place in table.place.items()}
    for path, place in places.items():
        if reason := _misplaced(path, place):
            raise fault("place", f"{'/'.join(path)!r} cannot stand at {'/'.join(place)!r}: {reason}")
    within = _segments(table.within) if table.within else ()
    if not all(within) or UNNAMED in within:
        raise fault("within", f"{table.within!r} must name the characteristic around everything else")

    rules = _Rules(table.application or managed.moi, table.lists)
    if not rules.application:
        raise fault("application", f"{managed.key} has no identifier of its own: give its AppID")
    for path, definition in nodes.items():
        if definition.is_interior or any(path[:length] in left_out for length in range(1, len(path) + 1)):
            continue
        place = within + _place(path, places)
        if place == (_APP_ID,) or place[-1].casefold() == _VERSION:
            # The APPLICATION's own, or the document's.
            continue
        if table.lists == "numbered" and not (_can_be_numbered(path) and _can_be_numbered(place)):
            raise fault("lists", f"{'/'.join(path)!r} cannot be numbered: leave it out or move it")
        if place in rules.by_place:
            other = "/".join(rules.by_place[place].path)
            raise fault("place", f"{'/'.join(path)!r} and {other!r} have one place")
        alone = sum(not sibling.is_interior for sibling in nodes[path[:-1]].children) == 1
        leaf = _Leaf(path, place, definition.format, alone)
        rules.by_path[path] = rules.by_place[place] = leaf
        rules.by_any_case.setdefault(_folded(place), leaf)
    return rules


def _misplaced(path: TemplatePath, place: TemplatePath) -> str:
    """Why the node cannot stand there; empty when it can."""
    if not all(place):
        return "a name is empty"
    if place[-1].casefold() == _VERSION:
        return "only VERS has a parm of that name"
    if place.count(UNNAMED) != path.count(UNNAMED):
        return f"the place needs {UNNAMED} as often as the node has it"
    return ""


def _can_be_numbered(path: TemplatePath) -> bool:
    """Whether numbers can tell the entries apart: one list, directly around the leaf, whose name ends in no digit."""
    if UNNAMED not in path[:-1]:
        return True
    return UNNAMED not in path[:-2] and path[-1] != UNNAMED and not path[-1][-1].isdecimal()


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
            node = node.child(_NODE, next(given))
        elif leaf.alone or len(numbered) > 1:
            name += str(numbered.index(next(given)) + 1)
    if name == UNNAMED:
        name = next(given)
    if leaf.format is Format.BOOL:
        text = _FALSE_TRUE.get(text, text)
    node.parms.append(Parm(name, text))


def _absorb(root: Definition, rules: _Rules, application: Characteristic) -> tuple[dict[str, str], list[str]]:
    """The values of one APPLICATION by path, and the places that no rule knows."""
    found: dict[str, str] = {}
    unmapped: list[str] = []
    # Each with its place, the list entries around it, and the entry it is itself where a list is written without NODE.
    stack: list[tuple[Characteristic, TemplatePath, tuple[str, ...], str]] = [(application, (), (), "1")]
    while stack:
        node, place, names, turn = stack.pop()
        for name, text in node.parms:
            if not place and name == _APP_ID:
                continue
            leaf, entry = _match(rules, place, name, turn)
            path = _filled(root, leaf.path, (*names, *entry)) if leaf else None
            if leaf is None or path is None or path in found:
                unmapped.append("/".join((*place, name)))
            else:
                found[path] = _tree_text(leaf.format, text)
        turns: Counter[str] = Counter()
        below = []
        for child in node.characteristics:
            turns[child.type] += 1
            turn = str(turns[child.type])
            if child.type == _NODE:
                below.append((child, (*place, UNNAMED), (*names, turn), "1"))
            else:
                below.append((child, (*place, child.type), names, turn))
        stack.extend(reversed(below))
    return found, unmapped


def _match(rules: _Rules, place: TemplatePath, name: str, turn: str) -> tuple[_Leaf | None, tuple[str, ...]]:
    """The leaf of a parm, and the list entries that are told by the parm's own name or its characteristic's turn."""
    numbered = _NUMBERED.fullmatch(name)
    readings: list[tuple[TemplatePath, tuple[str, ...]]] = [
        ((*place, name), ()),
        *([((*place, UNNAMED, numbered[1]), (numbered[2],))] if numbered else []),
        ((*place, UNNAMED, name), (turn,)),
        ((*place, UNNAMED), (name,)),
    ]
    for where, entry in readings:
        if leaf := rules.by_place.get(where):
            return leaf, entry
    for where, entry in readings:
        if leaf := rules.by_any_case.get(_folded(where)):
            return leaf, entry
    return None, ()


def _filled(root: Definition, path: TemplatePath, names: Sequence[str]) -> str | None:
    """The path with these list entries; None when they are too few or too many, or the MO means another node."""
    if path.count(UNNAMED) != len(names) or not all(names):
        return None
    given = iter(names)
    filled = "/".join([next(given) if segment == UNNAMED else segment for segment in path])
    return filled if _template_path(root, filled)[0] == path else None


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


def _folded(path: TemplatePath) -> TemplatePath:
    return tuple([segment.casefold() for segment in path])
