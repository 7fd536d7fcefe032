"""The commands of a device: what they tell, and the Status each gets.

Spec: OMA-TS-DM_RepPro-V1_2 (elements, alert codes); OMA-TS-DM_Protocol-V1_2 8 (packages)
"""

from __future__ import annotations

import base64
import enum
from collections.abc import Callable, Iterable, Iterator, Mapping

from adapters.omadm.messages import (
    OLDER_DTD,
    Alert,
    AnyCommand,
    Chal,
    Command,
    Group,
    Item,
    Meta,
    Results,
    Status,
    SyncHdr,
    SyncML,
    Unknown,
)
from gateway.fleet.alert import DeviceAlert
from gateway.fleet.mirror import Read
from gateway.fleet.offer import Offer
from gateway.status import StatusCode
from gateway.tree.format import Format

MAX_NODES = 10
"""Most nodes that one Get of a device is answered for."""

NO_CODES: Mapping[str, StatusCode] = {}
NO_META = Meta()

# Members of an enumeration are slow to name, and these are named for each node a device tells.
_NULL, _BIN, _B64 = Format.NULL, Format.BIN, Format.B64
_VALUELESS = frozenset((Format.NODE, Format.NULL))


class AlertCode(enum.IntEnum):
    """The alerts of OMA DM: the first five are a server's, the last but 1222 to 1225, which both may send, a device's.

    Spec: OMA-TS-DM_RepPro-V1_2 (alert codes)
    """

    DISPLAY = 1100
    CONFIRM = 1101
    TEXT_INPUT = 1102
    SINGLE_CHOICE = 1103
    MULTIPLE_CHOICE = 1104
    SERVER_INITIATED = 1200
    CLIENT_INITIATED = 1201
    NEXT_MESSAGE = 1222
    SESSION_ABORT = 1223
    CLIENT_EVENT = 1224
    NO_END_OF_DATA = 1225
    GENERIC = 1226


_ALERTS = frozenset(code for code in AlertCode if code >= AlertCode.SERVER_INITIATED)

# What a device may ask of a server: to take note of its DevInfo, and nothing else.
_CODES = {
    "Add": StatusCode.OK,
    "Replace": StatusCode.OK,
    "Copy": StatusCode.NOT_ALLOWED,
    "Delete": StatusCode.NOT_ALLOWED,
    "Exec": StatusCode.NOT_ALLOWED,
    "Get": StatusCode.NOT_ALLOWED,
    "Atomic": StatusCode.NOT_SUPPORTED,
    "Sequence": StatusCode.NOT_SUPPORTED,
}


def reads_of(message: SyncML) -> Iterator[Read]:
    """What the device reports of its tree unasked: DevInfo."""
    for command in message.commands:
        if isinstance(command, Command) and _CODES[command.verb] is StatusCode.OK:
            for item in command.items:
                if item.source or item.target:
                    yield read(item, command.meta)


def alerts_of(message: SyncML) -> Iterator[DeviceAlert]:
    """What the device alerts to, in order."""
    for alert in message.commands:
        if not isinstance(alert, Alert) or alert.code is None:
            continue
        for item in alert.items or (Item(),):
            meta = item.meta or NO_META
            yield DeviceAlert(
                code=alert.code,
                type=meta.type,
                format=meta.format,
                mark=meta.mark,
                source=item.source,
                target=item.target,
                data=_text(item, Format.parse(meta.format)),
                correlator=alert.correlator,
            )


def read(item: Item, shared: Meta | None, uri: str = "") -> Read:
    """One node as the device tells it; ``shared`` is the Meta of the command, ``uri`` stands in for a missing LocURI.

    Format b64 is how a message carries the value of a bin node. Of a value in chunks only the existence is told.

    Spec: OMA-TS-SyncML_MetaInfo-V1_2 (Format, Type)
    """
    own, shared = item.meta or NO_META, shared or NO_META
    carried = Format.parse(own.format or shared.format)
    said = _text(item, carried)
    place, type_ = item.source or item.target or uri, own.type or shared.type
    if carried not in _VALUELESS:
        return Read(place, _BIN if carried is _B64 else carried, type_, said)
    names = None if said is None or carried is _NULL else tuple(filter(None, said.strip().split("/")))
    return Read(place, carried, type_, children=names)


def results_for(message: SyncML, offer: Callable[[str], Offer]) -> tuple[dict[str, StatusCode], tuple[Results, ...]]:
    """The outcome of each Get of the device by CmdID, and what it is told: of one with several nodes all or nothing.

    Spec: OMA-TS-DM_RepPro-V1_2 6.6.7, 6.6.11
    """
    codes: dict[str, StatusCode] = {}
    results: list[Results] = []
    for command in message.commands:
        if not isinstance(command, Command) or command.verb != "Get":
            continue
        offers = [offer(item.target or item.source) for item in command.items[:MAX_NODES]]
        refused = next((one.status for one in offers if not one.status.is_success), None)
        if len(command.items) > MAX_NODES or not offers:
            refused = StatusCode.TOO_LARGE if offers else StatusCode.INCOMPLETE
        codes[command.cmd_id] = refused or StatusCode.OK
        if refused is None:
            items = tuple(_told(read) for one in offers for read in one.reads)
            results.append(Results("", str(message.header.msg_id), command.cmd_id, items))
    return codes, tuple(results)


def _told(read: Read) -> Item:
    if read.format == Format.NODE:
        return Item(source=read.uri, meta=Meta(format="node", type=read.type), data="/".join(read.children or ()))
    data = base64.b64decode(read.value or "") if read.format == Format.BIN else read.value or ""
    return Item(source=read.uri, meta=Meta(format=read.format), data=data)


def statuses_for(
    message: SyncML,
    header_code: StatusCode,
    chal: Chal | None = None,
    *,
    codes: Mapping[str, StatusCode] = NO_CODES,
    refuse_all: bool = False,
) -> tuple[Status, ...]:
    """The Status of the header, then one for each command that gets any, in the order of the commands.

    ``codes`` are outcomes by CmdID that are known already: of commands that brought a part of an object, of which even
    Results have a Status unless it is 200. With ``refuse_all`` every command gets the code of the header. NoResp only
    counts in OMA DM 1.1; in 1.2 it is passed over.

    Spec: OMA-TS-DM_Protocol-V1_2 8; OMA-TS-DM_RepPro-V1_2 6 (NoResp)
    """
    header = message.header
    msg_ref, knows_no_resp = str(header.msg_id), header.ver_dtd == OLDER_DTD
    statuses = [header_status(header, header_code, chal)]
    for command in message.commands:
        code = _code_for(command)
        if codes and not isinstance(command, Status) and command.cmd_id in codes:
            code = codes[command.cmd_id]
            code = None if isinstance(command, Results) and code == StatusCode.OK else code
        if code is not None and not (knows_no_resp and _wants_no_status(command)):
            said = header_code if refuse_all else code
            statuses.append(Status(str(len(statuses) + 1), msg_ref, command.cmd_id, _name(command), said))
    return tuple(statuses)


def header_status(header: SyncHdr, code: StatusCode, chal: Chal | None = None, offer: Iterable[str] = ()) -> Status:
    """The Status of a message's header, the first command of our reply. ``offer`` are versions to use instead."""
    return Status(
        cmd_id="1",
        msg_ref=str(header.msg_id),
        cmd_ref="0",
        cmd="SyncHdr",
        code=code,
        target_refs=(header.target,),
        source_refs=(header.source,),
        chal=chal,
        items=tuple(Item(data=version) for version in offer),
    )


def _code_for(command: AnyCommand) -> StatusCode | None:
    """The outcome of one of the device's commands; None for what gets no Status.

    Spec: OMA-TS-DM_Protocol-V1_2 8
    """
    if isinstance(command, Command | Group):
        return _CODES[command.verb]
    if isinstance(command, Alert):
        return StatusCode.OK if command.code in _ALERTS else StatusCode.NOT_SUPPORTED
    return StatusCode.NOT_IMPLEMENTED if isinstance(command, Unknown) else None


def _wants_no_status(command: AnyCommand) -> bool:
    return isinstance(command, Alert | Command | Group) and command.no_resp


def _name(command: AnyCommand) -> str:
    if isinstance(command, Command | Group):
        return command.verb
    return command.name if isinstance(command, Unknown) else type(command).__name__


def _text(item: Item, carried: Format) -> str | None:
    """The value of an item as text, ``bin`` as base64; None when it has none, only a part of it, or markup."""
    if item.more_data:
        return None
    data = item.data
    if isinstance(data, bytes):
        data = base64.b64encode(data).decode() if carried is _BIN else data.decode("utf-8", "replace")
    if not isinstance(data, str):
        return None
    return "".join(data.split()) if carried is _BIN or carried is _B64 else data
