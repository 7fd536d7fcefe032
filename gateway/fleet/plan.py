"""What to send to an OMA DM device next: operators' operations, reads that must come first, and the difference.

Pure: the same inputs give the same operations with the same ids, so a plan may be made again at any moment.
"""

from __future__ import annotations

import functools
import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from gateway.fleet.abilities import LIST
from gateway.fleet.desired import DesiredMo
from gateway.fleet.device import OmaDmState
from gateway.fleet.mirror import CHECK_AGAIN_AFTER, Fact, Mirror
from gateway.fleet.operation import Operation
from gateway.fleet.queue import PATIENCE, Patience, due
from gateway.status import StatusCode
from gateway.tree.diff import Edit, diff
from gateway.tree.format import Format
from gateway.tree.tree import ManagementTree
from gateway.tree.uri import Address, Uri

RETRY_AFTER = timedelta(hours=1)

_NODE = Format.NODE
_WHOLE = ("",)
"""The paths to compare of an MO as a whole."""


def plan(
    desired: Sequence[DesiredMo],
    mirror: Mirror,
    state: OmaDmState,
    queued: Iterable[Operation],
    now: datetime,
    patience: Patience = PATIENCE,
) -> tuple[Operation, ...]:
    """The operations to send next, in this order; none when the device is as it should be.

    First the queued ones that are due, as they stand in the queue. Then one Get for each MO of which nothing is known:
    of the whole subtree, or of its root where the device reads no subtrees, and then of each node that it names. Then
    what the other MOs lack. A change that the device refused is not sent again until another value is desired, nor is
    anything below an interior node that it would not add; refusals of the moment are tried again after RETRY_AFTER,
    and what got no answer however often it was sent after its quarantine.
    """
    uris = sorted(mirror.facts)
    lacking: list[tuple[DesiredMo, tuple[str, ...]]] = []
    unknown: list[Uri] = []
    unread = [uri for uri in mirror.to_read if not is_given_up(mirror, uri, patience)]
    for mo in desired:
        root, place = str(mo.root), mo.sought_at
        if not mirror.knows(place) and not is_given_up(mirror, str(place), patience):
            if place not in unknown:
                unknown.append(place)
        elif (paths := _differing(mirror, uris, mo)) and not any(f"{uri}/".startswith(f"{root}/") for uri in unread):
            lacking.append((mo, paths))
    walked = LIST in state.refused_verbs
    roots = [_below(mo, path) for mo, paths in lacking for path in paths]
    edits = diff(_desired_tree(lacking), _reported_tree(mirror, uris, roots), roots=roots) if roots else ()
    return (
        *due(queued, patience),
        *(_reading(str(uri), now) if walked else _discovery(uri, now) for uri in unknown),
        *(_reading(uri, now) for uri in unread),
        *(_operation(edit, now) for edit in _worth_sending(edits, mirror, now, patience)),
    )


def _differing(mirror: Mirror, uris: Sequence[str], mo: DesiredMo) -> tuple[str, ...]:
    """Where below the root of the MO the device is to be compared with it, so that few trees need to be built.

    ``uris`` are those of the mirror, sorted. Nowhere when it is known to hold just what it shall, else at the leaves of
    other values, in the order of their names; but the whole MO when there are nodes that only one of the two has.
    """
    root, values = str(mo.root), mo.values
    start = len(root) + 1
    interiors, missing = _interiors(tuple(values)), len(values)
    differing: list[str] = []
    for uri in _within(uris, root):
        path, fact = uri[start:], mirror.facts[uri]
        wanted = values.get(path)
        if wanted is None:
            if fact.exists and (path not in interiors or fact.format != _NODE):
                return _WHOLE
            continue
        held = fact.effective
        if (held is None and not fact.exists) or fact.format == _NODE:
            return _WHOLE
        missing -= 1
        if held != wanted and not _format(mo, path).same(held, wanted):
            differing.append(path)
    return _WHOLE if missing or not values else tuple(sorted(differing, key=lambda path: path.split("/")))


@functools.lru_cache(1000)
def _interiors(paths: tuple[str, ...]) -> frozenset[str]:
    """The nodes that have one of these leaves below them: the same for all devices with the same profiles."""
    return frozenset(path[:end] for path in paths for end, sign in enumerate(path) if sign == "/")


def _format(mo: DesiredMo, path: str) -> Format:
    definition = mo.definition.find(tuple(path.split("/")))
    return definition.format if definition else Format.CHR


def _below(mo: DesiredMo, path: str) -> Uri:
    return mo.root.join(tuple(path.split("/"))) if path else mo.root


def _desired_tree(desired: Iterable[tuple[DesiredMo, tuple[str, ...]]]) -> ManagementTree:
    """The MOs, each with the leaves at these paths only."""
    tree = ManagementTree()
    for mo, paths in desired:
        tree.mount(mo.root, mo.definition, strict=False)
        tree.record(mo.root, None, Format.NODE, mo.moi)
        for path in mo.values if paths == _WHOLE else paths:
            names = tuple(path.split("/"))
            definition = mo.definition.find(names)
            fmt = definition.format if definition else Format.CHR
            type_ = definition.types[0] if definition and definition.types else ""
            tree.record(mo.root.join(names), mo.values[path], fmt, type_)
    return tree


def _reported_tree(mirror: Mirror, uris: Sequence[str], roots: Iterable[Uri]) -> ManagementTree:
    """What the device is known to hold at and below the roots, and the nodes above that it is known to have.

    ``uris`` are those of the mirror, sorted.
    """
    sought: dict[str, None] = {}
    for root in roots:
        down_to = [str(Uri(root[:depth])) for depth in range(1, len(root) + 1)]
        sought |= dict.fromkeys((*down_to, *_within(uris, down_to[-1])))
    tree = ManagementTree()
    for uri in sought:
        fact = mirror.facts.get(uri)
        if fact is not None and fact.exists:
            tree.record(Uri.parse(uri), fact.effective, Format.parse(fact.format), fact.type)
    return tree


def _within(uris: Sequence[str], root: str) -> Sequence[str]:
    """Those of the sorted URIs that are below the root."""
    # "/" is followed by "0".
    return uris[bisect_left(uris, f"{root}/") : bisect_left(uris, f"{root}0")]


def _worth_sending(edits: Iterable[Edit], mirror: Mirror, now: datetime, patience: Patience) -> Iterator[Edit]:
    """The edits without those the device refused already and those that depend on them.

    Where a node gives way to one of another kind only its Delete is sent: what takes its place depends on the answer.
    """
    adding: set[tuple[str, ...]] = set()
    blocked: set[tuple[str, ...]] = set()
    for edit in edits:
        parent = edit.uri[:-1]
        if (
            edit.uri in blocked
            or parent in blocked
            or _refused(edit, mirror, now, patience, parent_absent=parent in adding)
        ):
            blocked.add(edit.uri)
            continue
        if edit.verb == "Add":
            adding.add(edit.uri)
        elif edit.verb == "Delete":
            blocked.add(edit.uri)
        yield edit


def _refused(edit: Edit, mirror: Mirror, now: datetime, patience: Patience, *, parent_absent: bool) -> bool:
    fact = mirror.facts.get(str(edit.uri))
    if fact is not None and fact.verb == edit.verb and edit.format.same(fact.sent, edit.value):
        sent_at = fact.sent_at
        given_up = is_given_up(mirror, str(edit.uri), patience)
        if given_up and sent_at is not None and now - sent_at < patience.quarantine:
            return True
    if fact is not None and _is_kept_otherwise(fact, edit, now):
        return True
    if fact is None or not fact.refused or fact.verb != edit.verb or not edit.format.same(fact.sent, edit.value):
        return False
    if fact.status == StatusCode.NOT_FOUND and parent_absent:
        return False
    passing = StatusCode(fact.status or 0).is_passing
    return not passing or fact.status_at is None or now - fact.status_at < RETRY_AFTER


def _is_kept_otherwise(fact: Fact, edit: Edit, now: datetime) -> bool:
    """Whether the device just took this very value and, asked at once, said that it holds another."""
    if fact.checked_at is None or fact.acknowledged_at is None or now - fact.checked_at >= CHECK_AGAIN_AFTER:
        return False
    same = edit.verb != "Delete" and edit.format.same(fact.acknowledged, edit.value)
    # What it said later is another matter: then the value changed afterwards.
    said_then = fact.read_at is not None and fact.acknowledged_at <= fact.read_at <= fact.checked_at
    return same and fact.exists and said_then


def is_given_up(mirror: Mirror, uri: str, patience: Patience = PATIENCE) -> bool:
    """True when the device never answered the last command there, however often it was sent."""
    fact = mirror.facts.get(uri)
    return fact is not None and fact.tries >= patience.tries


def only_changes_values(planned: Iterable[Operation], mirror: Mirror) -> bool:
    """Whether a device that does all of this will then have nothing left to do: values of nodes are replaced, no more.

    A node that it once passed over may have been planned alone.
    """
    return all(
        operation.verb == "Replace"
        and operation.origin == "diff"
        and operation.tnds is None
        and not mirror.facts[operation.uri].tries
        for operation in planned
    )


def read_backs(desired: Iterable[DesiredMo], state: OmaDmState, now: datetime) -> tuple[Operation, ...]:
    """One Get for each MO, to see whether the device still holds what it took."""
    walked = LIST in state.refused_verbs
    return tuple(_reading(str(mo.root), now) if walked else _discovery(mo.root, now) for mo in desired)


def one_in_doubt(planned: Sequence[Operation], mirror: Mirror) -> tuple[Operation, ...]:
    """The plan, or only the first of it that the device never answered so far: what stops a device is found alone.

    Operators' own operations go out as they stand.
    """
    for operation in planned:
        fact = mirror.facts.get(operation.uri.partition("?")[0])
        if operation.origin != "queue" and fact is not None and fact.tries:
            return (operation,)
    return tuple(planned)


def _discovery(root: Uri, now: datetime) -> Operation:
    return _reading(str(Address(root, list="StructData")), now)


def _reading(uri: str, now: datetime) -> Operation:
    return Operation(id=_id("Get", uri), verb="Get", uri=uri, origin="discover", created_at=now)


def _operation(edit: Edit, now: datetime) -> Operation:
    verb, uri = edit.verb, str(edit.uri)
    if verb == "Delete":
        return Operation(id=_id(verb, uri), verb=verb, uri=uri, origin="diff", created_at=now)
    return Operation(
        id=_id(verb, uri, edit.format, edit.value or ""),
        verb=verb,
        uri=uri,
        format=edit.format.value,
        type=edit.type,
        value=edit.value,
        origin="diff",
        created_at=now,
    )


def _id(*content: str) -> str:
    """An id that only the same command on the same node with the same value has."""
    return "d:" + hashlib.blake2b("\0".join(content).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
