"""OMA DM messages as octets: XML and WBXML differ only in how elements are written.

Elements may come in any order and leave in the order of the DTD. Text is trimmed everywhere but in the ``Data`` of an
item. Octets are ``bytes`` in a message whatever carries them: WBXML as OPAQUE under Format ``bin``; XML as base64 text
under Format ``b64``, which reads back as that text, for it is the reader who knows what a ``b64`` node holds.

Spec: OMA-TS-SyncML_RepPro-V1_2 5, 6; OMA-TS-DM_RepPro-V1_2 6
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeAlias, get_args

import msgspec

from adapters.omadm.elements import element_of
from adapters.omadm.messages import (
    Alert,
    AnyCommand,
    Chal,
    Command,
    Cred,
    Data,
    Group,
    Item,
    Meta,
    Results,
    Status,
    SyncHdr,
    SyncML,
    Unknown,
)
from adapters.omadm.shapes import Shapes, shape_of
from adapters.omadm.xml import decode_xml, decode_xml_in_steps, encode_xml
from adapters.wbxml.codec import DEFAULT_HEADER, Header
from adapters.wbxml.codec import decode as decode_wbxml
from adapters.wbxml.codec import decode_in_steps as decode_wbxml_in_steps
from adapters.wbxml.codec import encode as encode_wbxml
from adapters.wbxml.element import AnyElement, Stage
from gateway.errors import DecodeError, LimitExceeded
from gateway.fleet.operation import Verb
from gateway.status import StatusCode

MAX_COMMANDS = 500
MAX_ITEMS = 1000
MAX_GROUP_DEPTH = 4
MAX_URI_LENGTH = 2048
MAX_SESSION_ID_LENGTH = 16
MAX_MSG_ID = 2**31
MAX_DIGITS = 10

SHAPES = Shapes()
"""The shapes of headers that this process knows: of devices that have proved who they are."""

NEXT_MESSAGE, NEXT_MESSAGE_OF_OLD = 1222, 222
"""The alert that asks for the next message; some devices of OMA DM 1.1 have kept the number of data synchronisation."""

_Content: TypeAlias = str | bytes | list[AnyElement]
_Fields: TypeAlias = dict[str, _Content]

_VERBS: dict[str, Verb] = {verb: verb for verb in get_args(Verb)}
_GROUPS: dict[str, Literal["Atomic", "Sequence"]] = {"Atomic": "Atomic", "Sequence": "Sequence"}
_GROUP_FIELDS = frozenset({"CmdID", "NoResp", "Meta"})
_COMMON_LENGTH = 100
_STATUS_CODES = {str(int(code)): code for code in StatusCode}


class UnsupportedMediaType(DecodeError):
    """The Content-Type is none of SyncML's. Becomes HTTP 415."""


class Encoding(msgspec.Struct, frozen=True):
    """How one message travelled, and how its answer must.

    ``media_type`` is the peer's own word in lower case; ``header`` is the WBXML header to answer with, None for XML.
    Without ``namespaces`` an answer in XML declares none.
    """

    media_type: str
    wbxml: bool
    header: Header | None = None
    namespaces: bool = True


_ENCODINGS = {
    encoding.media_type: encoding
    for encoding in (
        Encoding("application/vnd.syncml.dm+xml", wbxml=False),
        Encoding("application/vnd.syncml.dm+wbxml", wbxml=True, header=DEFAULT_HEADER),
        Encoding("application/vnd.syncml+xml", wbxml=False),
        Encoding("application/vnd.syncml+wbxml", wbxml=True, header=DEFAULT_HEADER),
    )
}


def encoding_of(content_type: str) -> Encoding:
    """The encoding a Content-Type header names; parameters and case do not count.

    Raises: UnsupportedMediaType.
    """
    try:
        return _ENCODINGS[content_type.partition(";")[0].strip().lower()]
    except KeyError:
        raise UnsupportedMediaType(f"Content-Type {content_type[:80]!r} is not SyncML") from None


def decode(body: bytes, encoding: Encoding) -> tuple[SyncML, Encoding]:
    """The message, and the encoding its answer should have (the sender's style of WBXML header included).

    What a device leaves out that the gateway can do without is empty text: CmdID and references too, except that a
    Status of SyncHdr without CmdRef refers to "0".

    Raises: DecodeError; LimitExceeded for more than 500 commands in all, 1000 items in one, or a value over its width.
    """
    opened = open_message(body, encoding)
    return opened.read(), opened.encoding


def open_message(body: bytes, encoding: Encoding, shapes: Shapes = SHAPES) -> Opened:
    """The message with its header read, and nothing behind that looked at; ``shapes`` are those known of headers.

    Raises: as ``decode`` does.
    """
    return _opened_by_shape(body, encoding, shapes) or _opened_by_reading(body, encoding, shapes)


class Opened:
    """A message of which the rest is read when it is asked for. ``encoding`` is the one its answer should have.

    ``unread`` are octets that stand for all it says besides its header: where they are the same, it says the same. They
    are b"" when the header was not the first.
    """

    def __init__(
        self,
        header: SyncHdr,
        encoding: Encoding,
        unread: bytes,
        finish: Callable[[], AnyElement],
        learn: Callable[[bool], None] = lambda _: None,
    ) -> None:
        """``finish`` gives the root element as a whole, ``learn`` has the shape of the header known, if need be in the
        place of an older one.
        """
        self.header = header
        self.encoding = encoding
        self.unread = unread
        self._learn = learn
        self._finish = finish
        self._message: SyncML | None = None

    def learn(self, *, displace: bool = True) -> None:
        """Have headers like this one known; without ``displace`` only as long as there is room for one more."""
        self._learn(displace)

    @property
    def is_read(self) -> bool:
        """Whether somebody asked for the rest."""
        return self._message is not None

    def read(self) -> SyncML:
        """The whole message.

        Raises: as ``decode`` does.
        """
        if self._message is None:
            self._message = _message(self.header, self._finish(), in_wbxml=self.encoding.wbxml)
        return self._message


def _opened_by_reading(body: bytes, encoding: Encoding, shapes: Shapes) -> Opened:
    wbxml = None
    if encoding.wbxml:
        wbxml, stages = decode_wbxml_in_steps(body)
        encoding = Encoding(encoding.media_type, wbxml=True, header=wbxml)
    else:
        stages = decode_xml_in_steps(body)
    stage = next(stages)
    if stage.end and "SyncHdr" not in _root(stage.root):
        stage = next(stages)
    header = _sync_hdr(_required(_root(stage.root), "SyncHdr"))
    if not stage.end:
        return Opened(header, encoding, b"", lambda: stage.root)
    return Opened(
        header,
        encoding,
        stage.context + body[stage.end :],
        lambda: next(stages).root,
        functools.partial(_learn, shapes, body, stage, header, wbxml),
    )


def _learn(shapes: Shapes, body: bytes, stage: Stage, header: SyncHdr, wbxml: Header | None, displace: bool) -> None:
    if not (displace or shapes.has_room(wbxml is not None)):
        return
    shape = shape_of(body, stage, header, wbxml)
    found = shape and shape.fit(body)
    if shape and found and _with_texts(header, **found[0]) == header:
        shapes.add(shape)


def _opened_by_shape(body: bytes, encoding: Encoding, shapes: Shapes) -> Opened | None:
    """The message if its header has a shape that is known, and only such texts in it as every header may have."""
    found = shapes.find(body, encoding.wbxml)
    if found is None:
        return None
    shape, texts, end = found
    try:
        header = _with_texts(shape.header, **texts)
    except (DecodeError, LimitExceeded):  # to be told by who reads it
        return None
    if shape.wbxml is not None:
        encoding = Encoding(encoding.media_type, wbxml=True, header=shape.wbxml)
    unread = shape.stage.context + body[end:]
    return Opened(header, encoding, unread, lambda: _root_of(body, encoding))


def _root_of(body: bytes, encoding: Encoding) -> AnyElement:
    return decode_wbxml(body)[1] if encoding.wbxml else decode_xml(body)


def _with_texts(
    header: SyncHdr, *, session_id: str, msg_id: str, source: str, source_name: str = "", cred: str = ""
) -> SyncHdr:
    return msgspec.structs.replace(
        header,
        session_id=_session_id(session_id),
        msg_id=_msg_id(msg_id),
        source=_uri(source),
        source_name=source_name.strip(),
        cred=header.cred and msgspec.structs.replace(header.cred, data=_base64(cred)),
    )


def encode(message: SyncML, encoding: Encoding) -> bytes:
    """The octets of a message.

    Raises: ValueError for text that XML cannot carry.
    """
    root = element_of(message, encoding.wbxml)
    if encoding.wbxml:
        return encode_wbxml(root, encoding.header or DEFAULT_HEADER)
    return encode_xml(root, message.header.ver_dtd, namespaces=encoding.namespaces)


def _message(header: SyncHdr, root: AnyElement, in_wbxml: bool) -> SyncML:
    body = _required(_root(root), "SyncBody")
    commands = _commands(body if isinstance(body, list) else (), in_wbxml)
    if _count(commands) > MAX_COMMANDS:
        raise LimitExceeded(f"more than {MAX_COMMANDS} commands")
    return SyncML(header, commands, final="Final" in _fields(body))


def _root(root: AnyElement) -> _Fields:
    tag, content = root
    if tag != "SyncML":
        raise DecodeError(f"the root element is {tag[:40]!r}, not SyncML")
    return _fields(content)


def _sync_hdr(content: _Content) -> SyncHdr:
    fields = _fields(content)
    target = _fields(_required(fields, "Target"))
    source = _fields(_required(fields, "Source"))
    return SyncHdr(
        session_id=_session_id(_required(fields, "SessionID")),
        msg_id=_msg_id(_required(fields, "MsgID")),
        target=_uri(_required(target, "LocURI")),
        source=_uri(_required(source, "LocURI")),
        ver_dtd=_string(fields, "VerDTD") or "1.2",
        ver_proto=_string(fields, "VerProto") or "DM/1.2",
        source_name=_string(source, "LocName"),
        target_name=_string(target, "LocName"),
        resp_uri=_string(fields, "RespURI"),
        no_resp="NoResp" in fields,
        cred=_cred(fields),
        meta=_meta(fields),
    )


def _session_id(content: _Content) -> str:
    session_id = _text(content)
    if len(session_id) > MAX_SESSION_ID_LENGTH:
        raise LimitExceeded(f"a SessionID of more than {MAX_SESSION_ID_LENGTH} characters")
    return session_id


def _msg_id(content: _Content) -> int:
    msg_id = _integer(_text(content))
    if not 1 <= msg_id <= MAX_MSG_ID:
        raise LimitExceeded(f"MsgID {msg_id} is not between 1 and {MAX_MSG_ID}")
    return msg_id


def _commands(children: Iterable[AnyElement], in_wbxml: bool, depth: int = 0) -> tuple[AnyCommand, ...]:
    if depth > MAX_GROUP_DEPTH:
        raise LimitExceeded(f"commands nested more than {MAX_GROUP_DEPTH} deep")
    commands: list[AnyCommand] = []
    for tag, content in children:
        if tag == "Final":
            continue
        if reader := _READERS.get(tag):
            commands.append(reader(content, in_wbxml))
        elif verb := _VERBS.get(tag):
            commands.append(_command(verb, content, in_wbxml))
        elif group := _GROUPS.get(tag):
            commands.append(_group(group, content, in_wbxml, depth))
        else:
            fields = _fields(content) if isinstance(content, list) else {}
            commands.append(Unknown(tag, _string(fields, "CmdID"), (tag, content)))
    return tuple(commands)


def _count(commands: tuple[AnyCommand, ...]) -> int:
    return len(commands) + sum(_count(command.commands) for command in commands if isinstance(command, Group))


def _status(content: _Content, in_wbxml: bool) -> Status:
    fields = _fields(content)
    cmd = _string(fields, "Cmd")
    code = _text(_required(fields, "Data"))
    return Status(
        cmd_id=_string(fields, "CmdID"),
        msg_ref=_string(fields, "MsgRef"),
        cmd_ref=_string(fields, "CmdRef") or ("0" if cmd == "SyncHdr" else ""),
        cmd=cmd,
        code=_STATUS_CODES.get(code) or StatusCode(_integer(code)),
        target_refs=_uris(content, "TargetRef") if "TargetRef" in fields else (),
        source_refs=_uris(content, "SourceRef") if "SourceRef" in fields else (),
        cred=_cred(fields),
        chal=_chal(fields),
        items=_items(content, in_wbxml) if "Item" in fields else (),
    )


def _results(content: _Content, in_wbxml: bool) -> Results:
    fields = _fields(content)
    meta = _meta(fields)
    return Results(
        cmd_id=_string(fields, "CmdID"),
        msg_ref=_string(fields, "MsgRef"),
        cmd_ref=_string(fields, "CmdRef"),
        items=_items(content, in_wbxml, meta),
        meta=meta,
        target_ref=_uri(fields["TargetRef"]) if "TargetRef" in fields else "",
        source_ref=_uri(fields["SourceRef"]) if "SourceRef" in fields else "",
    )


def _alert(content: _Content, in_wbxml: bool) -> Alert:
    fields = _fields(content)
    code = _string(fields, "Data")
    number = int(code) if code.isascii() and code.isdigit() and len(code) <= MAX_DIGITS else None
    return Alert(
        cmd_id=_string(fields, "CmdID"),
        code=NEXT_MESSAGE if number == NEXT_MESSAGE_OF_OLD else number,
        items=_items(content, in_wbxml) if "Item" in fields else (),
        correlator=_string(fields, "Correlator"),
        no_resp="NoResp" in fields,
    )


def _command(verb: Verb, content: _Content, in_wbxml: bool) -> Command:
    fields = _fields(content)
    meta = _meta(fields)
    return Command(
        verb=verb,
        cmd_id=_string(fields, "CmdID"),
        items=_items(content, in_wbxml, meta),
        meta=meta,
        correlator=_string(fields, "Correlator"),
        no_resp="NoResp" in fields,
    )


def _group(verb: Literal["Atomic", "Sequence"], content: _Content, in_wbxml: bool, depth: int) -> Group:
    fields = _fields(content)
    members = [child for child in content if child[0] not in _GROUP_FIELDS] if isinstance(content, list) else []
    return Group(
        verb=verb,
        cmd_id=_string(fields, "CmdID"),
        commands=_commands(members, in_wbxml, depth + 1),
        meta=_meta(fields),
        no_resp="NoResp" in fields,
    )


_READERS: dict[str, Callable[[_Content, bool], AnyCommand]] = {"Status": _status, "Results": _results, "Alert": _alert}


def _items(content: _Content, in_wbxml: bool, inherited: Meta | None = None) -> tuple[Item, ...]:
    if not isinstance(content, list):
        return ()
    default = inherited.format if inherited else ""
    items = [_item(child, in_wbxml, default) for tag, child in content if tag == "Item"]
    if len(items) > MAX_ITEMS:
        raise LimitExceeded(f"more than {MAX_ITEMS} items in one command")
    return tuple(items)


def _item(content: _Content, in_wbxml: bool, default_format: str) -> Item:
    target = source = ""
    meta: Meta | None = None
    data: Data = None
    more_data = False
    for tag, inside in content if isinstance(content, list) else _fields(content).items():
        if tag == "Data":
            data = tuple(inside) if isinstance(inside, list) else inside
        elif tag == "Source":
            source = _locuri(inside)
        elif tag == "Meta":
            meta = _meta_of(inside)
        elif tag == "Target":
            target = _locuri(inside)
        elif tag == "MoreData":
            more_data = True
    # Octets that happen to be text come as text from WBXML, where nothing but Format tells them apart.
    if in_wbxml and isinstance(data, str) and ((meta and meta.format) or default_format) == "bin":
        data = data.encode()
    return Item(target, source, meta, data, more_data)


def _meta(fields: _Fields) -> Meta | None:
    return _meta_of(fields["Meta"]) if "Meta" in fields else None


def _meta_of(content: _Content) -> Meta:
    if len(content) == 2 and isinstance(content, list):
        (first, format_), (second, type_) = content
        if first == "Format" and second == "Type" and isinstance(format_, str) and isinstance(type_, str):
            common = len(format_) + len(type_) <= _COMMON_LENGTH
            return _common_meta(format_, type_) if common else Meta(format_.strip(), type_.strip())
    children = _fields(content)
    if "MetInf" in children:
        content = children["MetInf"]
        children = _fields(content)
    values: dict[str, Any] = {}
    for tag, inside in children.items():
        if tag in _META_READERS:
            name, reader = _META_READERS[tag]
            values[name] = reader(inside)
    return Meta(**values, extra=_extra(content) if len(values) != len(children) else ())


@functools.lru_cache(1000)
def _common_meta(format_: str, type_: str) -> Meta:
    """The Meta that nearly every item has: there are few of them, so each is made once."""
    return Meta(format_.strip(), type_.strip())


def _extra(content: _Content) -> tuple[AnyElement, ...]:
    return tuple(child for child in content if child[0] not in _META_READERS) if isinstance(content, list) else ()


def _cred(fields: _Fields) -> Cred | None:
    if "Cred" not in fields:
        return None
    children = _fields(fields["Cred"])
    meta = _meta(children) or Meta()
    return Cred(type=meta.type, data=_base64(children.get("Data", "")), format=meta.format or "b64")


def _chal(fields: _Fields) -> Chal | None:
    if "Chal" not in fields:
        return None
    meta = _meta(_fields(fields["Chal"])) or Meta()
    return Chal(type=meta.type, next_nonce=meta.next_nonce, format=meta.format or "b64")


def _fields(content: _Content) -> _Fields:
    """The children of an element by tag; of a repeated one the last."""
    if isinstance(content, list):
        return dict(content)
    if content.strip():
        raise DecodeError(f"{content[:40]!r} where elements belong")
    return {}


def _required(fields: _Fields, tag: str) -> _Content:
    try:
        return fields[tag]
    except KeyError:
        raise DecodeError(f"{tag} is missing") from None


def _text(content: _Content) -> str:
    if isinstance(content, str):
        return content.strip()
    raise DecodeError("elements or octets where text belongs")


def _string(fields: _Fields, tag: str) -> str:
    """The text of a child, "" when there is no such child."""
    content = fields.get(tag)
    if content is None:
        return ""
    return content.strip() if isinstance(content, str) else _text(content)


def _base64(content: _Content) -> str:
    """Base64 text without its line breaks; made here where WBXML carries the bare octets."""
    return base64.b64encode(content).decode() if isinstance(content, bytes) else "".join(_text(content).split())


def _size(content: _Content) -> int | None:
    text = _text(content)
    return _integer(text) if text else None


_META_READERS: dict[str, tuple[str, Callable[[_Content], Any]]] = {
    "Format": ("format", _text),
    "Type": ("type", _text),
    "Size": ("size", _size),
    "Mark": ("mark", _text),
    "NextNonce": ("next_nonce", _base64),
    "MaxMsgSize": ("max_msg_size", _size),
    "MaxObjSize": ("max_obj_size", _size),
}
"""The children of Meta that have a place of their own: the name of the place, and how the content is read."""


def _integer(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise DecodeError(f"{text[:40]!r} is not a number")
    if len(text) > MAX_DIGITS:
        raise LimitExceeded(f"a number of {len(text)} digits")
    return int(text)


def _uri(content: _Content) -> str:
    uri = content.strip() if isinstance(content, str) else _text(content)
    if len(uri) > MAX_URI_LENGTH:
        raise LimitExceeded(f"a URI of {len(uri)} characters, more than {MAX_URI_LENGTH}")
    return uri


def _uris(content: _Content, wanted: str) -> tuple[str, ...]:
    return tuple(_uri(child) for tag, child in content if tag == wanted) if isinstance(content, list) else ()


def _locuri(content: _Content) -> str:
    """The LocURI inside a Target or Source, "" when it has none."""
    if len(content) == 1 and isinstance(content, list) and content[0][0] == "LocURI":
        return _uri(content[0][1])
    fields = _fields(content)
    return _uri(fields["LocURI"]) if "LocURI" in fields else ""
