"""Operations as commands.

Spec: OMA-TS-DM_RepPro-V1_2 (commands, Item); OMA-TS-DM_Protocol-V1_2 10 (user interaction)
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import quote_plus

from adapters.omadm.messages import Alert, AnyCommand, Command, Data, Group, Item, Meta
from adapters.omadm.reports import AlertCode
from adapters.omadm.tnds import carried, render_whole
from gateway.fleet.operation import Operation, Prompt, package_named

_VALUELESS = ("node", "null")
_WRITING = ("Add", "Replace", "Exec")

_PROMPTS = {
    "display": AlertCode.DISPLAY,
    "confirm": AlertCode.CONFIRM,
    "input": AlertCode.TEXT_INPUT,
    "choice": AlertCode.SINGLE_CHOICE,
    "choices": AlertCode.MULTIPLE_CHOICE,
}
_DEFAULTS = {"accept": "1", "reject": "0"}


Contents = Callable[[str], bytes]
"""The octets of a package by its id; LookupError when there is none."""


def no_contents(package_id: str) -> bytes:
    """For where nothing is handed over."""
    raise LookupError(package_id)


class Numbered(NamedTuple):
    """One operation of a message with its CmdID, and that of the group it is in ("" for none)."""

    cmd_id: str
    operation: Operation
    parent: str


def numbered(operation: Operation, first: int, parent: str = "") -> Iterator[Numbered]:
    """The operation and all in it as ``command_for`` numbers them: a group before its members, none twice.

    Spec: OMA-TS-DM_RepPro-V1_2 (CmdID)
    """
    yield Numbered(str(first), operation, parent)
    following = first + 1
    for member in operation.members if operation.tnds is None else ():
        yield from numbered(member, following, str(first))
        following += size(member)


def size(operation: Operation) -> int:
    """How many commands the operation is."""
    return 1 if operation.tnds is not None else 1 + sum(map(size, operation.members))


def command_for(operation: Operation, first: int, contents: Contents = no_contents) -> AnyCommand:
    """The command that carries out one operation, with CmdIDs from ``first``.

    An Exec bears the operation's id as its Correlator, by which a later generic alert names it. ``contents`` gives the
    octets of a package that a value only names.

    Raises: ValueError when a ``bin`` value is not base64, LookupError when there is no such package.
    """
    verb = operation.verb
    if verb == "Atomic" or verb == "Sequence":
        members, following = [], first + 1
        for member in operation.members:
            members.append(command_for(member, following, contents))
            following += size(member)
        return Group(verb=verb, cmd_id=str(first), commands=tuple(members))
    if operation.tnds is not None and operation.value is None:
        # Only WBXML of its own has bare octets whatever the message is in.
        meta, data = carried(render_whole(operation, octets=operation.tnds == "wbxml"), operation.tnds)
        verb = "Replace" if operation.verb == "Replace" else "Add"
        return Command(verb=verb, cmd_id=str(first), items=(Item(target=operation.uri, meta=meta, data=data),))
    if verb == "Alert":
        return _alert(operation.prompt or Prompt(kind="display", text=operation.value or ""), str(first))
    item = Item(
        target=operation.uri,
        source=operation.source if verb == "Copy" else "",
        meta=_meta(operation),
        data=_data(operation, contents),
    )
    correlator = operation.id if verb == "Exec" else ""
    return Command(verb=verb, cmd_id=str(first), items=(item,), correlator=correlator)


def _alert(prompt: Prompt, cmd_id: str) -> Alert:
    texts = (_options(prompt), prompt.text, *prompt.choices)
    return Alert(cmd_id=cmd_id, code=_PROMPTS[prompt.kind], items=tuple(Item(data=text) for text in texts))


def _options(prompt: Prompt) -> str:
    """The options of a prompt as one query string.

    Spec: OMA-TS-DM_Protocol-V1_2 10.3 (MINDT, MAXDT, DR, MAXLEN, IT, ET)
    """
    options = {
        "MINDT": prompt.min_seconds,
        "MAXDT": prompt.max_seconds,
        "DR": quote_plus(_DEFAULTS.get(prompt.default, "") if prompt.kind == "confirm" else prompt.default),
        "MAXLEN": prompt.max_length,
        "IT": prompt.input,
        "ET": "P" if prompt.password else "",
    }
    return "&".join(f"{name}={value}" for name, value in options.items() if value not in (None, ""))


def _meta(operation: Operation) -> Meta | None:
    if operation.verb not in _WRITING or not (operation.format or operation.type):
        return None
    return Meta(format=operation.format, type=operation.type)


def _data(operation: Operation, contents: Contents) -> Data:
    """The Item's Data; a leaf that is added or replaced has one even when it is empty."""
    if operation.verb not in _WRITING or operation.format in _VALUELESS:
        return None
    if operation.value is None:
        return None if operation.verb == "Exec" else ""
    if operation.format != "bin":
        return operation.value
    package = package_named(operation.value)
    return contents(package) if package else base64.b64decode(operation.value, validate=True)
