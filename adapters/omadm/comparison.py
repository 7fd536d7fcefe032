"""What another OMA DM server told a device, beside what this one means to: node by node.

Pure.

Spec: OMA-TS-DM_Protocol-V1_2 8 (packages), OMA-TS-DM_RepPro-V1_2 (commands)
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from adapters.omadm.messages import AnyCommand, Command, Data, Group, Item, Results, SyncML
from adapters.omadm.tnds import absorb_subtree
from adapters.provisioning.comparison import HIDDEN, Difference
from gateway.errors import TreeError
from gateway.fleet.secret import is_secret
from gateway.tree.uri import Uri

DELETED = "(deleted)"
_WRITING = ("Add", "Replace")


class Told(NamedTuple):
    """What a server told a device in one or more messages: values by node (None: the node goes), and what else to do.

    ``done`` are commands that leave no value, with what they were given. Reading changes nothing, and is left out.
    """

    values: dict[str, str | None]
    done: dict[str, str]

    def and_then(self, later: Told) -> Told:
        """What both say; the later word counts."""
        return Told(self.values | later.values, self.done | later.done)


def told(message: SyncML) -> Told:
    """What the message of a server tells a device to hold and to do."""
    values: dict[str, str | None] = {}
    done: dict[str, str] = {}
    for verb, item in _items(message.commands):
        uri = _canonical(item.target)
        if verb in _WRITING:
            values |= _written(uri, item.data)
        elif verb == "Delete":
            values[uri] = None
        elif verb in ("Exec", "Copy"):
            done[f"{verb} {uri}"] = _canonical(item.source) if verb == "Copy" else _text(item.data) or ""
    return Told(values, done)


def held(message: SyncML) -> dict[str, str]:
    """What the message of a device says that it holds, by node."""
    found: dict[str, str] = {}
    for command in message.commands:
        items: Iterable[Item] = command.items if isinstance(command, Results) else ()
        for item in items:
            uri = _canonical(item.source or item.target)
            found |= {one: text for one, text in _written(uri, item.data).items() if text is not None}
    return found


def in_parts(message: SyncML) -> frozenset[str]:
    """The nodes of whose values the message has only a part."""
    results = [one for one in message.commands if isinstance(one, Results)]
    items = [item for _, item in _items(message.commands)] + [item for one in results for item in one.items]
    return frozenset(_canonical(item.target or item.source) for item in items if item.more_data)


def compare(
    theirs: Told, planned: Told, wanted: Mapping[str, str | None], holds: Mapping[str, str]
) -> list[Difference]:
    """In what they differ, by node. ``planned`` is what would go out from here, ``wanted`` what the device is to hold.

    ``missing`` is what only the other server tells, ``added`` what only this one would: because it is planned, or
    because the device ``holds`` something else. Secrets are compared as far as they are known, and not shown.
    """
    ours = planned.values | {uri: text for uri, text in wanted.items() if text is not None}
    found = []
    for uri in sorted(theirs.values.keys() | ours.keys()):
        there, here = theirs.values.get(uri, ""), ours.get(uri)
        if uri not in theirs.values:
            if uri in planned.values or (uri in holds and holds[uri] != here):
                found.append(_difference("added", uri, "", here))
        elif uri not in ours:
            found.append(_difference("missing", uri, there, ""))
        elif there != here and not is_secret(uri):
            found.append(_difference("changed", uri, there, here))
    for what in sorted(theirs.done.keys() | planned.done.keys()):
        there, here = theirs.done.get(what), planned.done.get(what)
        if here is None:
            found.append(_difference("missing", what, there or "", ""))
        elif there is None:
            found.append(_difference("added", what, "", here))
        elif there != here:
            found.append(_difference("changed", what, there, here))
    return found


def _items(commands: Iterable[AnyCommand]) -> Iterator[tuple[str, Item]]:
    for command in commands:
        if isinstance(command, Group):
            yield from _items(command.commands)
        elif isinstance(command, Command):
            yield from ((command.verb, item) for item in command.items)


def _written(uri: str, data: Data) -> dict[str, str | None]:
    """The values that stand there: those of a serialized subtree, or the one. An interior node has none."""
    if data is not None:
        reads = absorb_subtree(data, uri)
        if reads is not None:
            return {_canonical(one.uri): one.value or "" for one in reads if one.format != "node"}
    text = _text(data)
    return {} if text is None else {uri: text}


def _text(data: Data) -> str | None:
    if isinstance(data, bytes):
        return base64.b64encode(data).decode()
    return data if isinstance(data, str) else None


def _canonical(uri: str) -> str:
    """The one spelling of a node; what is none as it is."""
    try:
        return str(Uri.parse(uri))
    except TreeError:
        return uri


def _difference(kind: str, uri: str, there: str | None, here: str | None) -> Difference:
    return Difference(kind, uri, _shown(uri, there), _shown(uri, here))  # type: ignore[arg-type]


def _shown(uri: str, text: str | None) -> str:
    """The value as people may see it: markup may have passwords in it that no name tells."""
    if text is None:
        return DELETED
    return HIDDEN if text and (is_secret(uri) or text.lstrip().startswith("<")) else text
