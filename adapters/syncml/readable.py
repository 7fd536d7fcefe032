"""SyncML messages as lines for people, with every Status beside the command it answers.

Works on the neutral elements that both encodings decode to, so that a device's side and a gateway's side of a
conversation read the same.

Spec: OMA-TS-SyncML_RepPro-V1_2 6, 10; OMA-TS-DM_RepPro-V1_2 (alert codes)
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from adapters.wbxml.element import AnyElement
from gateway.fleet.mirror import Read
from gateway.fleet.secret import COVER, is_secret
from gateway.status import StatusCode

MAX_VALUE = 200
"""Characters of a value that are shown."""

ALERTS = {
    1100: "display",
    1101: "confirm or reject",
    1102: "text input",
    1103: "single choice",
    1104: "multiple choice",
    1200: "session asked for by the server",
    1201: "session started by the device",
    1222: "next message",
    1223: "session abort",
    1224: "client event",
    1225: "no end of data",
    1226: "generic alert",
}

_GROUPS = ("Atomic", "Sequence")
_SUBTREE = "application/vnd.syncml.dmtnds"
_NO_COMMANDS = ("Final", "CmdID", "NoResp", "Meta", "Correlator")

MAX_NODES = 200
"""Nodes of a serialized subtree that are shown."""

Side = Literal["device", "server"]
Absorb = Callable[[str | bytes | tuple[AnyElement, ...], str], Sequence[Read] | None]
"""The nodes of a serialized subtree at a URI, or None where it is none."""


class Conversation:
    """The messages of one session in order; remembers commands, so that answers can be shown beside them.

    With ``absorb`` the nodes of serialized subtrees are shown too.
    """

    def __init__(self, absorb: Absorb | None = None) -> None:
        self._absorb = absorb
        self._commands: dict[tuple[Side, str, str], str] = {}

    def read(self, message: AnyElement, by: Side) -> list[str]:
        """What the message says, a line for each command or item; groups are indented."""
        msg_id = text(child(message, "SyncHdr"), "MsgID")
        body = child(message, "SyncBody")
        return list(self._read(children(body), by, msg_id, "")) if body else []

    def _read(self, commands: list[AnyElement], by: Side, msg_id: str, indent: str) -> Iterator[str]:
        for command in commands:
            tag = command[0]
            if tag in _NO_COMMANDS:
                continue
            lines = self._status(command, by) if tag == "Status" else _lines(command)
            self._commands[by, msg_id, text(command, "CmdID")] = lines[0] if len(lines) == 1 else tag
            yield from (indent + line for line in lines)
            if self._absorb is not None and tag != "Status":
                yield from (f"{indent}  {line}" for line in _nodes(command, self._absorb))
            if tag in _GROUPS:
                yield from self._read(children(command), by, msg_id, indent + "  ")

    def _status(self, status: AnyElement, by: Side) -> list[str]:
        other: Side = "server" if by == "device" else "device"
        answered = self._commands.get((other, text(status, "MsgRef"), text(status, "CmdRef")), "")
        targets = ", ".join(plain(one[1]) for one in children(status) if one[0] == "TargetRef")
        if text(status, "Cmd") == "SyncHdr":
            answered = "SyncHdr"
        elif targets not in answered or not answered:
            answered = f"{text(status, 'Cmd')} {targets}".rstrip()
        code = text(status, "Data").strip()
        meaning = StatusCode(int(code)).meaning if code.isdecimal() else "no code"
        challenge = child(status, "Chal")
        asked = f", asks for {plain_type(challenge)}" if challenge else ""
        return [f"Status {code} to {answered}: {meaning}{asked}"]


def header(message: AnyElement) -> str:
    """Session, message and credentials of a message, in a few words."""
    head = child(message, "SyncHdr")
    cred = child(head, "Cred")
    proof = f"credentials {plain_type(cred)}" if cred else "no credentials"
    return f"session {text(head, 'SessionID')}, message {text(head, 'MsgID')}, {proof}"


def children(element: AnyElement | None) -> list[AnyElement]:
    """What stands in the element; empty for text and for None."""
    return element[1] if element is not None and isinstance(element[1], list) else []


def child(element: AnyElement | None, tag: str) -> AnyElement | None:
    """The first child of that name, or None."""
    return next((one for one in children(element) if one[0] == tag), None)


def text(element: AnyElement | None, tag: str) -> str:
    """The text of the child of that name; empty when it is not there."""
    found = child(element, tag)
    return plain(found[1]) if found is not None else ""


def plain(content: str | bytes | list[AnyElement]) -> str:
    """Content as text: octets as text where they are that, else as base64; markup in short."""
    if isinstance(content, list):
        return "".join(f"<{one[0]}…>" for one in content[:3])
    if isinstance(content, str):
        return content
    try:
        return content.decode()
    except UnicodeDecodeError:
        return base64.b64encode(content).decode()


def plain_type(element: AnyElement | None) -> str:
    """The type that a Cred or Chal names; the peer that names none means basic."""
    return text(child(element, "Meta"), "Type") or "syncml:auth-basic"


def _lines(command: AnyElement) -> list[str]:
    tag = command[0]
    if tag == "Alert":
        return _alert(command)
    items = [one for one in children(command) if one[0] == "Item"]
    if not items:
        return [tag]
    return [f"{tag} {_item(item)}".rstrip() for item in items]


def _nodes(command: AnyElement, absorb: Absorb) -> Iterator[str]:
    """The nodes of the serialized subtrees in a command; those that nobody can read are left out."""
    shared = text(child(command, "Meta"), "Type")
    for item in children(command):
        data = child(item, "Data") if item[0] == "Item" else None
        type_ = (text(child(item, "Meta"), "Type") or shared).strip()
        if data is None or not type_.startswith(_SUBTREE):
            continue
        content = data[1]
        place = _uri(child(item, "Target")) or _uri(child(item, "Source"))
        nodes = absorb(tuple(content) if isinstance(content, list) else content, place.partition("?")[0]) or ()
        for node in nodes[:MAX_NODES]:
            value = COVER if is_secret(node.uri) else node.value
            about = f" ({node.type})" if value is None and node.type else ""
            yield f"{node.uri}{about}" if value is None else f"{node.uri} = {_short(value)}"
        if len(nodes) > MAX_NODES:
            yield f"and {len(nodes) - MAX_NODES} more nodes"


def _short(value: str) -> str:
    return value if len(value) <= MAX_VALUE else f"{value[:MAX_VALUE]}… ({len(value)} characters)"


def _alert(alert: AnyElement) -> list[str]:
    code = text(alert, "Data").strip()
    meaning = ALERTS.get(int(code), "unknown alert") if code.isdecimal() else "no code"
    first = f"Alert {code} {meaning}"
    correlator = text(alert, "Correlator")
    if correlator:
        first += f", for {correlator}"
    items = [one for one in children(alert) if one[0] == "Item"]
    details = []
    for item in items:
        kind = text(child(item, "Meta"), "Type").strip()
        detail = " ".join(part for part in (kind, _item(item)) if part)
        if detail:
            details.append(detail)
    return [f"{first}: {'; '.join(details)}" if details else first]


def _item(item: AnyElement) -> str:
    target, source = _uri(child(item, "Target")), _uri(child(item, "Source"))
    place = f"{source} to {target}" if target and source else target or source
    data = child(item, "Data")
    if data is None:
        return place
    value = plain(data[1])
    if text(child(item, "Meta"), "Type").strip().startswith(_SUBTREE):
        # Whatever is in it, secrets may be.
        value = _subtree(data[1])
    if is_secret(target or source):
        value = COVER
    more = " (more to come)" if child(item, "MoreData") else ""
    return f"{place} = {_short(value)}{more}"


def _subtree(content: str | bytes | list[AnyElement]) -> str:
    """A serialized subtree in a few words."""
    if isinstance(content, list):
        return "a subtree in the message"
    return f"a subtree of {len(content)} {'octets' if isinstance(content, bytes) else 'characters'}"


def _uri(place: AnyElement | None) -> str:
    return text(place, "LocURI").strip()
