"""The reference pages of the management objects, one for each MO of the catalogue and an index of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from adapters.provisioning.mapping import Mapping
from adapters.provisioning.rules import APP_ID, Leaf, Rules
from gateway.mo.catalogue import Catalogue
from gateway.mo.definition import UNNAMED, Definition, ManagementObject
from gateway.mo.example import example_value
from gateway.mo.outline import provenance_text

CONFIG = Path(__file__).parents[1] / "config"

_INDEX = """\
Every management object that the gateway knows, one page for each: its nodes as its DDF has them, and where each leaf
stands in a provisioning document of either layout. Over OMA DM a device holds the same nodes below the root where it
keeps the object. Layout A is for clients before UP 2.0, B for later ones; [mapping files](../mapping.md) tells the rule
that holds where an object has no mapping of its own.

*Confirmed* counts the nodes whose definition was read in the text of the standard. The others are provisional, and each
page says node by node where its definition comes from.
"""
_PLACES = """\
Places are below the `APPLICATION` whose `AppID` is given above: characteristics, and after the last `/` the parm. `<X>`
is the name of a list entry; `NODE` is a characteristic of that type for each entry, `<n>` the number of the entry.
"""


def pages() -> dict[str, list[str]]:
    """Each page by its path below the reference, as lines of Markdown without the note that it was made."""
    known = Catalogue.load(CONFIG / "mo", identifiers={})
    invented = {mo.key: f"identifier-of-{mo.key}" for mo in known if not mo.moi}
    mapping = Mapping.load(CONFIG / "mapping", Catalogue.load(CONFIG / "mo", identifiers=invented))
    made = {f"mo/{mo.key}": _page(mo, mapping) for mo in known}
    return made | {"mo/README": _index(known)}


def _index(catalogue: Catalogue) -> list[str]:
    lines = ["# Management objects", "", _INDEX, "| Object | Specification | Identifier | Nodes | Confirmed |"]
    lines.append("|---|---|---|---|---|")
    for mo in catalogue:
        nodes = [definition for _, definition in mo.root.walk()]
        confirmed = sum(1 for node in nodes if node.provenance.confirmed)
        lines.append(
            f"| [{mo.key}]({mo.key}.md): {_cell(mo.title)} | {_cell(mo.specification)} | {_identifier(mo)} "
            f"| {len(nodes)} | {confirmed} |"
        )
    return [*lines, ""]


def _page(mo: ManagementObject, mapping: Mapping) -> list[str]:
    counted = Counter(definition.provenance.status for _, definition in mo.root.walk())
    lines = [f"# {mo.title or mo.key}", "", "| | |", "|---|---|"]
    lines.append(f"| Key in profiles | `{mo.key}` |")
    lines.append(f"| Specification | {_cell(mo.specification)} |")
    lines.append(f"| Identifier | {_identifier(mo)} |")
    rules = {layout: mapping.rules(mo.key, layout) for layout in ("A", "B")}
    lines += [f"| AppID in layout {layout} | {_application(mo, found)} |" for layout, found in rules.items()]
    nodes = ", ".join(f"{count} {status or 'own'}" for status, count in counted.most_common())
    lines.append(f"| Nodes | {nodes} |")
    lines += ["", _PLACES, "## Nodes", ""]
    lines.append(
        "| Node | Format | Occurrence | Access | Layout A | Layout B | Example | Values | Meaning | Provenance |"
    )
    lines.append("|---|---|---|---|---|---|---|---|---|---|")
    lines += [_row(path, definition, rules["A"], rules["B"]) for path, definition in mo.root.walk()]
    return [*lines, "", *_reasons(rules)]


def _row(path: tuple[str, ...], definition: Definition, *layouts: Rules | None) -> str:
    occurrence = str(definition.occurrence)
    if definition.max_occurs is not None:
        occurrence += f"({definition.max_occurs})"
    default = "" if definition.default is None else f"default `{definition.default}`"
    interior = definition.is_interior
    cells = [
        f"`{'/'.join(path) or '.'}`",
        "/".join(definition.formats),
        occurrence,
        ", ".join(sorted(definition.access)),
        *["" if interior else _place(path, rules) for rules in layouts],
        "" if interior else _code(example_value(definition)),
        _cell("; ".join(filter(None, (str(definition.permitted), default)))),
        _cell(definition.description),
        _cell(": ".join(filter(None, (provenance_text(definition.provenance), definition.provenance.note)))),
    ]
    return f"| {' | '.join(cells)} |"


def _place(path: tuple[str, ...], rules: Rules | None) -> str:
    leaf = rules.by_path.get(path) if rules else None
    if rules and path == (APP_ID,) and not rules.within:
        return "the `AppID` itself"
    return _code(_written(leaf, rules)) if leaf and rules else "none"


def _written(leaf: Leaf, rules: Rules) -> str:
    if rules.lists == "NODE":
        return "/".join([*("NODE" if part == UNNAMED else part for part in leaf.place[:-1]), leaf.place[-1]])
    kept = [part for part in leaf.place[:-1] if part != UNNAMED]
    number = "<n>" if rules.lists == "numbered" and UNNAMED in leaf.place[:-1] else ""
    return "/".join([*kept, leaf.place[-1] + number])


def _reasons(layouts: dict[str, Rules | None]) -> list[str]:
    rows = [
        f"| `{'/'.join(node)}` | {layout} | {_cell(why)} |"
        for layout, rules in layouts.items()
        for node, why in (rules.why.items() if rules else ())
    ]
    head = ["## Where a document differs from the object", "", "| Node and what is below | Layout | Because |"]
    return [*head, "|---|---|---|", *rows, ""] if rows else []


def _identifier(mo: ManagementObject) -> str:
    return f"`{mo.moi}`" if mo.moi else "not known; set it under `[catalogue.identifiers]`"


def _application(mo: ManagementObject, rules: Rules | None) -> str:
    if rules is None or rules.application == f"identifier-of-{mo.key}":
        return "the identifier that is set"
    return f"`{rules.application}`"


def _code(text: str) -> str:
    return f"`{_cell(text)}`" if text else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
