"""SyncML 1.2 messages as OMA DM uses them: plain values, no bytes and no behaviour.

``CmdID`` and references are kept as text (they are opaque and echoed); ``MsgID`` is a number. Text of ``Data`` is str;
octets that are not text (WBXML OPAQUE, Format bin) stay bytes. What the decoder does not know is kept as an element.

Spec: OMA-TS-DM_RepPro-V1_2 6; OMA-TS-SyncML_RepPro-V1_2 6
"""

from __future__ import annotations

from typing import Literal

import msgspec

from adapters.wbxml.element import AnyElement
from gateway.fleet.operation import Verb
from gateway.status import StatusCode

OLDER_DTD = "1.1"
"""The VerDTD of OMA DM 1.1.2."""

Data = str | bytes | tuple[AnyElement, ...] | None
"""Content of ``Data``: text, octets, inline markup (TNDS), or None when the element is absent."""


class Meta(msgspec.Struct, frozen=True, omit_defaults=True):
    """MetInf children. Empty text means absent; sizes are octets.

    Spec: OMA-TS-SyncML_MetaInfo-V1_2 5
    """

    format: str = ""
    type: str = ""
    size: int | None = None
    mark: str = ""
    next_nonce: str = ""
    max_msg_size: int | None = None
    max_obj_size: int | None = None
    extra: tuple[AnyElement, ...] = ()


class Cred(msgspec.Struct, frozen=True, omit_defaults=True):
    """Credentials of the sender: ``type`` is ``syncml:auth-basic`` or ``syncml:auth-md5``; ``data`` is base64 text."""

    type: str
    data: str
    format: str = "b64"


class Chal(msgspec.Struct, frozen=True, omit_defaults=True):
    """A challenge: the type the peer must use and, for digests, the base64 text of the next nonce."""

    type: str
    next_nonce: str = ""
    format: str = "b64"


class SyncHdr(msgspec.Struct, frozen=True, omit_defaults=True):
    """The message header. ``source``/``target`` are LocURIs; ``source_name`` is Source/LocName (the user name)."""

    session_id: str
    msg_id: int
    target: str
    source: str
    ver_dtd: str = "1.2"
    ver_proto: str = "DM/1.2"
    source_name: str = ""
    target_name: str = ""
    resp_uri: str = ""
    no_resp: bool = False
    cred: Cred | None = None
    meta: Meta | None = None


class Item(msgspec.Struct, frozen=True, omit_defaults=True):
    """One item of a command; LocURIs as received."""

    target: str = ""
    source: str = ""
    meta: Meta | None = None
    data: Data = None
    more_data: bool = False


class Status(msgspec.Struct, frozen=True, omit_defaults=True):
    """The peer's answer to one command; ``cmd_ref`` "0" is the SyncHdr."""

    cmd_id: str
    msg_ref: str
    cmd_ref: str
    cmd: str
    code: StatusCode
    target_refs: tuple[str, ...] = ()
    source_refs: tuple[str, ...] = ()
    cred: Cred | None = None
    chal: Chal | None = None
    items: tuple[Item, ...] = ()


class Results(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a Get returned."""

    cmd_id: str
    msg_ref: str
    cmd_ref: str
    items: tuple[Item, ...]
    meta: Meta | None = None
    target_ref: str = ""
    source_ref: str = ""


class Alert(msgspec.Struct, frozen=True, omit_defaults=True):
    """An alert; ``code`` is its Data as a number, None when absent or not a number."""

    cmd_id: str
    code: int | None
    items: tuple[Item, ...] = ()
    correlator: str = ""
    no_resp: bool = False


class Command(msgspec.Struct, frozen=True, omit_defaults=True):
    """Get, Add, Replace, Delete, Copy or Exec."""

    verb: Verb
    cmd_id: str
    items: tuple[Item, ...]
    meta: Meta | None = None
    correlator: str = ""
    no_resp: bool = False


class Group(msgspec.Struct, frozen=True, omit_defaults=True):
    """An Atomic or Sequence with its commands in order."""

    verb: Literal["Atomic", "Sequence"]
    cmd_id: str
    commands: tuple[AnyCommand, ...]
    meta: Meta | None = None
    no_resp: bool = False


class Unknown(msgspec.Struct, frozen=True):
    """A command the gateway does not handle (Put, Map, vendor elements), kept as it came."""

    name: str
    cmd_id: str
    element: AnyElement


AnyCommand = Status | Results | Alert | Command | Group | Unknown


class SyncML(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message: header, commands in order, and whether it is the last of its package."""

    header: SyncHdr
    commands: tuple[AnyCommand, ...] = ()
    final: bool = True
