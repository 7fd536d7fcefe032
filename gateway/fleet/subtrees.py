"""Whole subtrees in one Add or Replace: which changes go together, and what the one answer says of each of them.

Pure. Only devices that are known to take such a command get one: others could keep the text of it as a value.

Spec: OMA-TS-DM_RepPro-V1_2 6.6 (Add and Replace of a serialized subtree); OMA-TS-DM_TNDS-V1_2 5
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from gateway.fleet.desired import DesiredMo
from gateway.fleet.mirror import Mirror, Outcome
from gateway.fleet.operation import Operation, TndsForm
from gateway.status import StatusCode
from gateway.tree.format import Format
from gateway.tree.uri import Uri


def gathered(operations: Sequence[Operation], mirror: Mirror, form: TndsForm) -> tuple[Operation, ...]:
    """The operations, with each interior node that is to be added and all that is added below it as one Add.

    What went out without an answer before stays alone, so that what stops a device is found.
    """
    after: list[Operation] = []
    run: list[Operation] = []
    for operation in operations:
        if run and operation.verb == "Add" and operation.uri.startswith(f"{run[0].uri}/"):
            run.append(operation)
            continue
        after += _as_one(run, mirror, form)
        run = [operation] if _begins(operation, mirror) else []
        after += [] if run else [operation]
    return (*after, *_as_one(run, mirror, form))


def replaced(
    operations: Sequence[Operation], desired: Iterable[DesiredMo], mirror: Mirror, form: TndsForm
) -> tuple[Operation, ...]:
    """The operations, with those on an MO most of which they change as one Replace of it, at the place of the first.

    A Replace deletes what is not in it. So it is only for an MO that is known in full, and the nodes that only the
    device has go along as they are. What was refused, or went out without an answer, before is left alone.

    Spec: OMA-TS-DM_RepPro-V1_2 6.6 (Replace); OMA-TS-DM_TNDS-V1_2 5
    """
    after = list(operations)
    for mo in desired:
        root = str(mo.root)
        changes = [one for one in after if one.origin == "diff" and one.uri.startswith(f"{root}/")]
        if len(changes) < 2 or 2 * len(changes) <= len(mo.values) or root not in mirror.complete:
            continue
        whole = _replacement(mo.root, changes, mirror, form)
        if whole is not None:
            chosen = set(whole.members)
            first = after.index(changes[0])
            rest = [one for one in after[first:] if one not in chosen]
            after[first:] = [whole, *rest]
    return tuple(after)


def outcome_of(operation: Operation, status: StatusCode) -> Outcome:
    """What the one status of a subtree says of its nodes: all were added, or none.

    Where the root was there already, or could not be added for the moment, that is said of the root alone. Any other
    refusal says nothing of the nodes: each is to be added by itself. A Replace that has to wait makes all that it
    changes wait, unless somebody wrote it.

    Spec: OMA-TS-DM_RepPro-V1_2 6.6.1
    """
    members = operation.members
    if operation.verb == "Replace" and not status.is_success:
        members = members if status.is_passing and operation.value is None else ()
    elif not status.is_success:
        about_root = status == StatusCode.ALREADY_EXISTS or status.is_passing
        members = members[:1] if about_root else ()
    return Outcome(operation, status, members=tuple(Outcome(member, status) for member in members))


def _begins(operation: Operation, mirror: Mirror) -> bool:
    """Whether the node may be the root of what goes together: one that is there would be refused with all below it."""
    fact = mirror.facts.get(operation.uri)
    is_new = operation.verb == "Add" and operation.origin == "diff" and operation.format == Format.NODE
    return is_new and (fact is None or not fact.exists)


def _as_one(run: Sequence[Operation], mirror: Mirror, form: TndsForm) -> Iterable[Operation]:
    facts = (mirror.facts.get(operation.uri) for operation in run)
    if len(run) < 2 or any(fact is not None and fact.tries for fact in facts):
        return run
    root = run[0]
    whole = Operation(
        id=_id(run),
        verb="Add",
        uri=root.uri,
        format=root.format,
        type=root.type,
        members=tuple(run),
        tnds=form,
        origin="diff",
        created_at=root.created_at,
    )
    return (whole,)


def _replacement(root: Uri, changes: Sequence[Operation], mirror: Mirror, form: TndsForm) -> Operation | None:
    """One command for the changes; None where the device answered something at or below the root with a refusal, or
    not at all, or holds something whose value nobody has seen.
    """
    text = str(root)
    held = {uri: fact for uri, fact in mirror.facts.items() if f"{uri}/".startswith(f"{text}/") and fact.exists}
    touched = [mirror.facts[uri] for uri in {text, *held, *(one.uri for one in changes)} if uri in mirror.facts]
    if any(fact.refused or fact.tries for fact in touched):
        return None
    gone = tuple(f"{one.uri}/" for one in changes if one.verb == "Delete")
    written = {one.uri for one in changes if one.verb != "Delete"}
    kept = []
    for uri, fact in held.items():
        if uri in written or (gone and f"{uri}/".startswith(gone)):
            continue
        if fact.effective is None and fact.format not in (Format.NODE, Format.NULL):
            return None
        kept.append(Operation(id="", verb="Add", uri=uri, format=fact.format, type=fact.type, value=fact.effective))
    named = {text, *written, *(one.uri for one in kept)}
    # Some devices name leaves alone.
    above = {uri[:end] for uri in named for end, sign in enumerate(uri) if sign == "/" and end >= len(text)}
    kept += [
        Operation(id="", verb="Add", uri=uri, format=Format.NODE.value)
        for uri in {text, *above} - written - {one.uri for one in kept}
    ]
    return Operation(
        id=_id(changes),
        verb="Replace",
        uri=text,
        format=Format.NODE.value,
        members=tuple(changes),
        tnds=form,
        kept=tuple(kept),
        origin="diff",
        created_at=changes[0].created_at,
    )


def _id(operations: Iterable[Operation]) -> str:
    """An id that only the same operations together have."""
    content = "\0".join(operation.id for operation in operations).encode()
    return f"d:{hashlib.blake2b(content, digest_size=12).hexdigest()}"
