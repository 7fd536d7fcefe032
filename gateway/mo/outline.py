"""An MO for the eyes of a person, as a tree of aligned columns, and for a program, as plain values.

Spec: OMA-TS-DM_TND-V1_2 8 (Device Description Framework)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.mo.definition import UNNAMED, Definition, ManagementObject, Provenance

_HEADINGS = ("node", "format", "occurrence", "access", "provenance", "values and remarks")


def outline(mo: ManagementObject) -> str:
    """The MO as a tree, a node a line: format, occurrence, access, provenance, values, remarks."""
    heading = filter(None, (mo.key, mo.title, mo.specification))
    identifier = mo.moi or "no identifier known; the settings can give one"
    rows = [_HEADINGS, *_rows(mo.root, "", "")]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS) - 1)]
    lines = ("  ".join([*map(str.ljust, row, widths), row[-1]]).rstrip() for row in rows)
    return "\n".join(["  ".join(heading), identifier, "", *lines, ""])


def as_json(mo: ManagementObject) -> dict[str, Any]:
    """The MO as values ready for JSON: its nodes in one list, parents first, each with its path below the root."""
    return {
        "key": mo.key,
        "moi": mo.moi,
        "title": mo.title,
        "specification": mo.specification,
        "manufacturer": mo.manufacturer,
        "model": mo.model,
        "path": mo.path,
        "nodes": [{"path": "/".join(path)} | _plain(node) for path, node in mo.root.walk()],
    }


def _plain(node: Definition) -> dict[str, Any]:
    return {
        "name": node.name,
        "formats": [str(fmt) for fmt in node.formats],
        "occurrence": str(node.occurrence),
        "max_occurs": node.max_occurs,
        "access": sorted(node.access),
        "default": node.default,
        "title": node.title,
        "description": node.description,
        "permanent": node.permanent,
        "types": list(node.types),
        "case_sensitive": node.case_sensitive,
        "values": [{"value": value, "meaning": meaning} for value, meaning in node.permitted.values],
        "low": node.permitted.low,
        "high": node.permitted.high,
        "provenance": {"status": node.provenance.status, "note": node.provenance.note},
    }


def _rows(node: Definition, branch: str, stem: str) -> Iterator[tuple[str, ...]]:
    """The cells of a node and of all below; ``branch`` leads to the node itself, ``stem`` to its children."""
    occurrence = str(node.occurrence) if node.max_occurs is None else f"{node.occurrence}({node.max_occurs})"
    default = "" if node.default is None else f"default {node.default}"
    yield (
        branch + (node.name or UNNAMED),
        "/".join(node.formats),
        occurrence,
        ",".join(sorted(node.access)) or "-",
        provenance_text(node.provenance),
        "; ".join(filter(None, (str(node.permitted), default, node.provenance.note))),
    )
    for position, child in enumerate(node.children, start=1):
        last = position == len(node.children)
        yield from _rows(child, stem + ("└─ " if last else "├─ "), stem + ("   " if last else "│  "))


def provenance_text(provenance: Provenance) -> str:
    """Where a definition comes from, for people."""
    if not provenance.status:
        return "operator's own"
    return provenance.status if provenance.confirmed else f"provisional: {provenance.status}"
