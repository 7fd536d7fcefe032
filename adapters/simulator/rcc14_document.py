"""RCC.14 documents as clients in the field read them: one to the letter, one by the first thing that looks right.

Spec: RCC.14 4 (document), RCC.14 VERS, TOKEN, MSG, ACCESS-CONTROL
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from lxml import etree

Reader = Literal["strict", "sloppy"]

_CONTAINERS = ("VERS", "TOKEN", "MSG", "User", "ACCESS-CONTROL", "POLICY")


class Unreadable(Exception):
    """A document that a client makes nothing of; says why."""


class Message(NamedTuple):
    """What the user is shown, and which of the two buttons there are."""

    title: str
    text: str
    accept: bool
    reject: bool


class Elsewhere(NamedTuple):
    """A server to ask for some applications; ``is_id_provider`` says which number the user has."""

    fqdn: str
    app_ids: tuple[str, ...]
    is_id_provider: bool


class Document(NamedTuple):
    """What a client got out of a document. ``values`` are all parms but those of VERS and TOKEN, by path.

    ``version`` is None where there is no VERS: such a document says at most on which port a code comes.
    ``is_version_only`` when it has no content. ``app_ids`` are those to ask this server for, empty for all.
    """

    version: int | None
    validity: int
    token: str
    values: dict[str, str]
    is_version_only: bool
    sms_port: str = ""
    message: Message | None = None
    app_ids: tuple[str, ...] = ()
    servers: tuple[Elsewhere, ...] = ()


def read_document(body: bytes, reader: Reader) -> Document:
    """What that kind of reader makes of the document. Raises: Unreadable."""
    try:
        root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        raise Unreadable(f"no XML: {error}") from None
    return _READERS[reader](root)


def _read_strictly(root: Any) -> Document:
    """Exact names in exact places, and nothing that is not in the document's definition."""
    if (root.tag, dict(root.attrib)) != ("wap-provisioningdoc", {"version": "1.1"}):
        raise Unreadable(f"the root is {root.tag}")
    for node in root.iter(etree.Element):
        wanted = {"characteristic": {"type"}, "parm": {"name", "value"}, "wap-provisioningdoc": {"version"}}
        if set(node.attrib) != wanted.get(node.tag):
            raise Unreadable(f"{node.tag} with {', '.join(node.attrib)}")
    values = dict(_walk(root, ""))
    version, validity = values.pop("VERS/version", None), values.pop("VERS/validity", None)
    if (version is None) != (validity is None):
        raise Unreadable("VERS needs version and validity")
    token = values.pop("TOKEN/token", "")
    values.pop("TOKEN/validity", None)
    port = values.pop("POLICY/SMS_port", "")
    has_content = any(child.get("type") not in _CONTAINERS for child in root)
    return Document(
        None if version is None else _whole(version),
        0 if validity is None else _whole(validity),
        token,
        values,
        not has_content,
        port,
        _message(values),
        *_servers(root),
    )


def _read_sloppily(root: Any) -> Document:
    """The first ``version`` anywhere, names as they are written, and one characteristic is nothing but a version."""
    first: dict[str, str] = {}
    for parm in root.iter("parm"):
        first.setdefault(parm.get("name", ""), parm.get("value", ""))
    values = dict(_walk(root, ""))
    for path in ("VERS/version", "VERS/validity", "TOKEN/token", "TOKEN/validity"):
        values.pop(path, None)
    version = first.get("version")
    return Document(
        None if version is None else _whole(version),
        _whole(first.get("validity", "0")),
        first.get("token", ""),
        values,
        len(root) == 1 or not values,
        first.get("SMS_port", "") if version is None else "",
        _message(values),
        *_servers(root),
    )


_READERS: dict[Reader, Callable[[Any], Document]] = {"strict": _read_strictly, "sloppy": _read_sloppily}


def _whole(text: str) -> int:
    if not text.removeprefix("-").isdecimal():
        raise Unreadable(f"{text!r} is no whole number")
    return int(text)


def _message(values: Mapping[str, str]) -> Message | None:
    """The dialog, if the document has all four parms of one."""
    parms = [values.get(f"MSG/{name}") for name in ("title", "message", "Accept_btn", "Reject_btn")]
    if None in parms:
        return None
    title, text, accept, reject = parms
    return Message(title or "", text or "", accept == "1", reject == "1")


def _servers(root: Any) -> tuple[tuple[str, ...], tuple[Elsewhere, ...]]:
    """The AppIDs to ask here, and the servers to ask for others, those that know the number first."""
    here: tuple[str, ...] = ()
    servers = []
    for node in root.findall("characteristic[@type='ACCESS-CONTROL']/characteristic"):
        parms = [(parm.get("name"), parm.get("value", "")) for parm in node.findall("parm")]
        app_ids = tuple(value for name, value in parms if name == "app-id")
        if node.get("type") == "DEFAULT":
            here = app_ids
        elif node.get("type") == "SERVER":
            servers.append(Elsewhere(dict(parms).get("fqdn", ""), app_ids, dict(parms).get("id-provider") == "1"))
    return here, tuple(sorted(servers, key=lambda one: not one.is_id_provider))


def _walk(node: Any, path: str) -> list[tuple[str, str]]:
    """Every parm below the node as (path, value); same-named characteristics are numbered from the second on."""
    found: list[tuple[str, str]] = []
    counts: dict[str, int] = {}
    for child in node:
        name = child.get("name") if child.tag == "parm" else child.get("type")
        if child.tag == "characteristic" and name == "APPLICATION":
            # w7 is registered by OMA CP, which writes the name in capitals.
            ids = [parm.get("value") for parm in child.findall("parm") if parm.get("name", "").upper() == "APPID"]
            name = f"APPLICATION[{ids[0] if ids else ''}]"
        counts[name] = counts.get(name, 0) + 1
        here = f"{path}{name}" + (f"#{counts[name]}" if counts[name] > 1 else "")
        if child.tag == "parm":
            found.append((here, child.get("value")))
        else:
            found += _walk(child, here + "/")
    return found
