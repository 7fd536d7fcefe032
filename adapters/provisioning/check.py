"""Where a provisioning document differs from the MO it carries: found by writing and reading every leaf there is.

Spec: RCC.15 (kept aligned with 3GPP TS 24.167)
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from adapters.provisioning.document import ROOT, Characteristic
from adapters.provisioning.mapping import Mapping
from adapters.provisioning.rules import APP_ID, LAYOUTS, Layout, Rules, TemplatePath, template_path
from gateway.mo.catalogue import Catalogue
from gateway.mo.definition import ManagementObject
from gateway.mo.example import example_values
from gateway.tree.format import Format


class Kind(enum.StrEnum):
    """In what a leaf differs."""

    UNMAPPED = "unmapped"
    RENAMED = "renamed"
    LOSSY = "lossy"
    UNDECIDED = "undecided"
    STALE = "stale"


class Difference(NamedTuple):
    """One leaf that a layout does not have as the MO has it.

    ``detail`` is where it stands instead, or what becomes of its value. ``why`` is the reason the mapping gives; empty
    when it gives none, which is a fault.
    """

    mo: str
    layout: Layout
    node: str
    kind: Kind
    detail: str
    why: str


def differences(mapping: Mapping, catalogue: Catalogue) -> Iterator[Difference]:
    """Every difference between the MOs of the catalogue and their documents, in the order of MO, layout and DDF.

    MOs without any AppID are never in a document and are passed over.
    """
    for managed in catalogue:
        for layout in LAYOUTS:
            rules = mapping.rules(managed.key, layout)
            if rules is not None:
                yield from _differences(mapping, managed, layout, rules)


def unexplained(found: Iterable[Difference]) -> list[Difference]:
    """Those for which the mapping gives no reason, and reasons that explain nothing."""
    return [difference for difference in found if not difference.why or difference.kind is Kind.STALE]


def _differences(mapping: Mapping, managed: ManagementObject, layout: Layout, rules: Rules) -> Iterator[Difference]:
    values = example_values(managed)
    application = mapping.render(managed.key, values, layout)
    read, _ = mapping.absorb(Characteristic(ROOT, (), (application,) if application else ()))
    back = read.get(managed.key, {})
    changed = {
        template_path(managed.root, path)[0]: f"{text!r} comes back as {back.get(path)!r}"
        for path, text in values.items()
        if back.get(path) != text
    }
    explained: set[TemplatePath] = set()
    for path, definition in managed.root.walk():
        if definition.is_interior or definition.format is Format.NULL or path == (APP_ID,):
            continue
        leaf = rules.by_path.get(path)
        node, why = rules.reason(path)
        if leaf is None:
            kind, detail = (Kind.UNMAPPED, "") if node else (Kind.UNDECIDED, "neither in only nor in leave_out")
        elif path in changed:
            kind, detail = Kind.LOSSY, changed[path]
        elif leaf.place != (*rules.within, *path):
            kind, detail = Kind.RENAMED, "/".join(leaf.place)
        else:
            continue
        explained.add(node)
        yield Difference(managed.key, layout, "/".join(path), kind, detail, why)
    for node in rules.why.keys() - explained:
        yield Difference(managed.key, layout, "/".join(node), Kind.STALE, "nothing differs here", rules.why[node])
