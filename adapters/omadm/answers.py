"""What became of the commands of one message: the device's Status and Results, put to the operations they answer.

Spec: OMA-TS-DM_RepPro-V1_2 (Status, Results, Atomic, Sequence); OMA-TS-DM_Protocol-V1_2 8
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec
from msgspec.structs import replace

from adapters.omadm.commands import numbered
from adapters.omadm.messages import Item, Meta, Results, Status, SyncML
from adapters.omadm.reports import read
from adapters.omadm.tnds import absorb_subtree
from gateway.fleet.mirror import Outcome, Read
from gateway.fleet.operation import Operation
from gateway.fleet.subtrees import outcome_of
from gateway.status import StatusCode

_NOT_FINAL = (101, StatusCode.CHUNK_ACCEPTED)
_REFUSALS = (StatusCode.INVALID_CREDENTIALS, StatusCode.MISSING_CREDENTIALS)


class Sent(msgspec.Struct, frozen=True, omit_defaults=True):
    """An operation the device was told to carry out, with its answer so far.

    ``parent`` is the CmdID of the group it went out in. ``answers`` are the user's, as the device wrote them.
    """

    operation: Operation
    status: int | None = None
    reads: tuple[Read, ...] = ()
    parent: str = ""
    answers: tuple[str, ...] = ()


Outstanding = Mapping[str, Sent]
"""The commands of one message that may be answered, by CmdID, each group before its members."""


def expect(sent: Mapping[str, Operation], now: datetime) -> dict[str, Sent]:
    """What the device is to answer when these operations go out under these CmdIDs."""
    return {
        entry.cmd_id: Sent(replace(entry.operation, sent_at=now), parent=entry.parent)
        for cmd_id, operation in sent.items()
        for entry in numbered(operation, int(cmd_id))
    }


def hear(outstanding: Outstanding, msg_id: int, message: SyncML, *, challenged: bool) -> dict[str, Sent]:
    """What is outstanding from our message ``msg_id`` after one of the device's; references to nothing are passed over.

    A device that ``challenged`` us refuses everything for the credentials, which says nothing of the operations.
    """
    heard = dict(outstanding)
    for answer in message.commands:
        if not isinstance(answer, Status | Results) or answer.msg_ref not in (str(msg_id), ""):
            continue
        sent = heard.get(answer.cmd_ref)
        if sent is None:
            continue
        if isinstance(answer, Results):
            uri = sent.operation.uri.partition("?")[0]
            serialized = "?list=TNDS" in sent.operation.uri
            reads = [one for item in answer.items for one in _reads(item, answer.meta, uri, serialized=serialized)]
            heard[answer.cmd_ref] = replace(sent, reads=(*sent.reads, *reads))
        elif _counts(answer, sent, challenged):
            said = tuple(item.data.strip() for item in answer.items if isinstance(item.data, str))
            answers = said if sent.operation.verb == "Alert" else ()
            heard[answer.cmd_ref] = replace(sent, status=int(answer.code), answers=answers)
    return heard


def _reads(item: Item, shared: Meta | None, uri: str, *, serialized: bool) -> tuple[Read, ...]:
    """What an item tells of nodes; of a serialized subtree all that are in it."""
    if serialized and item.data is not None and not item.more_data:
        nodes = absorb_subtree(item.data, uri)
        if nodes is not None:
            return nodes
    return (read(item, shared, uri),)


def settle(outstanding: Outstanding) -> tuple[tuple[Outcome, ...], tuple[Operation, ...]]:
    """The outcomes of what was outstanding, and the operations that got no answer at all."""
    outcomes, unanswered = [], []
    for cmd_id, sent in outstanding.items():
        if sent.parent:
            continue
        outcome = _outcome(outstanding, cmd_id)
        if outcome is None:
            unanswered.append(sent.operation)
        else:
            outcomes.append(outcome)
    return tuple(outcomes), tuple(unanswered)


def _outcome(outstanding: Outstanding, cmd_id: str) -> Outcome | None:
    sent = outstanding[cmd_id]
    if sent.operation.tnds is not None:
        return outcome_of(sent.operation, StatusCode(sent.status)) if sent.status is not None else None
    if sent.operation.members:
        return _group_outcome(outstanding, cmd_id)
    if sent.status is not None:
        status = StatusCode(sent.status)
        return Outcome(sent.operation, status, sent.reads, answers=_user_answers(sent, status))
    return Outcome(sent.operation, StatusCode.OK, sent.reads) if sent.reads else None


def _group_outcome(outstanding: Outstanding, cmd_id: str) -> Outcome | None:
    """The outcome of a group; a member without an answer was not executed, and an Atomic that lacks one has failed.

    Spec: OMA-TS-DM_RepPro-V1_2 (Atomic: 200, 507)
    """
    sent = outstanding[cmd_id]
    below = {member: entry for member, entry in outstanding.items() if entry.parent == cmd_id}
    heard = {member: _outcome(outstanding, member) for member in below}
    if sent.status is None and not any(heard.values()):
        return None
    members = tuple(
        outcome or Outcome(below[member].operation, StatusCode.NOT_EXECUTED) for member, outcome in heard.items()
    )
    status = StatusCode(sent.status or StatusCode.OK)
    if sent.operation.verb == "Atomic" and status.is_success and not all(m.status.is_success for m in members):
        status = StatusCode.ATOMIC_FAILED
    return Outcome(sent.operation, status, members=members)


def _user_answers(sent: Sent, status: StatusCode) -> tuple[str, ...]:
    prompt = sent.operation.prompt
    if prompt is None or prompt.kind != "confirm":
        return sent.answers
    if status == StatusCode.NOT_MODIFIED:
        return ("reject",)
    return ("accept",) if status.is_success else ()


def _counts(status: Status, sent: Sent, challenged: bool) -> bool:
    """True when the status is the answer to the operation: the first, unless a later one names its very target."""
    if status.code in _NOT_FINAL or (challenged and status.code in _REFUSALS):
        return False
    return sent.status is None or sent.operation.uri in status.target_refs
