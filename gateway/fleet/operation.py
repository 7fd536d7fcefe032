"""Operations: protocol-neutral intent on one device, with an id and an outcome.

Most are about one node. A group carries its members out together or in their order, and a prompt asks the user.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

import msgspec
from msgspec.structs import replace

Verb = Literal["Get", "Add", "Replace", "Delete", "Copy", "Exec"]
GroupVerb = Literal["Atomic", "Sequence"]

TndsForm = Literal["wbxml", "inline", "xml"]
"""How a serialized subtree stands in a command: as WBXML of its own, as markup of the message, or as XML text."""

ACCEPTED_SECONDS = 7 * 86_400
"""How long what a device only accepted may run before it counts as lost, unless the operation says otherwise."""


class Prompt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What to show or ask the user of the device.

    ``default`` is what counts when the user does nothing: ``accept`` or ``reject``, a text, or numbers of choices from
    1 with a hyphen between. ``input`` is what kind of text may be typed: (A)ny, (N)umber, (D)ate, (T)ime, (P)hone
    number or (I)P address. ``password`` hides the text while it is typed.

    Spec: OMA-TS-DM_Protocol-V1_2 10 (user interaction)
    """

    kind: Literal["display", "confirm", "input", "choice", "choices"]
    text: str
    choices: tuple[str, ...] = ()
    min_seconds: int | None = None
    max_seconds: int | None = None
    default: str = ""
    max_length: int | None = None
    input: Literal["", "A", "N", "D", "T", "P", "I"] = ""
    password: bool = False


class Condition(msgspec.Struct, frozen=True, omit_defaults=True):
    """An operation waits for the answer to a prompt: one of ``answers`` when there are any, else any but a refusal."""

    operation: str
    answers: tuple[str, ...] = ()


class Operation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One intent. ``value`` is text as in the tree (``bin`` as base64); ``status`` is None until it is final.

    ``origin`` is ``diff`` for what brings the device to its desired tree, ``queue`` for what an operator asked for,
    ``discover`` for the gateway's own reads. ``results`` are the (URI, value) pairs a Get returned.

    Atomic and Sequence have ``members`` instead of a ``uri``. An Add with ``members`` and ``tnds`` adds them all in one
    command; the first of them is the root, and with a ``value`` that is what goes out. A Replace with ``tnds`` replaces
    the whole subtree: ``members`` are what changes by that, ``kept`` the nodes that are in it as they are.
    Alert has a ``prompt``, and the user's ``answers``:
    ``accept`` or ``reject``, the text, or the numbers of the choices. An Exec that the device only took on was
    ``accepted_at`` then and stays open until the device reports its ``result`` code, or ``deadline_seconds`` pass.
    ``sealed`` is the store's own.
    """

    id: str
    verb: Verb | GroupVerb | Literal["Alert"]
    uri: str = ""
    format: str = ""
    type: str = ""
    value: str | None = None
    source: str = ""
    members: tuple[Operation, ...] = ()
    tnds: TndsForm | None = None
    kept: tuple[Operation, ...] = ()
    prompt: Prompt | None = None
    condition: Condition | None = None
    origin: Literal["diff", "queue", "discover"] = "queue"
    created_at: datetime | None = None
    sent_at: datetime | None = None
    accepted_at: datetime | None = None
    deadline_seconds: int = ACCEPTED_SECONDS
    status: int | None = None
    status_at: datetime | None = None
    results: tuple[tuple[str, str], ...] = ()
    answers: tuple[str, ...] = ()
    result: int | None = None
    attempts: int = 0
    sealed: bytes = b""


def anew(operation: Operation) -> Operation:
    """The operation as it was asked for, without what came of it."""
    return replace(
        operation,
        members=tuple(map(anew, operation.members)),
        created_at=None,
        sent_at=None,
        accepted_at=None,
        status=None,
        status_at=None,
        results=(),
        answers=(),
        result=None,
        attempts=0,
    )


_PACKAGE = "{package:"


def naming_package(package_id: str) -> str:
    """What stands in an operation for the octets of a package, which are put in as the message goes out."""
    return f"{_PACKAGE}{package_id}}}"


def package_named(value: str) -> str:
    """The id of the package that a value stands for, or ""."""
    return value[len(_PACKAGE) : -1] if value.startswith(_PACKAGE) else ""


def steps(operation: Operation) -> Iterator[Operation]:
    """The operation, or every one in it when it is a group; groups themselves are left out."""
    if not operation.members:
        yield operation
    for member in operation.members:
        yield from steps(member)
