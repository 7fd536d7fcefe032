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

from adapters.provisioning.document import Characteristic, Parm
from adapters.provisioning.rules import (
    APP_ID,
    LAYOUTS,
    Layout,
    Leaf,
    Rules,
    TemplatePath,
    load_rules,
    template_path,
)
from gateway.mo.catalogue import Catalogue
from gateway.mo.definition import UNNAMED, Definition
from gateway.tree.format import Format

__all__ = ["LAYOUTS", "Layout", "Mapping"]

_NODE = "NODE"
_APPLICATION = "APPLICATION"
_NUMBERED = re.compile(r"(.*?)([1-9][0-9]{0,3})", re.ASCII)
_FALSE_TRUE = {"false": "0", "true": "1"}


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

    def __init__(self, catalogue: Catalogue, rules: Values[tuple[str, Layout], Rules]) -> None:
        self._catalogue = catalogue
        self._rules = rules
        self.digest = hashlib.blake2b(repr(rules).encode(), digest_size=8).hexdigest()

    @classmethod
    def load(cls, directory: Path, catalogue: Catalogue) -> Mapping:
        """The mapping that ``*.toml`` of the directory describe; MOs without a file follow the generic rule.

        Raises: ConfigError naming file and key.
        """
        return cls(catalogue, load_rules(directory, catalogue))

    def app_ids(self, mo: str, layout: Layout) -> frozenset[str]:
        """The values of ``app`` that ask for this MO: its AppID in this layout or an older one, and its identifier."""
        if (mo, layout) not in self._rules:
            return frozenset()
        known = LAYOUTS[: LAYOUTS.index(layout) + 1]
        return frozenset({self._rules[mo, one].application for one in known} | {self._catalogue.get(mo).moi} - {""})

    def applications(self, layout: Layout) -> frozenset[str]:
        """The AppIDs of all MOs in this layout."""
        return frozenset(rules.application for (_, one), rules in self._rules.items() if one == layout)

    def carries(self, mo: str, layout: Layout, path: str) -> bool:
        """Whether the layout has a place for this leaf."""
        rules = self._rules.get((mo, layout))
        return rules is not None and template_path(self._catalogue.get(mo).root, path)[0] in rules.by_path

    def rules(self, mo: str, layout: Layout) -> Rules | None:
        """Where the MO's leaves stand in this layout; None for an MO without any AppID."""
        return self._rules.get((mo, layout))

    def render(self, mo: str, values: Values[str, str], layout: Layout) -> Characteristic | None:
        """The MO's APPLICATION with these values (path -> text); None when nothing of it has a place in the layout.

        Leaves for which the layout has no place are left out. Entries of a list come, and are numbered, in the order
        of the values.
        """
        rules = self._rules.get((mo, layout))
        if rules is None:
            return None
        root = self._catalogue.get(mo).root
        placed: list[tuple[Leaf, list[str], str]] = []
        entries: dict[TemplatePath, list[str]] = {}
        for path, text in values.items():
            template, names = template_path(root, path)
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
        application = _Growing(_APPLICATION, [Parm(rules.app_id, rules.application)])
        for leaf, names, text in placed:
            _grow(application, rules, leaf, names, text, entries.get(leaf.path[:-1], ()))
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
            if application.type.upper() != _APPLICATION:
                continue
            app_id = next((parm.value for parm in application.parms if _names_application(parm.name)), "")
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


def _grow(application: _Growing, rules: Rules, leaf: Leaf, names: list[str], text: str, entries: Sequence[str]) -> None:
    """Put one parm into its place; ``entries`` are the names in its list, in the order of the values."""
    node, given, name = application, iter(names), leaf.place[-1]
    for index, segment in enumerate(leaf.place[:-1], start=1):
        if segment != UNNAMED:
            is_repeated = rules.lists == "repeated" and leaf.place[index] == UNNAMED
            node = node.child(segment, next(given) if is_repeated else "")
        elif rules.lists == "NODE":
            node = node.child(_NODE, next(given))
        elif rules.lists == "numbered" and (leaf.alone or len(entries) > 1):
            name += str(entries.index(next(given)) + 1)
    if name == UNNAMED:
        name = next(given)
    if leaf.format is Format.BOOL:
        text = _FALSE_TRUE.get(text, text)
    node.parms.append(Parm(name, leaf.words.get(text, text)))


def _absorb(root: Definition, rules: Rules, application: Characteristic) -> tuple[dict[str, str], list[str]]:
    """The values of one APPLICATION by path, and the places that no rule knows."""
    found: dict[str, str] = {}
    unmapped: list[str] = []
    # Each with its place, the list entries around it, and the entry it is itself where a list is written without NODE.
    stack: list[tuple[Characteristic, TemplatePath, tuple[str, ...], str]] = [(application, (), (), "1")]
    while stack:
        node, place, names, turn = stack.pop()
        for name, text in node.parms:
            if not place and _names_application(name):
                continue
            leaf, entry = _match(rules, place, name, turn)
            path = _filled(root, leaf.path, (*names, *entry)) if leaf else None
            if leaf is None or path is None or path in found:
                unmapped.append("/".join((*place, name)))
            else:
                found[path] = _tree_text(leaf, text)
        turns: Counter[str] = Counter()
        below = []
        for child in node.characteristics:
            turns[child.type] += 1
            turn = str(turns[child.type])
            if child.type == _NODE:
                below.append((child, (*place, UNNAMED), (*names, turn), "1"))
            elif (*place, child.type) in rules.lists_at:
                below.append((child, (*place, child.type, UNNAMED), (*names, turn), "1"))
            else:
                below.append((child, (*place, child.type), names, turn))
        stack.extend(reversed(below))
    return found, unmapped


def _match(rules: Rules, place: TemplatePath, name: str, turn: str) -> tuple[Leaf | None, tuple[str, ...]]:
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
        if leaf := rules.in_any_case(where):
            return leaf, entry
    return None, ()


def _filled(root: Definition, path: TemplatePath, names: Sequence[str]) -> str | None:
    """The path with these list entries; None when they are too few or too many, or the MO means another node."""
    if path.count(UNNAMED) != len(names) or not all(names):
        return None
    given = iter(names)
    filled = "/".join([next(given) if segment == UNNAMED else segment for segment in path])
    return filled if template_path(root, filled)[0] == path else None


def _tree_text(leaf: Leaf, text: str) -> str:
    text = next((value for value, word in leaf.words.items() if word == text), text)
    try:
        return leaf.format.canonical(text) if leaf.format is Format.BOOL else text
    except ValueError:
        return text


def _names_application(parm: str) -> bool:
    return parm.casefold() == APP_ID.casefold()
