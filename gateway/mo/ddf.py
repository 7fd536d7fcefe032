"""DDF documents: what an MO may hold, between the standard's XML and plain definitions.

What the standard has no element for (permitted values, where a fact comes from) stands in ``mogate`` processing
instructions inside DFProperties: any other reader of DDF ignores them, and the document stays valid.

Spec: OMA-TS-DM_TND-V1_2 8 (Device Description Framework), 8.5 (DTD)
"""

from __future__ import annotations

import difflib
import html
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import PurePath
from typing import Any, NoReturn, TypeVar, get_args

from lxml import etree

from gateway.errors import ConfigError
from gateway.mo.definition import (
    UNNAMED,
    Access,
    Definition,
    ManagementObject,
    Occurrence,
    Permitted,
    Provenance,
    ProvenanceStatus,
)
from gateway.tree.format import Format

NAMESPACE = "syncml:dmddf1.2"
_PREFIX = f"{{{NAMESPACE}}}"
MAX_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 64
MAX_NODES = 20_000

# What each element may contain; RTProperties and Value are run-time properties, which a definition has none of.
_CONTENT = {
    "MgmtTree": frozenset({"VerDTD", "Man", "Mod", "Node"}),
    "Node": frozenset({"NodeName", "Path", "RTProperties", "DFProperties", "Node", "Value"}),
    "DFProperties": frozenset(
        {
            "AccessType",
            "DefaultValue",
            "Description",
            "DFFormat",
            "Occurrence",
            "Scope",
            "DFTitle",
            "DFType",
            "CaseSense",
        }
    ),
    "AccessType": frozenset(get_args(Access)),
    "DFFormat": frozenset(Format),
    "Occurrence": frozenset(Occurrence),
    "Scope": frozenset({"Permanent", "Dynamic"}),
    "DFType": frozenset({"MIME", "DDFName"}),
    "CaseSense": frozenset({"CS", "CIS"}),
}
_REPEATED = frozenset({"Node", "MIME", *Format})
_COUNTED = frozenset({Occurrence.ZERO_OR_N, Occurrence.ONE_OR_N})
_MAY_BE_EMPTY = frozenset({Format.CHR, Format.XML, Format.BIN, Format.B64})
_ACCESS = {str(verb): verb for verb in get_args(Access)}
_STATUSES = {str(status): status for status in get_args(ProvenanceStatus)}

_PSEUDO_ATTRIBUTE = re.compile(r'\s*([a-z]+)="([^"]*)"\s*')
_PSEUDO_ATTRIBUTES = frozenset({"specification", "status", "note", "range", "value", "meaning"})
_COUNT = re.compile(r"[0-9]{1,5}", re.ASCII)
_RANGE = re.compile(r"(-?[0-9]{1,20})?\.\.(-?[0-9]{1,20})?", re.ASCII)
_Parts = dict[str, list[Any]]
_T = TypeVar("_T")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"})


def parse_ddf(data: bytes, *, source: str) -> tuple[ManagementObject, ...]:
    """The MOs of one DDF document, in its order; ``source`` is the file name, whose stem becomes the key.

    When the document has several top-level nodes the key of each is the stem, a hyphen and the node's name.
    Elements of foreign namespaces are ignored, and properties may stand in any order.

    Raises: ConfigError with the file, the line and the node when this is not a DDF.
    """
    if len(data) > MAX_BYTES:
        raise ConfigError(f"a DDF may have no more than {MAX_BYTES} bytes", file=source)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as fault:
        raise ConfigError(f"not well-formed XML: {fault.msg}", file=source, line=fault.lineno) from None
    dtd = root.getroottree().docinfo.internalDTD
    if dtd is not None and (any(dtd.iterentities()) or any(dtd.iterelements())):
        raise ConfigError("the DOCTYPE must not declare anything: remove the part in brackets", file=source, line=1)
    return _Reader(source).read(root)


def format_ddf(objects: Iterable[ManagementObject]) -> bytes:
    """One DDF document of these MOs: indented, one property a line, the same bytes for the same objects.

    Raises: ValueError when the objects disagree on specification, manufacturer or model.
    """
    objects = tuple(objects)
    origins = {(mo.specification, mo.manufacturer, mo.model) for mo in objects}
    if len(origins) != 1:
        raise ValueError("one DDF document has one specification, manufacturer and model")
    specification, manufacturer, model = origins.pop()
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<MgmtTree xmlns="{NAMESPACE}">', "  <VerDTD>1.2</VerDTD>"]
    lines += [f"  {_element('Man', manufacturer)}"] if manufacturer else []
    lines += [f"  {_element('Mod', model)}"] if model else []
    lines += [f"  {line}" for line in _instruction(specification=specification or None)]
    for mo in objects:
        root = replace(mo.root, title=mo.title or mo.root.title, types=(mo.moi,) if mo.moi else mo.root.types)
        lines += _node_lines(root, "  ", mo.path)
    return "\n".join([*lines, "</MgmtTree>", ""]).encode()


class _Reader:
    """Reads one parsed document; keeps what every error names, the file."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._nodes_left = MAX_NODES
        self._known: dict[Any, Any] = {}

    def read(self, root: Any) -> tuple[ManagementObject, ...]:
        stem = PurePath(self._source).stem
        if _local_name(root) != "MgmtTree":
            self._fail(root, "", f"the root element is <{root.tag}>, not MgmtTree of {NAMESPACE}")
        parts = self._parts(root, stem)
        version = _prose(parts, "VerDTD")
        if version and not version.startswith("1."):
            self._fail(root, stem, f"VerDTD is {version!r}; versions 1.x are understood")
        if "Node" not in parts:
            self._fail(root, stem, "the document has no Node")
        notes = [found for found in self._annotations(root, stem) if "specification" in found]
        document = {
            "specification": notes[0]["specification"] if notes else "",
            "manufacturer": _prose(parts, "Man"),
            "model": _prose(parts, "Mod"),
        }
        nodes = parts["Node"]
        return tuple(self._object(node, stem, document, named=len(nodes) > 1) for node in nodes)

    def _object(self, node: Any, stem: str, document: dict[str, str], *, named: bool) -> ManagementObject:
        parts = self._parts(node, stem)
        root = self._node(node, stem, 1)
        if not root.is_interior:
            self._fail(node, stem, "the root of an MO is an interior node: its DFFormat must be node")
        return ManagementObject(
            key=f"{stem}-{root.name}" if named else stem,
            moi=root.types[0] if root.types else "",
            root=root,
            title=root.title,
            path=_text(parts, "Path"),
            **document,
        )

    def _node(self, element: Any, above: str, depth: int) -> Definition:
        """The definition in a Node element, whose parent errors call ``above``. Depth is bounded, so recursion is."""
        self._nodes_left -= 1
        if depth > MAX_DEPTH:
            self._fail(element, above, f"nodes are nested more than {MAX_DEPTH} deep")
        if self._nodes_left < 0:
            self._fail(element, above, f"the document has more than {MAX_NODES} nodes")
        parts = self._parts(element, above)
        name = sys.intern(_text(parts, "NodeName"))
        place = f"{above}/{name or UNNAMED}" if depth > 1 else above
        if "/" in name:
            self._fail(element, place, f"NodeName {name!r} contains a slash")
        if "DFProperties" not in parts:
            self._fail(element, place, "has no DFProperties: a DDF describes every node (a TNDS does not)")
        children = tuple(self._node(child, place, depth + 1) for child in parts.get("Node", ()))
        (properties,) = parts["DFProperties"]
        return self._definition(name, properties, children, place)

    def _definition(self, name: str, element: Any, children: tuple[Definition, ...], place: str) -> Definition:
        parts = self._parts(element, place)
        formats = tuple(Format(kind) for kind in self._choices(parts, "DFFormat", place))
        if not formats:
            self._fail(element, place, "has no DFFormat")
        if children and formats[0] is not Format.NODE:
            self._fail(element, place, f"its DFFormat is {formats[0]}, but it has child nodes: make it node")
        for child, count in Counter(child.name for child in children).most_common(1):
            if count > 1:
                self._fail(element, place, f"{count} of its nodes are named {child or UNNAMED}")
        occurrence, max_occurs = self._occurrence(parts, place)
        permitted, provenance = self._permitted(element, formats[0], place)
        sense = self._choice(parts, "CaseSense", place)
        return Definition(
            name=name,
            formats=formats,
            occurrence=occurrence,
            max_occurs=max_occurs,
            access=self._once(frozenset(_ACCESS[verb] for verb in self._choices(parts, "AccessType", place))),
            default=self._default(parts, formats[0], place),
            title=_prose(parts, "DFTitle"),
            description=_prose(parts, "Description"),
            permanent=self._choice(parts, "Scope", place) == "Permanent",
            types=self._once(self._types(parts, place)),
            case_sensitive=sense == "CS" if sense else None,
            permitted=self._once(permitted),
            provenance=self._once(provenance),
            children=children,
        )

    def _once(self, value: _T) -> _T:
        """An equal value that another node has already, if one has: most of a document's nodes are alike in much."""
        return self._known.setdefault(value, value)  # type: ignore[no-any-return]

    def _occurrence(self, parts: _Parts, place: str) -> tuple[Occurrence, int | None]:
        occurrence = Occurrence(self._choice(parts, "Occurrence", place) or Occurrence.ONE)
        if occurrence not in _COUNTED:
            return occurrence, None
        (chosen,) = self._parts(parts["Occurrence"][0], place)[occurrence]
        count = (chosen.text or "").strip()
        if not count:
            return occurrence, None
        if not (_COUNT.fullmatch(count) and 2 <= int(count) <= 65536):
            self._fail(chosen, place, f"{occurrence} counts from 2 to 65536, not {count[:20]!r}")
        return occurrence, int(count)

    def _default(self, parts: _Parts, fmt: Format, place: str) -> str | None:
        if "DefaultValue" not in parts:
            return None
        text = parts["DefaultValue"][0].text or ""
        if not text.strip() and fmt not in _MAY_BE_EMPTY:
            return None
        self._check_value(parts["DefaultValue"][0], place, fmt, text)
        return text

    def _types(self, parts: _Parts, place: str) -> tuple[str, ...]:
        if "DFType" not in parts:
            return ()
        named = self._parts(parts["DFType"][0], place)
        texts = [_collapse(element.text) for name in ("DDFName", "MIME") for element in named.get(name, ())]
        return tuple(text for text in texts if text)

    def _permitted(self, properties: Any, fmt: Format, place: str) -> tuple[Permitted, Provenance]:
        """What the ``mogate`` instructions of a node say."""
        values: list[tuple[str, str]] = []
        rest: dict[str, str] = {}
        for found in self._annotations(properties, place):
            if "value" in found:
                self._check_value(properties, place, fmt, found["value"])
                values.append((found["value"], found.get("meaning", "")))
            else:
                rest |= found
        status = _STATUSES.get(rest.get("status", ""))
        if status is None:
            self._fail(properties, place, f"status {rest['status']!r} is none of {', '.join(filter(None, _STATUSES))}")
        bounds = _RANGE.fullmatch(rest.get("range", ".."))
        if bounds is None:
            self._fail(properties, place, f"range {rest['range']!r} is not written low..high")
        low, high = (None if bound is None else int(bound) for bound in bounds.groups())
        if low is not None and high is not None and low > high:
            self._fail(properties, place, f"range {rest['range']} ends before it starts")
        return Permitted(tuple(values), low, high), Provenance(status, rest.get("note", ""))

    def _annotations(self, element: Any, place: str) -> list[dict[str, str]]:
        """The pseudo-attributes of each ``mogate`` instruction directly in this element."""
        found = []
        for instruction in element.iterchildren(etree.ProcessingInstruction):
            if instruction.target != "mogate":
                continue
            text = instruction.text or ""
            pairs = _PSEUDO_ATTRIBUTE.findall(text)
            unread = _PSEUDO_ATTRIBUTE.sub("", text)
            unknown = [name for name, _ in pairs if name not in _PSEUDO_ATTRIBUTES]
            if unread or unknown:
                self._fail(instruction, place, f"<?mogate?> holds {(unread or unknown[0])[:40]!r}, which says nothing")
            found.append({name: html.unescape(value) for name, value in pairs})
        return found

    def _parts(self, element: Any, place: str) -> _Parts:
        """The child elements by local name.

        Raises: ConfigError for one that may not stand here or stands here twice; foreign namespaces are skipped.
        """
        allowed = _CONTENT[_local_name(element)]
        parts: _Parts = {}
        for child in element.iterchildren(etree.Element):
            name = _local_name(child)
            if not name:
                continue
            if name not in allowed:
                near = difflib.get_close_matches(name, allowed, 1)
                hint = f"; did you mean <{near[0]}>?" if near else ""
                self._fail(child, place, f"<{name[:40]}> may not stand in <{_local_name(element)}>{hint}")
            if name in parts and name not in _REPEATED:
                self._fail(child, place, f"<{name}> is given twice")
            parts.setdefault(name, []).append(child)
        return parts

    def _choices(self, parts: _Parts, name: str, place: str) -> list[str]:
        """The names of the empty elements in that property, in document order."""
        return list(self._parts(parts[name][0], place)) if name in parts else []

    def _choice(self, parts: _Parts, name: str, place: str) -> str:
        """The name of the one empty element in that property; empty when the property is absent or empty."""
        found = self._choices(parts, name, place)
        if len(found) > 1:
            self._fail(parts[name][0], place, f"<{name}> says both {' and '.join(found)}")
        return found[0] if found else ""

    def _check_value(self, element: Any, place: str, fmt: Format, text: str) -> None:
        try:
            fmt.canonical(text)
        except ValueError as fault:
            self._fail(element, place, f"a value of format {fmt} is wrong: {fault}")

    def _fail(self, element: Any, place: str, message: str) -> NoReturn:
        raise ConfigError(message, file=self._source, line=element.sourceline, key=place or None)


def _local_name(element: Any) -> str:
    """The element's name in the DDF's namespace or in none; empty for a foreign one."""
    tag: str = element.tag
    if tag[0] != "{":
        return tag
    return tag[len(_PREFIX) :] if tag.startswith(_PREFIX) else ""


def _collapse(text: str | None) -> str:
    return " ".join((text or "").split())


def _text(parts: _Parts, name: str) -> str:
    return (parts[name][0].text or "").strip() if name in parts else ""


def _prose(parts: _Parts, name: str) -> str:
    return _collapse(parts[name][0].text) if name in parts else ""


def _node_lines(node: Definition, indent: str, path: str = "") -> Iterator[str]:
    """The lines of a Node element; ``path`` is given for top-level nodes only."""
    yield f"{indent}<Node>"
    inner = indent + "  "
    yield inner + _element("NodeName", node.name)
    if path:
        yield inner + _element("Path", path)
    yield f"{inner}<DFProperties>"
    for line in _property_lines(node):
        yield f"{inner}  {line}"
    yield f"{inner}</DFProperties>"
    for child in node.children:
        yield from _node_lines(child, inner)
    yield f"{indent}</Node>"


def _property_lines(node: Definition) -> Iterator[str]:
    """The properties in the order of the DTD, those with nothing to say left out."""
    yield f"<AccessType>{''.join(f'<{verb}/>' for verb in sorted(node.access))}</AccessType>"
    if node.default is not None:
        yield _element("DefaultValue", node.default)
    if node.description:
        yield _element("Description", node.description)
    yield f"<DFFormat>{''.join(f'<{fmt}/>' for fmt in node.formats)}</DFFormat>"
    count = "" if node.max_occurs is None else str(node.max_occurs)
    yield f"<Occurrence>{_element(node.occurrence, count)}</Occurrence>"
    if node.permanent:
        yield "<Scope><Permanent/></Scope>"
    if node.title:
        yield _element("DFTitle", node.title)
    kind = "DDFName" if node.is_interior else "MIME"
    yield f"<DFType>{''.join(_element(kind, text) for text in node.types or ('',))}</DFType>"
    if node.case_sensitive is not None:
        yield f"<CaseSense><{'CS' if node.case_sensitive else 'CIS'}/></CaseSense>"
    provenance, permitted = node.provenance, node.permitted
    yield from _instruction(
        status=provenance.status or None, note=provenance.note or None, range=permitted.range or None
    )
    for value, meaning in permitted.values:
        yield from _instruction(value=value, meaning=meaning or None)


def _instruction(**attributes: str | None) -> list[str]:
    """The one ``mogate`` instruction that says these attributes, or none when all are None."""
    said = [f'{name}="{text.translate(_ESCAPES)}"' for name, text in attributes.items() if text is not None]
    return [f"<?mogate {' '.join(said)}?>"] if said else []


def _element(name: str, text: str) -> str:
    return f"<{name}>{text.translate(_ESCAPES)}</{name}>" if text else f"<{name}/>"
