"""A management tree: nodes under one root, changed by commands that the DDF and the ACLs may refuse.

Two ways in. ``record`` notes what a device says of itself and never refuses. ``add``, ``replace``, ``delete``, ``copy``
and ``replace_property`` are commands of a server: each is carried out whole or raises TreeError with the code a device
would answer. An empty ``server_id`` is the owner of the tree, whom no ACL binds.

Spec: OMA-TS-DM_TND-V1_2 4-7, OMA-TS-DM_RepPro-V1_2 6.6
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from datetime import datetime
from typing import NamedTuple, NoReturn

from gateway.errors import TreeError
from gateway.mo.definition import Access, Definition, Occurrence
from gateway.status import StatusCode
from gateway.tree.format import Format
from gateway.tree.node import Acl, Node, Right
from gateway.tree.uri import Uri

MAX_TITLE_BYTES = 255

_ROOT = Uri()
_ROOT_ACL = Acl.parse("Add=*&Get=*")
_SCAFFOLD = Definition("", (Format.NODE,), Occurrence.ZERO_OR_MORE, access=frozenset({"Add", "Delete", "Get"}))
_SINGLE = (Occurrence.ONE, Occurrence.ZERO_OR_ONE)


class _Rule(NamedTuple):
    """What governs one node: its definition, whether AccessType binds, whether it is the root of its MO."""

    definition: Definition
    strict: bool
    is_mount: bool = False


class ManagementTree:
    """Nodes by URI, with the definitions that govern them. Siblings are always told in order of their names."""

    def __init__(self) -> None:
        self._root = Node("", acl=_ROOT_ACL)
        self._mounts: dict[tuple[str, ...], _Rule] = {}

    def mount(self, uri: Uri, definition: Definition, *, strict: bool = True) -> None:
        """Let ``definition`` govern the nodes at and under ``uri``; the deepest mount above a node counts.

        No node is created. With ``strict`` a command must be in the node's AccessType, as on a device. Without it
        AccessType, which only promises the least that any device allows, is not looked at.
        """
        self._mounts[uri] = _Rule(definition, strict, is_mount=True)

    def definition(self, uri: Uri) -> Definition | None:
        """The definition that governs the node, existing or not; None outside every DDF."""
        rule = self._rule(uri)
        return rule.definition if rule else None

    def snapshot(self) -> ManagementTree:
        """An independent tree with the same nodes and mounts."""
        twin = ManagementTree()
        twin._mounts = dict(self._mounts)
        twin._root = copy(self._root)
        todo = [twin._root]
        while todo:
            node = todo.pop()
            node.children = {name: copy(child) for name, child in node.children.items()}
            todo.extend(node.children.values())
        return twin

    def find(self, uri: Uri) -> Node | None:
        """The node, or None; no check of access."""
        path = self._path(uri)
        return path[-1] if len(path) > len(uri) else None

    def get(self, uri: Uri, server_id: str = "") -> Node:
        """The node a Get command reads.

        Raises: TreeError 404, 425 or 405.
        """
        path = self._existing(uri)
        _require("Get", server_id, path, uri)
        self._require_access("Get", uri)
        return path[-1]

    def children(self, uri: Uri, server_id: str = "") -> tuple[str, ...]:
        """The names of the node's children, sorted; none for a leaf.

        Raises: TreeError as ``get``.
        """
        return tuple(sorted(self.get(uri, server_id).children))

    def walk(self, uri: Uri = _ROOT, server_id: str = "") -> Iterator[tuple[Uri, Node]]:
        """The node and everything below, parents first, siblings sorted; nothing when the node is absent.

        With a ``server_id`` only nodes which that server may Get.
        """
        start = self.find(uri)
        todo = [(uri, start)] if start else []
        while todo:
            at, node = todo.pop()
            if not server_id or self._may_get(at, server_id):
                yield at, node
            todo.extend((at / name, node.children[name]) for name in sorted(node.children, reverse=True))

    def record(self, uri: Uri, value: str | None = None, fmt: Format = Format.CHR, type_: str = "") -> None:
        """Note a node as it is said to be, unchecked; missing parents appear, and a leaf among them turns interior."""
        node = self._root
        for name in uri:
            if not node.is_interior:
                node.format, node.value = Format.NODE, None
            child = node.children.get(name)
            if child is None:
                child = node.children[name] = Node(name)
            node = child
        if fmt is not Format.NODE:
            node.children.clear()
        node.format, node.type, node.value = fmt, type_, value

    def add(
        self,
        uri: Uri,
        value: str | None = None,
        *,
        fmt: Format | None = None,
        type_: str = "",
        server_id: str = "",
        implicit: bool = False,
        now: datetime | None = None,
    ) -> None:
        """Create a node; format and type are the definition's when not given. ``implicit`` creates missing parents.

        Raises: TreeError 418 when it exists, 404 naming the parent that does not, 425, 405 when the DDF has no such
        node, does not let it be added or has enough of it, 415 for a format or value the DDF does not permit.
        """
        path = self._path(uri)
        if not uri:
            _refuse(StatusCode.NOT_ALLOWED, uri, "the root cannot be added")
        if len(path) > len(uri):
            _refuse(StatusCode.ALREADY_EXISTS, uri, "already exists")
        if len(path) < len(uri) and not implicit:
            _refuse(StatusCode.NOT_FOUND, Uri(uri[: len(path)]), "the parent does not exist")
        parent = path[-1]
        if not parent.is_interior:
            _refuse(StatusCode.NOT_ALLOWED, uri, "the parent is a leaf")
        _require("Add", server_id, path, uri)
        *above, definition = (self._addable(Uri(uri[:depth]), path) for depth in range(len(path), len(uri) + 1))
        if not all(missing.is_interior for missing in above):
            _refuse(StatusCode.NOT_ALLOWED, uri, "a leaf cannot be a parent")
        fmt = fmt or definition.format
        text = _checked(uri, definition, fmt, value)

        acl = _acl_of_new(path, server_id)
        for name, missing in zip(uri[len(path) - 1 : -1], above, strict=True):
            parent.children[name] = Node(name, type=_type_of(missing), acl=acl, tstamp=now)
            parent, acl = parent.children[name], Acl()
        acl = acl if fmt is Format.NODE else Acl()
        parent.children[uri.name] = Node(uri.name, fmt, type_ or _type_of(definition), text, acl=acl, tstamp=now)

    def replace(
        self,
        uri: Uri,
        value: str | None,
        *,
        fmt: Format | None = None,
        type_: str = "",
        server_id: str = "",
        now: datetime | None = None,
    ) -> None:
        """Give an existing leaf another value; its format and type stay when not given.

        Raises: TreeError 404, 425, 405 for an interior node or where the DDF does not let it be replaced, 415.
        """
        path = self._existing(uri)
        node = path[-1]
        _require("Replace", server_id, path, uri)
        if node.is_interior:
            _refuse(StatusCode.NOT_ALLOWED, uri, "an interior node has no value")
        definition = self._require_access("Replace", uri).definition
        fmt = fmt or node.format
        if fmt is Format.NODE:
            _refuse(StatusCode.UNSUPPORTED_TYPE, uri, "a leaf cannot become an interior node")
        node.value = _checked(uri, definition, fmt, value)
        node.format, node.type = fmt, type_ or node.type
        _changed(node, now)

    def delete(self, uri: Uri, *, server_id: str = "") -> None:
        """Remove a node and everything below; what is below is not asked.

        Raises: TreeError 404, 425, 405 for the root, a permanent node, the last of a required kind, or where the DDF
        does not let it be deleted.
        """
        path = self._existing(uri)
        if not uri:
            _refuse(StatusCode.NOT_ALLOWED, uri, "the root cannot be deleted")
        _require("Delete", server_id, path, uri)
        rule = self._require_access("Delete", uri)
        if rule.definition.permanent:
            _refuse(StatusCode.NOT_ALLOWED, uri, "the node is permanent")
        parent = path[-2]
        if not rule.is_mount and rule.definition.occurrence.required and self._alike(uri, rule, parent) <= 1:
            _refuse(StatusCode.NOT_ALLOWED, uri, "the DDF requires one to stay")
        del parent.children[uri.name]

    def copy(self, source: Uri, target: Uri, *, server_id: str = "", now: datetime | None = None) -> None:
        """Add ``target`` with the value, format and type of the leaf ``source``.

        Raises: TreeError as ``get`` does for the source and ``add`` for the target; 405 for an interior source.
        """
        path = self._existing(source)
        _require("Get", server_id, path, source)
        self._require_access("Copy", source)
        node = path[-1]
        if node.is_interior:
            _refuse(StatusCode.NOT_ALLOWED, source, "only a leaf can be copied")
        self.add(target, node.value, fmt=node.format, type_=node.type, server_id=server_id, now=now)

    def get_property(self, uri: Uri, name: str, server_id: str = "") -> str:
        """The text of one property; an inheriting node's ACL is the empty text.

        Raises: TreeError 404, 425, 406 for a property that the node does not have.
        Spec: OMA-TS-DM_TND-V1_2 7.7
        """
        path = self._existing(uri)
        _require("Get", server_id, path, uri)
        reader = _PROPERTIES.get(name)
        text = reader(path[-1]) if reader else None
        if text is None:
            _refuse(StatusCode.NOT_SUPPORTED, uri, f"has no property {name!r}")
        return text

    def replace_property(
        self, uri: Uri, name: str, text: str, *, server_id: str = "", now: datetime | None = None
    ) -> None:
        """Change ACL or Title, or rename the node by its Name.

        Raises: TreeError 404, 425, 405 for a property that cannot be changed (here), 406 for an unknown one, 400 for an
        impossible ACL or name, 413 for a title that is too long, 418 when a sibling has the new name.
        Spec: OMA-TS-DM_TND-V1_2 7.7
        """
        path = self._existing(uri)
        if name == "ACL":
            self._replace_acl(uri, path, text, server_id)
        elif name == "Name":
            self._rename(uri, path, text, server_id)
        elif name == "Title":
            _require("Replace", server_id, path, uri)
            if len(text.encode("utf-8", "surrogatepass")) > MAX_TITLE_BYTES:
                _refuse(StatusCode.TOO_LARGE, uri, f"a title has at most {MAX_TITLE_BYTES} bytes")
            path[-1].title = text
        else:
            status = StatusCode.NOT_ALLOWED if name in _PROPERTIES else StatusCode.NOT_SUPPORTED
            _refuse(status, uri, f"property {name!r} cannot be replaced")
        _changed(path[-1], now)

    def _replace_acl(self, uri: Uri, path: list[Node], text: str, server_id: str) -> None:
        # The right to change a node's ACL is the parent's Replace; an interior node's own Replace does as well.
        node, above = path[-1], path[:-1] or path
        if not node.is_interior or (server_id and not _effective_acl(path).allows("Replace", server_id)):
            _require("Replace", server_id, above, uri)
        try:
            acl = Acl.parse(text)
        except ValueError as error:
            _refuse(StatusCode.BAD_REQUEST, uri, str(error))
        if not acl and not uri:
            _refuse(StatusCode.NOT_ALLOWED, uri, "the root must have an ACL")
        node.acl = acl

    def _rename(self, uri: Uri, path: list[Node], name: str, server_id: str) -> None:
        _require("Replace", server_id, path, uri)
        rule = self._rule(uri)
        if not uri or rule is None or rule.is_mount or rule.definition.permanent:
            _refuse(StatusCode.NOT_ALLOWED, uri, "the node cannot be renamed")
        if not name or "/" in name or name in (".", ".."):
            _refuse(StatusCode.BAD_REQUEST, uri, f"{name!r} is not a node name")
        node, siblings = path[-1], path[-2].children
        if name in siblings:
            _refuse(StatusCode.ALREADY_EXISTS, uri.parent / name, "already exists")
        if self.definition(uri.parent / name) is not rule.definition:
            _refuse(StatusCode.NOT_ALLOWED, uri.parent / name, "the DDF has no such node here")
        del siblings[node.name]
        node.name = name
        siblings[name] = node

    def _rule(self, uri: Uri) -> _Rule | None:
        """The rule for a node: that of its MO; a plain interior node above a mount; None where nothing is defined."""
        for depth in range(len(uri), -1, -1):
            mount = self._mounts.get(uri[:depth])
            if mount is None:
                continue
            if depth == len(uri):
                return mount
            definition = mount.definition.find(uri[depth:])
            return _Rule(definition, mount.strict) if definition else None
        if any(mount[: len(uri)] == uri for mount in self._mounts):
            return _Rule(_SCAFFOLD, strict=True)
        return None

    def _require_access(self, command: Access, uri: Uri) -> _Rule:
        rule = self._rule(uri)
        if rule is None:
            if command == "Get":
                return _Rule(_SCAFFOLD, strict=False)
            _refuse(StatusCode.NOT_ALLOWED, uri, "the DDF has no such node")
        if rule.strict and command not in rule.definition.access:
            _refuse(StatusCode.NOT_ALLOWED, uri, f"the DDF does not allow {command}")
        return rule

    def _addable(self, uri: Uri, path: list[Node]) -> Definition:
        """The definition of an absent node that may be added; ``path`` are the existing nodes above it."""
        rule = self._require_access("Add", uri)
        if rule.definition.permanent:
            _refuse(StatusCode.NOT_ALLOWED, uri, "the node is permanent")
        most = 1 if rule.definition.occurrence in _SINGLE else rule.definition.max_occurs
        parent_exists = len(path) == len(uri)
        if most is not None and parent_exists and not rule.is_mount and self._alike(uri, rule, path[-1]) >= most:
            _refuse(StatusCode.NOT_ALLOWED, uri, f"the DDF allows at most {most}")
        return rule.definition

    def _alike(self, uri: Uri, rule: _Rule, parent: Node) -> int:
        """How many children of ``parent`` fall under the same definition as the node."""
        if not rule.definition.is_dynamic:
            return int(uri.name in parent.children)
        above = uri.parent
        return sum(self.definition(above / name) is rule.definition for name in parent.children)

    def _may_get(self, uri: Uri, server_id: str) -> bool:
        try:
            self.get(uri, server_id)
        except TreeError:
            return False
        return True

    def _path(self, uri: Uri) -> list[Node]:
        """The existing nodes from the root towards ``uri``: one more than its segments when it exists."""
        path = [self._root]
        for name in uri:
            child = path[-1].children.get(name)
            if child is None:
                break
            path.append(child)
        return path

    def _existing(self, uri: Uri) -> list[Node]:
        path = self._path(uri)
        if len(path) <= len(uri):
            _refuse(StatusCode.NOT_FOUND, uri, "does not exist")
        return path


_PROPERTIES: dict[str, Callable[[Node], str | None]] = {
    "ACL": lambda node: str(node.acl),
    "Format": lambda node: node.format.value,
    "Name": lambda node: node.name,
    "Size": lambda node: None if node.is_interior else str(node.size),
    "Title": lambda node: node.title,
    "TStamp": lambda node: f"{node.tstamp:%Y%m%dT%H%M%SZ}" if node.tstamp else None,
    "Type": lambda node: node.type or ("" if node.is_interior else "text/plain"),
    "VerNo": lambda node: str(node.verno),
}


def _refuse(status: StatusCode, uri: Uri, reason: str) -> NoReturn:
    raise TreeError(status, uri, reason)


def _effective_acl(path: list[Node]) -> Acl:
    """The list that counts for the last node: its own, or the whole of the nearest one above."""
    return next((node.acl for node in reversed(path) if node.acl), _ROOT_ACL)


def _require(right: Right, server_id: str, path: list[Node], uri: Uri) -> None:
    if server_id and not _effective_acl(path).allows(right, server_id):
        _refuse(StatusCode.PERMISSION_DENIED, uri, f"the ACL does not give {server_id!r} {right}")


def _acl_of_new(path: list[Node], server_id: str) -> Acl:
    """The list of a new interior node: its creator's, where the parent would not let the creator change it."""
    if not server_id or _effective_acl(path).allows("Replace", server_id):
        return Acl()
    return Acl.granting(server_id, "Add", "Delete", "Replace")


def _type_of(definition: Definition) -> str:
    return definition.types[0] if definition.types else ""


def _checked(uri: Uri, definition: Definition, fmt: Format, value: str | None) -> str | None:
    """The value to store, None for interior and null nodes."""
    if fmt not in definition.formats:
        _refuse(StatusCode.UNSUPPORTED_TYPE, uri, f"format {fmt} is not one of {', '.join(definition.formats)}")
    text = value or ""
    try:
        fmt.canonical(text)
        permitted = not definition.provenance.confirmed or definition.permitted.allows(fmt, text)
    except ValueError as error:
        _refuse(StatusCode.UNSUPPORTED_TYPE, uri, str(error))
    if not permitted:
        _refuse(StatusCode.UNSUPPORTED_TYPE, uri, f"{text[:40]!r} is not a permitted value")
    return None if fmt in (Format.NODE, Format.NULL) else text


def _changed(node: Node, now: datetime | None) -> None:
    node.verno = (node.verno + 1) % 0x10000
    node.tstamp = now
