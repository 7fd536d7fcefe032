"""The reported tree of one device: what was sent, what was acknowledged and what was read back, kept apart.

The device owns its tree; this is the gateway's unchecked record of it. A mirror is a value: each step gives a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import chain
from typing import Literal

import msgspec
from msgspec.structs import replace

from gateway.errors import TreeError
from gateway.fleet.operation import Operation, Verb, steps
from gateway.status import StatusCode
from gateway.tree.uri import Address, Uri

CHECK_AGAIN_AFTER = timedelta(hours=1)

MAX_TO_READ = 2000
"""Most nodes that wait to be read one by one; a larger tree is written to unread."""


class Read(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing a device said of its own tree. ``value`` is text (``bin`` as base64), None for an interior node.

    ``children`` are the names of an interior node's children where the device was asked for it alone, else None.
    """

    uri: str
    format: str = "chr"
    type: str = ""
    value: str | None = None
    children: tuple[str, ...] | None = None


class Outcome(msgspec.Struct, frozen=True):
    """The one answer to an operation: what a Get returned, what became of a group's members, what the user said.

    Status 202 is no end: what was asked for runs. ``result`` is the code that a device reports at the end of it.
    """

    operation: Operation
    status: StatusCode
    reads: tuple[Read, ...] = ()
    members: tuple[Outcome, ...] = ()
    answers: tuple[str, ...] = ()
    result: int | None = None

    def steps(self) -> Iterator[Outcome]:
        """This outcome, or those of every step of a group."""
        if not self.members:
            yield self
        for member in self.members:
            yield from member.steps()


class Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of one node on one device.

    Values are text as they appear in the tree (``bin`` as base64), None for interior and null nodes. ``sent`` was
    handed to the device with ``verb`` at ``sent_at``; ``status`` is the device's answer to that. ``acknowledged`` is
    the last value the device accepted; ``read`` is what the device itself said it holds, None with a ``read_at`` when
    it said only that the node is there. ``checked_at`` is when that was asked because of a change. ``removed`` marks a
    node known to be absent. ``tries`` counts how often the last command got no answer at all.
    """

    format: str = "chr"
    type: str = ""
    verb: Verb | Literal[""] = ""
    sent: str | None = None
    sent_at: datetime | None = None
    status: int | None = None
    status_at: datetime | None = None
    acknowledged: str | None = None
    acknowledged_at: datetime | None = None
    read: str | None = None
    read_at: datetime | None = None
    checked_at: datetime | None = None
    source: str = ""
    removed: bool = False
    tries: int = 0

    @property
    def refused(self) -> bool:
        """True when the device answered the last command on this node with an error.

        An answer that only corrects the gateway's picture is no refusal: an Add of a node that was there already, a
        Replace or Delete of one that turned out to be gone.
        """
        if self.status is None or StatusCode(self.status).is_success:
            return False
        if self.verb == "Add":
            return self.status != StatusCode.ALREADY_EXISTS
        return not (self.removed and self.status == StatusCode.NOT_FOUND)

    @property
    def exists(self) -> bool:
        """True when the node is believed to be on the device: a write was accepted, or the device said so."""
        return not self.removed and (self.acknowledged_at is not None or self.read_at is not None)

    @property
    def effective(self) -> str | None:
        """The value the device is believed to hold: the newer of acknowledged and read, read winning a tie.

        None when the node is absent, has no value, or exists with a value nobody has seen.
        """
        if self.removed:
            return None
        if self.acknowledged_at is None or self.read_at is None:
            return self.acknowledged if self.read_at is None else self.read
        return self.read if self.read is not None and self.read_at >= self.acknowledged_at else self.acknowledged


class Mirror(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All facts about one device, by URI text (``./A/B``). ``complete`` lists subtree roots known in full.

    ``to_read`` are nodes that are to be asked for before anything is believed of them: a device that reads no subtrees
    is walked so, and one that could not undo what it did is looked at. ``sealed`` is the store's own.
    """

    device_id: str
    facts: dict[str, Fact] = {}
    complete: tuple[str, ...] = ()
    to_read: tuple[str, ...] = ()
    sealed: bytes = b""
    revision: int = 0

    def knows(self, root: Uri) -> bool:
        """True when the device answered anything at or under ``root``, or the subtree is known in full."""
        text = str(root)
        # Nearly always the root itself was answered for, and nothing below it needs to be looked at.
        if text in self.complete or _is_answered(self.facts.get(text)):
            return True
        return any(_is_answered(fact) for uri, fact in self.facts.items() if _is_under(uri, text))

    def sent(self, operations: Iterable[Operation], now: datetime) -> Mirror:
        """The mirror after these operations went out; what is believed of the nodes stays until the device answers."""
        facts = dict(self.facts)
        for operation in chain.from_iterable(map(steps, operations)):
            uri = _node(operation.uri)
            if uri is not None and operation.verb in ("Add", "Replace", "Delete"):
                fact = facts.get(uri) or Fact(format=operation.format or "chr", type=operation.type)
                facts[uri] = replace(
                    fact,
                    verb=operation.verb,
                    sent=operation.value,
                    sent_at=now,
                    status=None,
                    status_at=None,
                    tries=fact.tries if (fact.verb, fact.sent) == (operation.verb, operation.value) else 0,
                )
        return replace(self, facts=facts)

    def passed_over(self, operations: Iterable[Operation]) -> Mirror:
        """The mirror after these operations went out and got no answer: whether they were carried out is unknown."""
        facts = dict(self.facts)
        for operation in chain.from_iterable(map(steps, operations)):
            uri = _node(operation.uri.partition("?")[0]) if operation.verb in ("Get", *_ANSWERS) else None
            if uri is not None:
                fact = facts.get(uri) or Fact(format="node")
                facts[uri] = replace(fact, tries=fact.tries + 1)
        return replace(self, facts=facts)

    def acknowledged(self, answers: Iterable[tuple[Operation, int]], now: datetime, *, check: bool = False) -> Mirror:
        """The mirror after the device's final status of each operation, in the order of the answers.

        What a Get returned is not in its status (give that to ``read``), and an Exec changes no node. With ``check``
        every value that was accepted is to be read, unless that was done a moment ago.
        """
        facts, to_read = dict(self.facts), self.to_read
        for operation, status in answers:
            uri = _node(operation.uri)
            if uri is None and operation.verb == "Replace" and StatusCode(status).is_success:
                _permit(facts, operation.uri)
                _rename(facts, operation)
            # That a subtree was refused as a whole says nothing of the nodes in it.
            answer = _ANSWERS.get(operation.verb) if operation.tnds is None else None
            if uri is not None and answer is not None:
                answer(facts, uri, operation, StatusCode(status), now)
                if uri in facts and facts[uri].tries:
                    facts[uri] = replace(facts[uri], tries=0)
                if operation.verb == "Get":
                    if uri in to_read and uri in facts:
                        facts[uri] = replace(facts[uri], checked_at=now)
                    to_read = tuple(node for node in to_read if node != uri)
                elif status == StatusCode.ROLL_BACK_FAILED or (check and _is_unchecked(facts.get(uri), status, now)):
                    to_read = (*to_read, uri)
        return replace(self, facts=facts, to_read=to_read)

    def named(self, node: str, children: Collection[str], *, walk: bool) -> Mirror:
        """The mirror after the device named all children of a node: any other that was there is not any more.

        With ``walk`` they are to be read next, as far as there are not too many.
        """
        root = _node(node)
        if root is None:
            return self
        below = [f"{root}/{name}" for name in children]
        facts, to_read = dict(self.facts), self.to_read
        start = len(root) + 1
        believed = {uri[start:].split("/")[0] for uri, fact in facts.items() if fact.exists and _is_under(uri, root)}
        for name in believed - {"", *children}:
            _remove(facts, f"{root}/{name}")
        if walk:
            to_read = (*to_read, *(uri for uri in below if uri not in to_read))[:MAX_TO_READ]
        return replace(self, facts=facts, to_read=to_read)

    def read(
        self,
        reads: Iterable[Read],
        now: datetime,
        source: str = "",
        complete_root: Uri | None = None,
        *,
        structure: bool = False,
    ) -> Mirror:
        """The mirror after the device said what it holds. Reads of properties and impossible URIs are left out.

        With ``complete_root`` the reads are all there is at and under it: every other node there is marked removed.
        ``structure`` says that they tell which nodes there are and no values: what was read before still holds.
        """
        facts = dict(self.facts)
        present: set[str] = set()
        for said in reads:
            uri = _node(said.uri)
            if uri is None:
                continue
            known = facts.get(uri) or Fact()
            keeps = structure and known.exists
            facts[uri] = replace(
                known,
                format=said.format,
                type=said.type,
                read=known.read if keeps else said.value,
                read_at=known.read_at if keeps else now,
                source=known.source if keeps else source,
                removed=False,
            )
            # Some devices list leaves only; a node with something below it is there.
            while uri and uri not in present:
                present.add(uri)
                uri = uri.rpartition("/")[0]
        if complete_root is None:
            return replace(self, facts=facts)
        root = str(complete_root)
        _remove(facts, root, present)
        return replace(self, facts=facts, complete=tuple(sorted({*self.complete, root})))


def _node(address: str) -> str | None:
    """The one spelling of the node's URI; None for a property and for what cannot be a node's URI."""
    try:
        uri, prop, _ = Address.parse(address)
    except TreeError:
        return None
    return None if prop else str(uri)


def _is_unchecked(fact: Fact | None, status: int, now: datetime) -> bool:
    """Whether the value that was accepted now is to be looked at; a device that keeps none would be asked for ever."""
    if fact is None or fact.acknowledged is None or not StatusCode(status).is_success:
        return False
    return fact.checked_at is None or now - fact.checked_at >= CHECK_AGAIN_AFTER


def _is_answered(fact: Fact | None) -> bool:
    return fact is not None and (fact.exists or fact.removed or fact.status is not None)


def _is_under(uri: str, root: str) -> bool:
    return uri == root or root == "." or uri.startswith(f"{root}/")


def _remove(facts: dict[str, Fact], root: str, present: Collection[str] = ()) -> None:
    """Mark everything at and under ``root`` absent, but for the nodes named present.

    A refused write stays on record, so that it is not tried again because the node is absent.
    """
    if root not in present:
        facts.setdefault(root, Fact())
    for uri, fact in facts.items():
        if _is_under(uri, root) and uri not in present:
            gone = replace(fact, acknowledged=None, acknowledged_at=None, read=None, read_at=None, removed=True)
            facts[uri] = gone if gone.refused else replace(gone, sent=None)


def _permit(facts: dict[str, Fact], address: str) -> None:
    """After the device took another ACL for a node, what it had not permitted there may be tried again.

    Spec: OMA-TS-DM_TND-V1_2 7.7.1
    """
    node, _, query = address.partition("?")
    root = _node(node) if query == "prop=ACL" else None
    for uri, fact in facts.items() if root else ():
        if fact.status == StatusCode.PERMISSION_DENIED and _is_under(uri, root or ""):
            facts[uri] = replace(fact, status=None, status_at=None)


def _rename(facts: dict[str, Fact], operation: Operation) -> None:
    """After a node took another name, what is known of it and of all below stands under that.

    Spec: OMA-TS-DM_TND-V1_2 7.7 (Name)
    """
    node, _, query = operation.uri.partition("?")
    old = _node(node) if query == "prop=Name" else None
    new = _node(f"{old.rpartition('/')[0]}/{operation.value or ''}") if old else None
    if old is None or new is None or new == old:
        return
    moved = {new + uri[len(old) :]: fact for uri, fact in facts.items() if _is_under(uri, old)}
    if moved:
        _remove(facts, old)
        facts.update(moved)


def _answer_write(facts: dict[str, Fact], uri: str, operation: Operation, status: StatusCode, now: datetime) -> None:
    fact = facts.get(uri) or Fact(format=operation.format or "chr", type=operation.type)
    believed = fact.effective
    fact = replace(
        fact,
        verb=operation.verb,
        sent=operation.value,
        sent_at=operation.sent_at or fact.sent_at,
        status=int(status),
        status_at=now,
    )
    if status.is_success:
        fact = replace(
            fact,
            format=operation.format or fact.format,
            type=operation.type or fact.type,
            acknowledged=operation.value,
            acknowledged_at=now,
            removed=False,
        )
    elif operation.verb == "Add" and status == StatusCode.ALREADY_EXISTS and not fact.exists:
        fact = replace(fact, read=None, read_at=now, removed=False)
    facts[uri] = fact
    # Only what was believed can turn out wrong: else Add and Replace could answer each other for ever.
    if operation.verb == "Replace" and status == StatusCode.NOT_FOUND and believed is not None:
        _remove(facts, uri)


def _answer_delete(facts: dict[str, Fact], uri: str, operation: Operation, status: StatusCode, now: datetime) -> None:
    if status.is_success or status == StatusCode.NOT_FOUND:
        _remove(facts, uri)
    fact = facts.get(uri) or Fact()
    facts[uri] = replace(
        fact,
        verb="Delete",
        sent=None,
        sent_at=operation.sent_at or fact.sent_at,
        status=int(status),
        status_at=now,
    )


def _answer_get(facts: dict[str, Fact], uri: str, operation: Operation, status: StatusCode, now: datetime) -> None:
    if status == StatusCode.NOT_FOUND:
        _remove(facts, uri)
    elif status in _UNREADABLE and "?" in operation.uri:
        # That says nothing of the node, which can still be asked for alone.
        return
    elif not status.is_success and uri not in facts:
        facts[uri] = Fact(format="node", verb="Get", status=int(status), status_at=now)


def _answer_copy(facts: dict[str, Fact], uri: str, operation: Operation, status: StatusCode, now: datetime) -> None:
    source = facts.get(_node(operation.source) or "")
    if status.is_success and source is not None:
        facts[uri] = Fact(
            format=source.format,
            type=source.type,
            verb="Copy",
            status=int(status),
            status_at=now,
            acknowledged=source.effective,
            acknowledged_at=now,
        )


_UNREADABLE = (StatusCode.NOT_ALLOWED, StatusCode.NOT_SUPPORTED)

_ANSWERS: dict[str, Callable[[dict[str, Fact], str, Operation, StatusCode, datetime], None]] = {
    "Add": _answer_write,
    "Replace": _answer_write,
    "Delete": _answer_delete,
    "Get": _answer_get,
    "Copy": _answer_copy,
}
