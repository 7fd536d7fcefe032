"""What mapping files say: where the leaves of an MO stand in a document of either layout, and why they differ.

Spec: RCC.14 (XML document), RCC.15 (IMS), RCC.07 Annex A (RCS)
"""

from __future__ import annotations

import re
from collections.abc import Mapping as Values
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from gateway.errors import ConfigError, NotFound
from gateway.mo.catalogue import Catalogue
from gateway.mo.definition import UNNAMED, Definition, ManagementObject
from gateway.tree.format import Format

Layout = Literal["A", "B"]
Lists = Literal["NODE", "numbered", "repeated"]
TemplatePath = tuple[str, ...]
"""A path with list entries written ``<X>``."""

LAYOUTS: tuple[Layout, ...] = ("A", "B")
APP_ID = "AppID"
"""The parm that names an APPLICATION, and the leaf of some MOs that says the same."""

_VERSION = "version"
_ROOT = "."
_FIELD = re.compile("field `(.+)`")
_CLIENTS_TAKE_IT = "clients may take it for the version of the document"


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a mapping file says of one layout; nothing at all is the generic rule."""

    application: str = ""
    app_id: str = APP_ID
    within: str = ""
    lists: Lists = "NODE"
    only: dict[str, tuple[str, ...]] | None = None
    leave_out: dict[str, str] = {}
    place: dict[str, str] = {}
    values: dict[str, dict[str, str]] = {}
    read: dict[str, str] = {}
    why: dict[str, str] = {}


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mo: str
    A: _Table | None = None
    B: _Table | None = None
    both: _Table | None = None

    def table(self, layout: Layout) -> tuple[str, _Table]:
        """The name and the content of the table that speaks of this layout."""
        own = self.A if layout == "A" else self.B
        return ("both", self.both) if own is None and self.both is not None else (layout, own or _Table())


@dataclass(frozen=True, slots=True)
class Leaf:
    """One leaf: where it stands in the MO and where below the APPLICATION, with ``<X>`` as often in both.

    ``alone`` when entries of its list have no other leaf. ``words`` are values that the document has other words for.
    """

    path: TemplatePath
    place: TemplatePath
    format: Format
    alone: bool
    words: Values[str, str]


@dataclass(frozen=True, slots=True)
class Rules:
    """One MO in one layout.

    ``app_id`` is the name of the parm that names the application. ``lists_at`` are the places of lists that are written
    by repeating their characteristic. ``why`` is node -> the reason that the mapping file gives for what differs at or
    below it.
    """

    application: str
    app_id: str
    within: TemplatePath
    lists: Lists
    by_path: dict[TemplatePath, Leaf] = field(default_factory=dict)
    by_place: dict[TemplatePath, Leaf] = field(default_factory=dict)
    lists_at: set[TemplatePath] = field(default_factory=set, repr=False)
    why: dict[TemplatePath, str] = field(default_factory=dict, repr=False)
    _by_any_case: dict[TemplatePath, Leaf] = field(default_factory=dict, init=False, repr=False, compare=False)

    def in_any_case(self, place: TemplatePath) -> Leaf | None:
        """The leaf there, however its letters are written; None when there is none."""
        if not self._by_any_case:  # few documents have such letters, and all places once more are a lot
            for written, leaf in self.by_place.items():
                self._by_any_case.setdefault(_folded(written), leaf)
        return self._by_any_case.get(_folded(place))

    def reason(self, path: TemplatePath) -> tuple[TemplatePath, str]:
        """The node of the file's reason for this leaf, and the reason; both empty when it gives none."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.why:
                return path[:length], self.why[path[:length]]
        return (), ""


def load_rules(directory: Path, catalogue: Catalogue) -> dict[tuple[str, Layout], Rules]:
    """The rules of every MO that has an AppID; those without a ``*.toml`` in the directory follow the generic rule.

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
    rules: dict[tuple[str, Layout], Rules] = {}
    claims = {managed.moi: managed.key for managed in catalogue if managed.moi}
    for managed in catalogue:
        if managed.key not in tables and not managed.moi:
            continue
        path, content = tables.get(managed.key, (directory, _File(managed.key)))
        for layout in LAYOUTS:
            name, table = content.table(layout)
            made = _Reading(catalogue, managed, table, path, name).rules()
            other = claims.setdefault(made.application, managed.key)
            if other != managed.key:
                reason = f"{made.application} means {other} already; give {managed.key} another"
                raise ConfigError(reason, file=path, key=f"{name}.application")
            rules[managed.key, layout] = made
    return rules


class _Reading:
    """The reading of one table: what all its errors need to name their place."""

    def __init__(self, catalogue: Catalogue, managed: ManagementObject, table: _Table, file: Path, name: str) -> None:
        self._catalogue = catalogue
        self._managed = managed
        self._table = table
        self._file = file
        self._name = name
        self._nodes = dict(managed.root.walk())

    def rules(self) -> Rules:
        table = self._table
        left_out = {self._node("leave_out", path): why for path, why in table.leave_out.items()}
        only = self._only()
        places = self._places()
        words = self._words()
        within = _segments(table.within) if table.within else ()
        if not all(within) or UNNAMED in within:
            raise self._fault("within", f"{table.within!r} must name the characteristic around everything else")

        made = Rules(table.application or self._managed.moi, table.app_id, within, table.lists)
        if not made.application:
            raise self._fault("application", f"{self._managed.key} has no identifier of its own: give its AppID")
        made.why.update({self._node("why", path): why for path, why in table.why.items()} | left_out)
        for path, definition in self._nodes.items():
            if definition.is_interior or any(path[:length] in left_out for length in range(1, len(path) + 1)):
                continue
            if only is not None and path not in only:
                continue
            place = within + _place(path, places)
            if place in ((APP_ID,), (table.app_id,)):
                # The APPLICATION's own.
                continue
            if place[-1].casefold() == _VERSION:
                made.why.setdefault(path, _CLIENTS_TAKE_IT)
                continue
            if table.lists == "numbered" and not (_can_be_numbered(path) and _can_be_numbered(place)):
                raise self._fault("lists", f"{'/'.join(path)!r} cannot be numbered: leave it out or move it")
            if place in made.by_place:
                other = "/".join(made.by_place[place].path)
                raise self._fault("place", f"{'/'.join(path)!r} and {other!r} have one place")
            alone = sum(not sibling.is_interior for sibling in self._nodes[path[:-1]].children) == 1
            leaf = Leaf(path, place, definition.format, alone, words.get(path, {}))
            made.by_path[path] = made.by_place[place] = leaf
        self._add_other_readings(made)
        if table.lists == "repeated":
            for place in made.by_place:
                made.lists_at.update(place[:index] for index, segment in enumerate(place) if segment == UNNAMED)
        return made

    def _only(self) -> frozenset[TemplatePath] | None:
        if self._table.only is None:
            return None
        found = set()
        for parent, names in self._table.only.items():
            for name in names:
                path = self._node("only", name if parent == _ROOT else f"{parent}/{name}")
                if self._nodes[path].is_interior:
                    raise self._fault("only", f"{'/'.join(path)!r} is an interior node: give it a line of its own")
                found.add(path)
        return frozenset(found)

    def _words(self) -> dict[TemplatePath, dict[str, str]]:
        words = {self._node("values", path): given for path, given in self._table.values.items()}
        for path, given in words.items():
            own = {value for value, _ in self._nodes[path].permitted.values} - given.keys()
            if twice := {word for word in given.values() if word in own or list(given.values()).count(word) > 1}:
                raise self._fault("values", f"{min(twice)!r} would stand for two values of {'/'.join(path)!r}")
        return words

    def _places(self) -> dict[TemplatePath, TemplatePath]:
        places = {self._node("place", path): _segments(place) for path, place in self._table.place.items()}
        for path, place in places.items():
            if reason := _misplaced(path, place):
                raise self._fault("place", f"{'/'.join(path)!r} cannot stand at {'/'.join(place)!r}: {reason}")
        return places

    def _add_other_readings(self, made: Rules) -> None:
        """Where other servers put what stands elsewhere here; a place of the layout's own always wins."""
        written = dict(made.by_place)
        for found, meant in self._table.read.items():
            alias, place = _segments(found), _segments(meant)
            moved = {
                (*alias, *known[len(place) :]): leaf for known, leaf in written.items() if known[: len(place)] == place
            }
            if not moved:
                raise self._fault("read", f"{found!r} is to be read as {meant!r}, where nothing stands")
            if not all(alias) or alias.count(UNNAMED) != place.count(UNNAMED):
                raise self._fault("read", f"{found!r} needs {UNNAMED} as often as {meant!r}, and no empty name")
            made.by_place.update({where: leaf for where, leaf in moved.items() if where not in made.by_place})

    def _node(self, key: str, path: str) -> TemplatePath:
        try:
            self._catalogue.find(f"{self._managed.key}/{path}")
        except NotFound as error:
            raise self._fault(key, str(error)) from None
        if _segments(path) not in self._nodes:
            raise self._fault(key, f"{path!r} names an entry of a list: write {UNNAMED} for any")
        return _segments(path)

    def _fault(self, key: str, reason: str) -> ConfigError:
        return ConfigError(reason, file=self._file, key=f"{self._name}.{key}")


def template_path(root: Definition, path: str) -> tuple[TemplatePath, list[str]]:
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


def _folded(path: TemplatePath) -> TemplatePath:
    """The path as it is compared without regard to case."""
    return tuple([segment.casefold() for segment in path])


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


def _segments(path: str) -> TemplatePath:
    return tuple(path.split("/"))
