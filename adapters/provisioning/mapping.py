"""How MOs appear in provisioning documents, both ways: one generic rule, and tables for MOs that differ from it.

The generic rule: the MO stands in an APPLICATION named by its identifier; interior nodes are characteristics, leaves are
parms, and each entry of a list is a characteristic of type NODE. Layout A is what clients before UP 2.0 read, B what
later ones read.

Spec: RCC.14 (XML document), RCC.15 (IMS), RCC.07 Annex A (RCS)
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping as Values
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from adapters.provisioning.document import Characteristic, Parm
from gateway.errors import ConfigError
from gateway.mo.catalogue import Catalogue
from gateway.mo.definition import Definition, ManagementObject
from gateway.tree.format import Format

Layout = Literal["A", "B"]
Lists = Literal["NODE", "numbered"]
TemplatePath = tuple[str, ...]

LAYOUTS: tuple[Layout, ...] = ("A", "B")
ANY = "<X>"
"""Stands in a path for the name of a list entry."""

_NUMBERED = re.compile(r"(.*?)([1-9][0-9]{0,3})", re.ASCII)
_FALSE_TRUE = {"false": "0", "true": "1"}
_KEYS = {"application", "within", "lists", "leave_out", "place"}


@dataclass(frozen=True, slots=True)
class _Leaf:
    """One leaf's place: where it stands in the MO and in the document, list entries written ``<X>`` in both."""

    path: TemplatePath
    place: TemplatePath
    format: Format
    siblings: int


@dataclass(frozen=True, slots=True)
class _Rules:
    """One MO in one layout."""

    application: str
    within: str
    lists: Lists
    by_path: dict[TemplatePath, _Leaf] = field(default_factory=dict)
    by_place: dict[TemplatePath, _Leaf] = field(default_factory=dict)


@dataclass(slots=True)
class _Growing:
    """A characteristic while it is put together; what is below it is found by name and list entry."""

    type: str
    parms: list[Parm] = field(default_factory=list)
    below: dict[tuple[str, str], _Growing] = field(default_factory=dict)

    def child(self, type_: str, entry: str = "") -> _Growing:
        return self.below.setdefault((type_, entry), _Growing(type_))

    def done(self) -> Characteristic:
        # As deep as the DDF is, never as deep as somebody's input.
        return Characteristic(self.type, tuple(self.parms), tuple(child.done() for child in self.below.values()))


class Mapping:
    """All MOs of a catalogue in both layouts."""

    def __init__(self, catalogue: Catalogue, rules: Values[tuple[str, Layout], _Rules]) -> None:
        self._catalogue = catalogue
        self._rules = rules
        self._by_application = {(rule.application, rule.within): (mo, layout) for (mo, layout), rule in rules.items()}

    @classmethod
    def load(cls, directory: Path, catalogue: Catalogue) -> Mapping:
        """The mapping that ``*.toml`` of the directory describe; MOs without a file follow the generic rule.

        Raises: ConfigError naming file and key.
        """
        tables: dict[str, tuple[Path, dict[str, Any]]] = {}
        for file in sorted(directory.glob("*.toml")):
            try:
                content = tomllib.loads(file.read_text(encoding="utf-8"))
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise ConfigError(f"is not TOML: {error}", file=file) from None
            mo = content.pop("mo", None)
            if not isinstance(mo, str) or mo not in {known.key for known in catalogue}:
                raise ConfigError(f"{mo!r} is no MO of the catalogue; `mogate mo list` shows them", file=file, key="mo")
            if unknown := content.keys() - set(LAYOUTS):
                raise ConfigError(f"unknown table; there are {', '.join(LAYOUTS)}", file=file, key=min(unknown))
            tables[mo] = (file, content)
        rules: dict[tuple[str, Layout], _Rules] = {}
        for managed in catalogue:
            file, content = tables.get(managed.key, (directory, {}))
            for layout in LAYOUTS:
                if managed.key in tables or managed.moi:
                    rules[managed.key, layout] = _rules(managed, content.get(layout, {}), file, layout)
        return cls(catalogue, rules)

    def app_ids(self, mo: str, layout: Layout) -> frozenset[str]:
        """The values of ``app`` that ask for this MO: its AppID in this layout, and its identifier."""
        rule = self._rules.get((mo, layout))
        return frozenset() if rule is None else frozenset({rule.application, self._catalogue.get(mo).moi} - {""})

    def carries(self, mo: str, layout: Layout, path: str) -> bool:
        """Whether the layout has a place for this node."""
        rule = self._rules.get((mo, layout))
        return rule is not None and _template_path(self._catalogue.get(mo).root, path.split("/"))[0] in rule.by_path

    def render(self, mo: str, values: Values[str, str], layout: Layout) -> Characteristic | None:
        """The MO's APPLICATION with these values (path -> text); None when nothing of it has a place in the layout.

        Leaves for which the layout has no place are left out.
        """
        rule = self._rules.get((mo, layout))
        if rule is None:
            return None
        root = self._catalogue.get(mo).root
        entries: dict[TemplatePath, list[str]] = {}
        placed: list[tuple[_Leaf, list[str], str]] = []
        for path, text in values.items():
            template, names = _template_path(root, path.split("/"))
            leaf = rule.by_path.get(template)
            if leaf is None:
                continue
            placed.append((leaf, names, text))
            if names and leaf.path[-1] != ANY:
                known = entries.setdefault(_list_of(leaf), [])
                if names[-1] not in known:
                    known.append(names[-1])
        if not placed:
            return None
        application = _Growing("APPLICATION", [Parm("AppID", rule.application)])
        top = application.child(rule.within) if rule.within else application
        for leaf, names, text in placed:
            _grow(top, leaf, names, text, rule.lists, entries)
        return application.done()

    def absorb(self, document: Characteristic) -> tuple[dict[str, dict[str, str]], list[str]]:
        """The values (MO key -> path -> text) that a document states, and what of its applications has no place here.

        List entries are named 1, 2, … in the order of the document.
        """
        values: dict[str, dict[str, str]] = {}
        unmapped: list[str] = []
        for application in document.characteristics:
            if application.type != "APPLICATION":
                continue
            app_id = next((parm.value for parm in application.parms if parm.name == "AppID"), "")
            mo, layout, top = self._recognise(app_id, application)
            if mo is None:
                unmapped.append(f"APPLICATION {app_id}")
                continue
            found, left = _absorb(self._rules[mo, layout], top, skip_app_id=top is application)
            values.setdefault(mo, {}).update(found)
            unmapped += [f"APPLICATION {app_id}/{place}" for place in left]
        return values, unmapped

    def _recognise(self, app_id: str, application: Characteristic) -> tuple[str | None, Layout, Characteristic]:
        for inner in application.characteristics:
            if known := self._by_application.get((app_id, inner.type)):
                return known[0], known[1], inner
        # An MO that both layouts write under one AppID is read by the layout whose places fit better.
        fitting = [
            (mo, layout) for (mo, layout), rule in self._rules.items() if rule.application == app_id and not rule.within
        ]
        if not fitting:
            return None, "B", application
        best = min(fitting, key=lambda known: len(_absorb(self._rules[known], application, skip_app_id=True)[1]))
        return best[0], best[1], application


def _rules(managed: ManagementObject, table: dict[str, Any], file: Path, layout: Layout) -> _Rules:
    """The rules of one MO in one layout, from its table; an empty table is the generic rule."""
    if unknown := table.keys() - _KEYS:
        known = ", ".join(sorted(_KEYS))
        raise ConfigError(f"unknown key; there are {known}", file=file, key=f"{layout}.{min(unknown)}")
    lists = table.get("lists", "NODE")
    if lists not in ("NODE", "numbered"):
        raise ConfigError('is "NODE" or "numbered"', file=file, key=f"{layout}.lists")
    rules = _Rules(table.get("application", managed.moi), table.get("within", ""), lists)
    if not rules.application:
        raise ConfigError("needs the AppID of the MO, which has no identifier", file=file, key=f"{layout}.application")
    places = {_segments(path): _segments(place) for path, place in table.get("place", {}).items()}
    left_out = {_segments(path) for path in table.get("leave_out", [])}
    known_paths = {_template(path) for path, _ in managed.root.walk()}
    for path in (*places, *left_out):
        if path not in known_paths:
            key = f"{layout}.{'place' if path in places else 'leave_out'}"
            raise ConfigError(f"{'/'.join(path)!r} is no node of {managed.key}", file=file, key=key)
    if not rules.within:
        # The APPLICATION's own AppID stands for it.
        left_out.add(("AppID",))
    for walked, definition in managed.root.walk():
        path = _template(walked)
        if definition.is_interior or any(path[:length] in left_out for length in range(1, len(path) + 1)):
            continue
        place = _place(path, places)
        siblings = 1
        if ANY in path[:-1]:
            parent = managed.root.find(tuple(path[: len(path) - 1]))
            siblings = sum(not child.is_interior for child in parent.children) if parent else 1
        if lists == "numbered" and (path[:-1].count(ANY) > 1 or (ANY in path[:-2])):
            reason = "a list inside a list has no numbered form: leave it out in this layout"
            raise ConfigError(f"{'/'.join(path)}: {reason}", file=file, key=f"{layout}.lists")
        leaf = _Leaf(path, place, definition.format, siblings)
        if place in rules.by_place:
            other = "/".join(rules.by_place[place].path)
            raise ConfigError(f"{'/'.join(path)} and {other} have one place", file=file, key=f"{layout}.place")
        rules.by_path[path] = leaf
        rules.by_place[place] = leaf
    return rules


def _place(path: TemplatePath, places: Values[TemplatePath, TemplatePath]) -> TemplatePath:
    """Where the node stands: the longest part of its path that has a place of its own, and the rest as in the MO."""
    for length in range(len(path), 0, -1):
        if path[:length] in places:
            return (*places[path[:length]], *path[length:])
    return path


def _grow(
    top: _Growing,
    leaf: _Leaf,
    names: list[str],
    text: str,
    lists: Lists,
    entries: Values[TemplatePath, Sequence[str]],
) -> None:
    node, given, name = top, iter(names), leaf.place[-1]
    for segment in leaf.place[:-1]:
        if segment != ANY:
            node = node.child(segment)
        elif lists == "NODE":
            node = node.child("NODE", next(given))
        else:
            known = entries[_list_of(leaf)]
            if leaf.siblings == 1 or len(known) > 1:
                name += str(known.index(next(given)) + 1)
    if name == ANY:
        name = next(given)
    if leaf.format is Format.BOOL:
        text = _FALSE_TRUE.get(text, text)
    node.parms.append(Parm(name, text))


def _absorb(rules: _Rules, top: Characteristic, *, skip_app_id: bool) -> tuple[dict[str, str], list[str]]:
    """The values below one characteristic by path, and the places that no rule knows."""
    found: dict[str, str] = {}
    unmapped: list[str] = []
    stack: list[tuple[Characteristic, TemplatePath, tuple[str, ...]]] = [(top, (), ())]
    while stack:
        node, place, names = stack.pop()
        for parm in node.parms:
            if skip_app_id and node is top and parm.name == "AppID":
                continue
            leaf, entry = _match(rules, place, parm.name)
            if leaf is None:
                unmapped.append("/".join((*place, parm.name)))
                continue
            given = iter((*names, *entry))
            path = "/".join(next(given) if segment == ANY else segment for segment in leaf.path)
            found[path] = _tree_text(leaf.format, parm.value)
        entries = 0
        below = []
        for child in node.characteristics:
            if child.type == "NODE":
                entries += 1
                below.append((child, (*place, ANY), (*names, str(entries))))
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
        if numbered and (leaf := rules.by_place.get((*place, ANY, numbered[1]))):
            return leaf, (numbered[2],)
        if leaf := rules.by_place.get((*place, ANY, name)):
            return leaf, ("1",)
    if leaf := rules.by_place.get((*place, ANY)):
        return leaf, (name,)
    return None, ()


def _tree_text(fmt: Format, text: str) -> str:
    try:
        return fmt.canonical(text) if fmt is Format.BOOL else text
    except ValueError:
        return text


def _template_path(root: Definition, names: Sequence[str]) -> tuple[TemplatePath, list[str]]:
    """The path with list entries written ``<X>``, and the names of those entries."""
    node: Definition | None = root
    template, entries = [], []
    for name in names:
        node = node.child(name) if node else None
        if node is not None and node.is_dynamic:
            template.append(ANY)
            entries.append(name)
        else:
            template.append(name)
    return tuple(template), entries


def _list_of(leaf: _Leaf) -> TemplatePath:
    """The path of the innermost list the leaf is in, its entry included."""
    return leaf.path[: len(leaf.path) - leaf.path[::-1].index(ANY)]


def _template(walked: Sequence[str]) -> TemplatePath:
    return tuple(walked)


def _segments(path: str) -> TemplatePath:
    return tuple(path.split("/"))
