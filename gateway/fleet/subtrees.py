"""Whole subtrees in one Add: which changes go together, and what the one answer says of each of them.

Pure. Only devices that are known to take such an Add get one: others could keep the text of it as a value.

Spec: OMA-TS-DM_RepPro-V1_2 6.6.1 (Add of a serialized subtree); OMA-TS-DM_TNDS-V1_2 5
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from gateway.fleet.mirror import Mirror, Outcome
from gateway.fleet.operation import Operation, TndsForm
from gateway.status import StatusCode
from gateway.tree.format import Format


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


def outcome_of(operation: Operation, status: StatusCode) -> Outcome:
    """What the one status of a subtree says of its nodes: all were added, or none.

    Where the root was there already, or could not be added for the moment, that is said of the root alone. Any other
    refusal says nothing of the nodes: each is to be added by itself.

    Spec: OMA-TS-DM_RepPro-V1_2 6.6.1
    """
    members = operation.members
    if not status.is_success:
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
    content = "\0".join(operation.id for operation in run).encode()
    whole = Operation(
        id=f"d:{hashlib.blake2b(content, digest_size=12).hexdigest()}",
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
