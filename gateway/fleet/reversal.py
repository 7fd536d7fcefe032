"""What would take an operation back on one device, by what its reported tree says before the operation goes out.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from gateway.errors import TreeError
from gateway.fleet.mirror import Fact, Mirror
from gateway.fleet.operation import Operation, Verb
from gateway.status import StatusCode
from gateway.tree.uri import Uri

MAX_RESTORED = 500
"""Nodes of a deleted subtree that are remembered, so that it can be put back."""

_HARMLESS = ("Get",)
_NO_WAY_BACK = ("Exec", "Alert")
_UNREAD = "nobody has read what was there"


class Reversal(msgspec.Struct, frozen=True, omit_defaults=True):
    """What takes one step back, in this order; ``lost`` names the step and says why where nothing does."""

    operations: tuple[Operation, ...] = ()
    lost: str = ""


def without_way_back(operations: Iterable[Operation]) -> list[str]:
    """The steps that cannot be taken back on any device, by their names."""
    return [_name(step) for operation in operations for step in _steps(operation) if step.verb in _NO_WAY_BACK]


def can_be_reversed(operations: Iterable[Operation]) -> bool:
    """Whether there is a step that can be taken back, as far as can be told without knowing the device."""
    return any(step.verb not in (*_NO_WAY_BACK, *_HARMLESS) for operation in operations for step in _steps(operation))


def reversals(operations: Iterable[Operation], mirror: Mirror) -> tuple[Reversal, ...]:
    """For each step of these operations, in their order, what takes it back."""
    return tuple(_reversal(step, mirror) for operation in operations for step in _steps(operation))


def taken_back(known: Sequence[Reversal], tries: Iterable[Sequence[Operation]]) -> tuple[list[Operation], list[str]]:
    """The operations that take back what was, or may have been, carried out, the last step first; and what none does.

    ``tries`` are the operations as they stand by now, once for each time that they were queued.
    """
    done = [False] * len(known)
    for operations in tries:
        steps = [step for operation in operations for step in _steps(operation)]
        for place, step in enumerate(steps[: len(known)]):
            done[place] |= _may_be_done(step)
    back = [one for one, was_done in zip(known, done, strict=True) if was_done]
    return [step for one in reversed(back) for step in one.operations], [one.lost for one in back if one.lost]


def _steps(operation: Operation) -> Iterator[Operation]:
    """Every step of it; a subtree that is added in one command is one."""
    if not operation.members or operation.tnds is not None:
        yield operation
        return
    for member in operation.members:
        yield from _steps(member)


def _may_be_done(step: Operation) -> bool:
    """Whether the device has carried it out, or was asked to and has not said."""
    if step.status is None:
        return step.attempts > 0 or step.accepted_at is not None or step.sent_at is not None
    return StatusCode(step.status).is_success


def _reversal(step: Operation, mirror: Mirror) -> Reversal:
    if step.verb in _HARMLESS:
        return Reversal()
    name = _name(step)
    if step.verb in _NO_WAY_BACK:
        return Reversal(lost=name)
    try:
        uri = str(Uri.parse(step.uri or step.members[0].uri))
    except (TreeError, IndexError):
        return Reversal(lost=f"{name} (no node of the tree)")
    fact = mirror.facts.get(uri)
    if step.verb == "Add" or (step.verb == "Copy" and (fact is None or not fact.exists)):
        return Reversal((Operation(id="", verb="Delete", uri=uri),))
    if fact is None or not fact.exists:
        return Reversal(lost=f"{name} ({_UNREAD})")
    if step.verb == "Delete":
        return _restored(name, uri, mirror)
    if fact.effective is None:
        return Reversal(lost=f"{name} ({_UNREAD})")
    return Reversal((_write("Replace", uri, fact),))


def _restored(name: str, uri: str, mirror: Mirror) -> Reversal:
    """The node and all below it, put back from the top."""
    below = {one: fact for one, fact in mirror.facts.items() if _covers(uri, one)}
    there = {one: fact for one, fact in sorted(below.items(), key=lambda it: it[0].count("/")) if fact.exists}
    if len(there) > MAX_RESTORED:
        return Reversal(lost=f"{name} (it has more than {MAX_RESTORED} nodes)")
    is_known = there[uri].format != "node" or any(_covers(root, uri) for root in mirror.complete)
    if not is_known or any(fact.effective is None and fact.format != "node" for fact in there.values()):
        return Reversal(lost=f"{name} ({_UNREAD})")
    return Reversal(tuple(_write("Add", one, fact) for one, fact in there.items()))


def _covers(root: str, uri: str) -> bool:
    return uri == root or root == "." or uri.startswith(f"{root}/")


def _write(verb: Verb, uri: str, fact: Fact) -> Operation:
    return Operation(id="", verb=verb, uri=uri, format=fact.format, type=fact.type, value=fact.effective)


def _name(step: Operation) -> str:
    if step.prompt is not None:
        return f"{step.verb} {step.prompt.text[:40]!r}"
    return f"{step.verb} {step.uri or (step.members[0].uri if step.members else '')}".strip()
