"""Large objects: values in several messages, put together as they come and cut up as they go.

One object at a time goes each way. Its parts follow one another, and nothing else comes between them.

Spec: OMA-TS-DM_Protocol-V1_2 7 (large objects); OMA-TS-SyncML_MetaInfo-V1_2 (Size, MaxObjSize)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from adapters.omadm.messages import Alert, AnyCommand, Command, Group, Item, Meta, Results, Status, SyncML, Unknown
from gateway.fleet.operation import Operation
from gateway.status import StatusCode

MIN_CHUNK = 32
"""Fewer characters than this are not worth a message: the next one may have more room."""


class Assembly(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The parts of an object that have come so far, with what the first said of it; ``name`` is the command's.

    Text is kept as UTF-8. Of an object that was ``refused`` with a code nothing is kept, and its further parts are
    refused alike.
    """

    name: str
    cmd_ref: str
    source: str
    target: str
    format: str
    type: str
    mark: str
    data: bytes
    is_text: bool
    size: int | None = None
    refused: int = 0

    @property
    def place(self) -> Item:
        """The item as an Alert about it names it."""
        return Item(source=self.source, target=self.target)

    def item(self) -> Item:
        """The whole item."""
        meta = Meta(format=self.format, type=self.type, mark=self.mark)
        data = self.data.decode("utf-8", "replace") if self.is_text else self.data
        return Item(source=self.source, target=self.target, meta=meta, data=data)


class Assembled(NamedTuple):
    """A message with whole objects only: parts are out of it until the last has come.

    ``codes`` are the outcomes, by CmdID, of the commands that brought a part. ``broken`` is an object whose rest did
    not come.
    """

    message: SyncML
    assembly: Assembly | None
    codes: dict[str, StatusCode]
    broken: Item | None


class Chunking(msgspec.Struct, frozen=True, omit_defaults=True):
    """An object on its way to the device: ``offset`` characters, or octets, have been taken, ``size`` all told."""

    operation: Operation
    size: int
    offset: int = 0
    restarts: int = 0


def assemble(assembly: Assembly | None, message: SyncML, max_bytes: int) -> Assembled:
    """What a message holds when the parts of objects are put together, at most ``max_bytes`` for one.

    An object that outgrows that is dropped with 413, one that is not of its own Size with 424.

    Spec: OMA-TS-DM_Protocol-V1_2 7
    """
    if assembly is None and not _has_parts(message):
        return Assembled(message, None, {}, None)
    commands: list[AnyCommand] = []
    codes: dict[str, StatusCode] = {}
    broken = None
    for command in message.commands:
        if isinstance(command, Status | Group | Unknown) or (isinstance(command, Alert) and not _has_objects(command)):
            commands.append(command)
            continue
        items: list[Item] = []
        for item in command.items:
            if assembly is not None and not _continues(assembly, command, item):
                broken, assembly = assembly.place, None
            if assembly is None and not item.more_data:
                items.append(item)
                continue
            assembly, code = _take(assembly, command, item, max_bytes)
            codes[command.cmd_id] = code
            if assembly is not None and not item.more_data:
                if code == StatusCode.OK:
                    items.append(assembly.item())
                assembly = None
        if items:
            commands.append(replace(command, items=tuple(items)))
    return Assembled(replace(message, commands=tuple(commands)), assembly, codes, broken)


def object_bytes(item: Item, *, octets: bool) -> int:
    """The size of an item's data as it travels; ``octets`` where the message carries bare octets, else as base64.

    Spec: OMA-TS-SyncML_MetaInfo-V1_2 (Size)
    """
    data = item.data
    if isinstance(data, bytes):
        return len(data) if octets else (len(data) + 2) // 3 * 4
    return len(data.encode()) if isinstance(data, str) else 0


def chunk(command: Command, chunking: Chunking, fits: Callable[[Command], bool]) -> tuple[Command, Chunking] | None:
    """The largest next part of the command's one item that fits, and how far the object is then; None for no room.

    The last part has no MoreData. Base64 is cut between groups of four characters, octets between groups of three.
    """
    item = command.items[0]
    data = item.data
    if not isinstance(data, str | bytes):
        return None
    step = 3 if isinstance(data, bytes) else 4 if _is_base64(command, item) else 1
    rest = data[chunking.offset :]

    def part(length: int) -> Command:
        first = chunking.offset == 0
        meta = replace(item.meta or command.meta or Meta(), size=chunking.size if first else None)
        more = length < len(rest)
        return replace(command, items=(replace(item, meta=meta, data=rest[:length], more_data=more),))

    if fits(whole := part(len(rest))):
        return whole, replace(chunking, offset=len(data))
    low, high = 0, (len(rest) - 1) // step
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(part(middle * step)) else (low, middle - 1)
    if low * step < MIN_CHUNK:
        return None
    return part(low * step), replace(chunking, offset=chunking.offset + low * step)


def _is_base64(command: Command, item: Item) -> bool:
    meta = item.meta or command.meta
    return meta is not None and meta.format == "b64"


def _has_parts(message: SyncML) -> bool:
    for command in message.commands:
        if isinstance(command, (Command, Results, Alert)):
            for item in command.items:
                if item.more_data:
                    return True
    return False


def _has_objects(alert: Alert) -> bool:
    """An alert that asks for the next message, or the like, is no new object."""
    return alert.code in (1224, 1226) and bool(alert.items)


def _continues(assembly: Assembly, command: AnyCommand, item: Item) -> bool:
    if assembly.name != _name(command):
        return False
    if isinstance(command, Results) and command.cmd_ref != assembly.cmd_ref:
        return False
    return (item.source or item.target) in ("", assembly.source or assembly.target)


def _take(
    assembly: Assembly | None, command: Alert | Command | Results, item: Item, max_bytes: int
) -> tuple[Assembly, StatusCode]:
    """The object with one more part, and what becomes of that."""
    part = item.data.encode() if isinstance(item.data, str) else item.data if isinstance(item.data, bytes) else b""
    if assembly is None:
        shared = (None if isinstance(command, Alert) else command.meta) or Meta()
        own = item.meta or Meta()
        assembly = Assembly(
            name=_name(command),
            cmd_ref=command.cmd_ref if isinstance(command, Results) else "",
            source=item.source,
            target=item.target,
            format=own.format or shared.format,
            type=own.type or shared.type,
            mark=own.mark,
            data=part,
            is_text=not isinstance(item.data, bytes),
            size=shared.size if own.size is None else own.size,
        )
    elif assembly.refused:
        return assembly, StatusCode(assembly.refused)
    else:
        is_text = assembly.is_text and not isinstance(item.data, bytes)
        assembly = replace(assembly, data=assembly.data + part, is_text=is_text)
    length = len(assembly.data)
    if max(length, assembly.size or 0) > max_bytes:
        return replace(assembly, data=b"", refused=int(StatusCode.TOO_LARGE)), StatusCode.TOO_LARGE
    if item.more_data:
        return assembly, StatusCode.CHUNK_ACCEPTED
    if assembly.size is not None and assembly.size != length:
        return assembly, StatusCode.SIZE_MISMATCH
    return assembly, StatusCode.OK


def _name(command: AnyCommand) -> str:
    return command.verb if isinstance(command, Command) else type(command).__name__
