"""What a device shall hold over OMA DM: its MOs, with instances under the names that the device has for them.

Pure.

Spec: OMA-TS-DM_TND-V1_2 4 (run-time names)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from gateway.fleet.mirror import Fact, Mirror
from gateway.mo.definition import Definition
from gateway.tree.uri import Uri


class DesiredMo(NamedTuple):
    """One MO as a device shall hold it: texts of leaves by their path below ``root`` (``ConRefs/1/ConRef``).

    ``among`` is the node below which it is one of several; all of that has to be known before its root is.
    """

    moi: str
    root: Uri
    definition: Definition
    values: Mapping[str, str]
    among: Uri | None = None

    @property
    def sought_at(self) -> Uri:
        """Where the device is asked for it."""
        return self.root if self.among is None else self.among


ANY = "/<X>"
"""Ends a root that is said of an object of which a device has several (an access point): it is any of those below."""


def among_others(mo: DesiredMo, mirror: Mirror) -> DesiredMo:
    """The MO, whose root is any below ``among``, at the one that has its key; else under a name that is free for it.

    What else the device has there is not touched: another access point is somebody else's.
    """
    among = mo.sought_at
    key, prefix = _key_of(mo.definition), f"{among}/"
    wanted = mo.values.get(key.name, "") if key else ""
    keys: dict[str, str | None] = {}
    for uri in [uri for uri in mirror.facts if uri.startswith(prefix)]:
        fact = mirror.facts[uri]
        if fact.exists:
            name, _, leaf = uri.removeprefix(prefix).partition("/")
            keys.setdefault(name, None)
            if key is not None and leaf == key.name:
                keys[name] = fact.effective
    same = [
        name for name, held in keys.items() if key and wanted and held is not None and key.format.same(held, wanted)
    ]
    # One of that name whose key nobody knows is that which was begun here.
    name = own = wanted.replace("/", "-") or "1"
    number = 2
    while keys.get(name) is not None:
        number, name = number + 1, f"{own}-{number}"
    return mo._replace(root=among.join((same[0] if same else name,)))


class _Level(dict[str, "_Level"]):
    """Nodes by name, as a tree; ``text`` is a leaf's value."""

    text: str | None = None

    def reach(self, path: str) -> _Level:
        level = self
        for name in path.split("/"):
            below = level.get(name)
            if below is None:
                below = level[name] = _Level()
            level = below
        return level


def aligned(mo: DesiredMo, mirror: Mirror) -> DesiredMo:
    """The MO with its instances under the names that the device has for them; the same object when they are the same.

    Two instances are one when their key is equal, the first leaf that each of the kind has (the NAPID of an access
    point, the address of a server); else when their names are. What the device has not got keeps the profile's name,
    or takes a free one where the device uses that for something else.
    """
    prefix, facts = f"{mo.root}/", mirror.facts
    others = [
        path for path, text in mo.values.items() if (fact := facts.get(prefix + path)) is None or fact.effective != text
    ]
    if all(_is_in_place(mo, path, facts.get(prefix + path)) for path in others):
        # Nearly always: then each instance has the key that is wanted under the name that is wanted.
        return mo
    start = len(prefix)
    held, wanted = _Level(), _Level()
    for uri, fact in facts.items():
        if uri.startswith(prefix) and fact.exists:
            held.reach(uri[start:]).text = fact.effective
    if not held:
        return mo
    for path, text in mo.values.items():
        wanted.reach(path).text = text
    names: dict[str, str] = {}
    todo = [("", wanted, held, mo.definition)]
    while todo:
        at, want, have, definition = todo.pop()
        pairs = _pairs(want, have, definition)
        for name, below in want.items():
            inner = definition.child(name)
            own = f"{at}{name}"
            names[own] = pairs.get(name, name)
            if inner is not None and below:
                todo.append((f"{own}/", below, have.get(names[own], _Level()), inner))
    if all(own.rpartition("/")[2] == name for own, name in names.items()):
        return mo
    return mo._replace(values={_renamed(path, names): text for path, text in mo.values.items()})


def _is_in_place(mo: DesiredMo, path: str, fact: Fact | None) -> bool:
    """Whether a leaf of another value gives no reason to look for its instance under another name: no key of one."""
    kind, definition = None, mo.definition
    for name in path.split("/"):
        below = definition.child(name)
        if below is None:
            return kind is None
        if below.is_dynamic:
            kind = below
            if fact is None or not fact.exists:
                return False
        definition = below
    return kind is None or _key_of(kind) is not definition


def _pairs(want: _Level, have: _Level, definition: Definition) -> dict[str, str]:
    """The device's name of each instance that is wanted at this level."""
    kind = next((child for child in definition.children if child.is_dynamic), None)
    if kind is None or not have:
        return {}
    named = {child.name for child in definition.children}
    ours = [name for name in want if name not in named]
    theirs = [name for name in have if name not in named]
    key = _key_of(kind)
    pairs: dict[str, str] = {}

    def pair(name: str, other: str | None) -> None:
        if other is not None:
            pairs[name] = other
            theirs.remove(other)

    def same(name: str, other: str) -> bool:
        if key is None:
            return False
        text = _text(want[name], key, kind)
        return text is not None and key.format.same(_text(have[other], key, kind), text)

    for name in ours:
        if name in theirs and same(name, name):
            pair(name, name)
    for name in [name for name in ours if name not in pairs]:
        pair(name, next((other for other in theirs if same(name, other)), None))
    for name in [name for name in ours if name not in pairs and name in theirs]:
        pair(name, name)
    taken = {*have, *pairs.values()}
    for name in [name for name in ours if name not in pairs and name in taken]:
        number = 2
        while (free := f"{name}-{number}") in taken:
            number += 1
        pairs[name] = free
        taken.add(free)
    return pairs


def _key_of(kind: Definition) -> Definition | None:
    """The leaf that tells instances of a kind apart: the first that each must have, else the first of all."""
    if not kind.is_interior:
        return kind
    leaves = [child for child in kind.children if child.name and not child.is_interior]
    return next((leaf for leaf in leaves if leaf.occurrence.required), leaves[0] if leaves else None)


def _text(level: _Level, key: Definition, kind: Definition) -> str | None:
    if key is kind:
        return level.text
    leaf = level.get(key.name)
    return leaf.text if leaf is not None else None


def _renamed(path: str, names: Mapping[str, str]) -> str:
    ends = [end for end, sign in enumerate(path) if sign == "/"]
    return "/".join([names[path[:end]] for end in ends] + [names[path]])
