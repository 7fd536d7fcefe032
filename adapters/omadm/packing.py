"""What goes out in one message: operations as commands, as many as the device can take.

Spec: OMA-TS-DM_RepPro-V1_2 (commands); OMA-TS-SyncML_MetaInfo-V1_2 (MaxMsgSize)
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from adapters.omadm.commands import command_for, size
from adapters.omadm.messages import AnyCommand, SyncML
from gateway.fleet.operation import Operation
from gateway.status import StatusCode

MAX_COMMANDS = 100
"""Per message; an answer with a Status and Results for each is still well within what the decoder takes."""


class Package(NamedTuple):
    """A filled message: what is in it by ``CmdID``, what is left for the next one, and what can never be sent."""

    message: SyncML
    sent: dict[str, Operation]
    planned: tuple[Operation, ...]
    refused: tuple[tuple[Operation, StatusCode], ...]


def pack(
    frame: SyncML, operations: Sequence[Operation], max_bytes: int | None, measure: Callable[[SyncML], int]
) -> Package:
    """``frame`` with as many of the operations as fit, in order. Its first command is the Status of the header.

    ``measure`` gives the octets of a whole message. An operation whose command would be too large even next to that
    one Status is refused with 413, one whose value is not of its format with 415. A message that has no room for
    commands although some are planned is not the last of its package, so that the device asks for the next.

    Spec: OMA-TS-DM_Protocol-V1_2 6 (multiple messages in a package)
    """
    refused: list[tuple[Operation, StatusCode]] = []
    queue: list[tuple[Operation, AnyCommand]] = []
    cmd_id = len(frame.commands) + 1
    for operation in operations:
        try:
            queue.append((operation, command_for(operation, cmd_id)))
        except ValueError:
            refused.append((operation, StatusCode.UNSUPPORTED_TYPE))
        cmd_id += size(operation)

    # Beside one Status there is the most room a command will ever get: what fits there can wait for a later message.
    roomiest = replace(frame, commands=frame.commands[:1])
    while queue and not _count_fitting(roomiest, queue[:1], max_bytes, measure):
        refused.append((queue.pop(0)[0], StatusCode.TOO_LARGE))

    fitting = _count_fitting(frame, queue, max_bytes, measure)
    message = replace(_filled(frame, queue[:fitting]), final=bool(fitting) or not queue)
    return Package(
        message,
        sent={command.cmd_id: operation for operation, command in queue[:fitting]},
        planned=tuple(operation for operation, _ in queue[fitting:]),
        refused=tuple(refused),
    )


def _filled(frame: SyncML, queue: Sequence[tuple[Operation, AnyCommand]]) -> SyncML:
    return replace(frame, commands=(*frame.commands, *(command for _, command in queue)))


def _count_fitting(
    frame: SyncML,
    queue: Sequence[tuple[Operation, AnyCommand]],
    max_bytes: int | None,
    measure: Callable[[SyncML], int],
) -> int:
    """How many commands, from the first, fit next to what is in the frame."""
    most, commands = 0, 0
    for operation, _ in queue:
        commands += size(operation)
        if most and commands > MAX_COMMANDS:
            break
        most += 1
    if not most or max_bytes is None or measure(_filled(frame, queue[:most])) <= max_bytes:
        return most
    return bisect_right(range(1, most), max_bytes, key=lambda count: measure(_filled(frame, queue[:count])))
