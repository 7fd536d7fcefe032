"""What goes out in one message: operations as commands, as many as the device can take, or a part of one.

Spec: OMA-TS-DM_RepPro-V1_2 (commands); OMA-TS-SyncML_MetaInfo-V1_2 (MaxMsgSize)
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeGuard

from msgspec.structs import replace

from adapters.omadm.commands import Contents, command_for, no_contents, size
from adapters.omadm.messages import OLDER_DTD, Alert, AnyCommand, Command, Group, Results, Status, SyncML
from adapters.omadm.objects import Chunking, chunk, object_bytes
from gateway.fleet.abilities import refusal
from gateway.fleet.operation import Operation
from gateway.status import StatusCode
from gateway.tree.uri import NO_LIMITS, UriLimits

_MANY = 99_999
"""A CmdID as long as any."""

MAX_COMMANDS = 100
"""Per message; an answer with a Status and Results for each is still well within what the decoder takes."""


class Limits(NamedTuple):
    """What a device takes: no value above ``max_bytes``, in parts only when ``in_parts``, no URI beyond ``uris``, and
    no command that it ``lacks``.

    ``octets`` says that the encoding carries bare octets, which are larger as base64.
    """

    max_bytes: int | None = None
    in_parts: bool = False
    octets: bool = False
    uris: UriLimits = NO_LIMITS
    lacks: tuple[str, ...] = ()


NO_BOUNDS = Limits()


class Package(NamedTuple):
    """A filled message: what is in it by ``CmdID``, what is left for the next one, and what can never be sent.

    ``chunking`` is an object of which more is to come.
    """

    message: SyncML
    sent: dict[str, Operation]
    planned: tuple[Operation, ...]
    refused: tuple[tuple[Operation, StatusCode], ...] = ()
    chunking: Chunking | None = None


def trim(frame: SyncML, max_bytes: int | None, measure: Callable[[SyncML], int]) -> tuple[SyncML, tuple[Status, ...]]:
    """The frame with as many of its statuses as fit, and those that are still owed. The first always goes out."""
    if max_bytes is None or len(frame.commands) < 2 or measure(frame) <= max_bytes:
        return frame, ()
    head, *rest = frame.commands
    statuses = [command for command in rest if isinstance(command, Status)]
    others = [command for command in rest if not isinstance(command, Status)]

    def cut(count: int) -> SyncML:
        kept = _renumbered([head, *statuses[:count], *others])
        return replace(frame, commands=kept, final=False)

    count = bisect_right(range(1, len(statuses) + 1), max_bytes, key=lambda count: measure(cut(count)))
    return cut(count), tuple(statuses[count:])


def pack(
    frame: SyncML,
    operations: Sequence[Operation],
    max_bytes: int | None,
    measure: Callable[[SyncML], int],
    limits: Limits = NO_BOUNDS,
    contents: Contents = no_contents,
) -> Package:
    """``frame`` with as many of the operations as fit, in order. Its first command is the Status of the header.

    ``measure`` gives the octets of a whole message, ``contents`` those of packages that values name. A command that
    would be too large even next to that one Status goes out in parts when its turn comes, to a device that takes
    them; to others it is refused with 413, as is a value over the MaxObjSize of the device. A value that is not of
    its format is refused with 415, a URI that is too long for the device with 414, a command that it lacks with
    406. A whole subtree is laid open where the device does not take it so, and its nodes go out one by one. A message
    that has no room for commands although some are planned is not the last of its package, so that
    the device asks for the next.

    Spec: OMA-TS-DM_Protocol-V1_2 6 (multiple messages in a package), 7 (large objects)
    """
    # Beside one Status there is the most room a command will ever get: what fits there can wait for a later message.
    roomiest = replace(frame, commands=frame.commands[:1])
    is_older = frame.header.ver_dtd == OLDER_DTD

    def is_taken(operation: Operation) -> bool:
        if is_older or refusal(operation, limits.uris, limits.lacks) is not None:
            return False
        try:
            command = command_for(operation, _MANY)
        except ValueError:
            return False
        small = limits.max_bytes is None or _largest(command, limits) <= limits.max_bytes
        return small and bool(_count_fitting(roomiest, [(operation, command)], max_bytes, measure))

    refused: list[tuple[Operation, StatusCode]] = []
    queue: list[tuple[Operation, AnyCommand]] = []
    cmd_id = len(frame.commands) + 1
    for operation in _laid_open(operations, is_taken):
        if (status := refusal(operation, limits.uris, limits.lacks)) is not None:
            refused.append((operation, status))
            continue
        try:
            command = command_for(operation, cmd_id, contents)
            if is_older:
                command = _without_correlators(command)
        except ValueError:
            refused.append((operation, StatusCode.UNSUPPORTED_TYPE))
        except LookupError:
            refused.append((operation, StatusCode.GONE))
        else:
            if limits.max_bytes is not None and _largest(command, limits) > limits.max_bytes:
                refused.append((operation, StatusCode.TOO_LARGE))
            else:
                queue.append((operation, command))
        cmd_id += size(operation)

    while not (fitting := _count_fitting(frame, queue, max_bytes, measure)) and queue:
        if _count_fitting(roomiest, queue[:1], max_bytes, measure):
            break
        operation, command = queue[0]
        if limits.in_parts and _is_divisible(command):
            planned = tuple(operation for operation, _ in queue[1:])
            total = object_bytes(command.items[0], octets=limits.octets)
            begun = pack_part(frame, Chunking(operation, total), max_bytes, measure, contents)
            return begun._replace(planned=planned, refused=tuple(refused))
        refused.append((queue.pop(0)[0], StatusCode.TOO_LARGE))

    message = replace(_filled(frame, queue[:fitting]), final=bool(fitting) or not queue)
    return Package(
        message,
        sent={command.cmd_id: operation for operation, command in queue[:fitting]},
        planned=tuple(operation for operation, _ in queue[fitting:]),
        refused=tuple(refused),
    )


def _without_correlators(command: AnyCommand) -> AnyCommand:
    """The command as the DTD of OMA DM 1.1.2 has it: that does not know the element."""
    if isinstance(command, Group):
        return replace(command, commands=tuple(map(_without_correlators, command.commands)))
    return replace(command, correlator="") if isinstance(command, Command) and command.correlator else command


def _laid_open(operations: Iterable[Operation], is_taken: Callable[[Operation], bool]) -> Iterator[Operation]:
    """The operations, with the nodes of each subtree that cannot go out as a whole in its place."""
    for operation in operations:
        if operation.tnds is None or operation.value is not None or is_taken(operation):
            yield operation
        else:
            yield from operation.members


def pack_part(
    frame: SyncML,
    chunking: Chunking,
    max_bytes: int | None,
    measure: Callable[[SyncML], int],
    contents: Contents = no_contents,
) -> Package:
    """``frame`` with the next part of an object, and nothing else; without the last part it is not the last message.

    Spec: OMA-TS-DM_Protocol-V1_2 7
    """
    operation = chunking.operation
    try:
        whole = command_for(operation, len(frame.commands) + 1, contents)
    except LookupError:
        return Package(frame, {}, (), refused=((operation, StatusCode.GONE),))

    def fits(command: Command) -> bool:
        return max_bytes is None or measure(_filled(replace(frame, final=True), [(operation, command)])) <= max_bytes

    part = chunk(whole, chunking, fits) if isinstance(whole, Command) else None
    if part is None:
        return Package(replace(frame, final=False), {}, (), chunking=chunking)
    command, taken = part
    finished = not command.items[0].more_data
    message = replace(_filled(frame, [(operation, command)]), final=finished)
    return Package(message, {command.cmd_id: operation}, (), chunking=None if finished else taken)


def _is_divisible(command: AnyCommand) -> TypeGuard[Command]:
    """Whether the one value of a command may go out in parts; those in a group may not."""
    return (
        isinstance(command, Command)
        and command.verb in ("Add", "Replace", "Exec")
        and isinstance(command.items[0].data, str | bytes)
    )


def _largest(command: AnyCommand, limits: Limits) -> int:
    """The size of the largest value in a command, or in those of a group."""
    if isinstance(command, Group):
        return max((_largest(member, limits) for member in command.commands), default=0)
    items = command.items if isinstance(command, Command) else ()
    return max((object_bytes(item, octets=limits.octets) for item in items), default=0)


def _renumbered(commands: Sequence[AnyCommand]) -> tuple[AnyCommand, ...]:
    """The same statuses and alerts under the CmdIDs 1, 2, 3 …"""
    return tuple(
        replace(command, cmd_id=str(number)) if isinstance(command, Status | Alert | Results) else command
        for number, command in enumerate(commands, start=1)
    )


def fill_in(message: SyncML, secrets: Mapping[str, str]) -> SyncML:
    """The message with ``{name}`` for a value replaced by the secret of that name; what names none is left alone."""
    values = {f"{{{name}}}": secret for name, secret in secrets.items()}

    def filled(command: AnyCommand) -> AnyCommand:
        if isinstance(command, Group):
            return replace(command, commands=tuple(map(filled, command.commands)))
        if not isinstance(command, Command):
            return command
        items = tuple(
            replace(item, data=values.get(item.data, item.data)) if isinstance(item.data, str) else item
            for item in command.items
        )
        return replace(command, items=items)

    return replace(message, commands=tuple(map(filled, message.commands)))


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
