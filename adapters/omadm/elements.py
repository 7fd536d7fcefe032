"""Messages as elements, in the order of the DTD; a header or a Status that has a form is filled in.

Spec: OMA-TS-SyncML_RepPro-V1_2 5, 6; OMA-TS-DM_RepPro-V1_2 6
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable
from itertools import compress
from typing import Any

import msgspec

from adapters.omadm.forms import SLOT, Form
from adapters.omadm.messages import (
    Alert,
    Chal,
    Command,
    Cred,
    Group,
    Item,
    Meta,
    Results,
    Status,
    SyncHdr,
    SyncML,
    Unknown,
)
from adapters.wbxml.element import AnyElement
from gateway.status import StatusCode


def element_of(message: SyncML, in_wbxml: bool) -> AnyElement:
    """The root element of the message, as it is to be written in that encoding."""
    body = [_WRITERS[type(command)](command, in_wbxml) for command in message.commands]
    if message.final:
        body.append(("Final", ""))
    header = message.header
    written = _filled_header(header, in_wbxml) or _sync_hdr_element(header, str(header.msg_id))
    return "SyncML", [written, ("SyncBody", body)]


def _sync_hdr_element(header: SyncHdr, msg_id: str) -> AnyElement:
    children: list[AnyElement] = [
        ("VerDTD", header.ver_dtd),
        ("VerProto", header.ver_proto),
        ("SessionID", header.session_id),
        ("MsgID", msg_id),
        ("Target", _place(header.target, header.target_name)),
        ("Source", _place(header.source, header.source_name)),
    ]
    if header.resp_uri:
        children.append(("RespURI", header.resp_uri))
    if header.no_resp:
        children.append(("NoResp", ""))
    if header.cred:
        children.append(_cred_element(header.cred))
    if header.meta:
        children.append(_meta_element(header.meta))
    return "SyncHdr", children


def _filled_header(header: SyncHdr, in_wbxml: bool) -> AnyElement | None:
    """The header by its form, if it has one and fits it."""
    meta, cred = header.meta, header.cred
    if meta is not None and meta.extra:
        return None
    names = bool(header.target_name), bool(header.source_name), bool(header.resp_uri)
    proof = cred and (cred.format, cred.type)
    form = _header_form(header.ver_dtd, header.ver_proto, names, header.no_resp, proof, meta)
    texts = (
        header.session_id, str(header.msg_id), header.target, header.target_name, header.source, header.source_name,
        header.resp_uri, cred.data if cred else "",
    )  # fmt: skip
    there = (True, True, True, names[0], True, names[1], names[2], cred is not None)
    return form.fill(tuple(compress(texts, there)), in_wbxml)


@functools.lru_cache(256)
def _header_form(
    ver_dtd: str,
    ver_proto: str,
    names: tuple[bool, bool, bool],
    no_resp: bool,
    proof: tuple[str, str] | None,
    meta: Meta | None,
) -> Form:
    target_name, source_name, resp_uri = (SLOT if name else "" for name in names)
    cred = Cred(proof[1], SLOT, proof[0]) if proof else None
    header = SyncHdr(
        SLOT, 0, SLOT, SLOT, ver_dtd, ver_proto, source_name, target_name, resp_uri, no_resp, cred, meta
    )  # fmt: skip
    return Form(_sync_hdr_element(header, SLOT))


def _status_element(status: Status, in_wbxml: bool) -> AnyElement:
    return _filled_status(status, in_wbxml) or _whole_status(status, in_wbxml)


def _filled_status(status: Status, in_wbxml: bool) -> AnyElement | None:
    """The Status by its form, if it has one and fits it."""
    if status.cred or status.items:
        return None
    challenge = status.chal
    proof = challenge and (challenge.format, challenge.type, bool(challenge.next_nonce))
    form = _status_form(status.code, len(status.target_refs), len(status.source_refs), proof)
    texts = (status.cmd_id, status.msg_ref, status.cmd_ref, status.cmd, *status.target_refs, *status.source_refs)
    if challenge and challenge.next_nonce:
        texts = (*texts, challenge.next_nonce)
    return form.fill(texts, in_wbxml)


@functools.lru_cache(1024)
def _status_form(code: StatusCode, targets: int, sources: int, proof: tuple[str, str, bool] | None) -> Form:
    challenge = Chal(proof[1], SLOT if proof[2] else "", proof[0]) if proof else None
    status = Status(SLOT, SLOT, SLOT, SLOT, code, (SLOT,) * targets, (SLOT,) * sources, chal=challenge)
    return Form(_whole_status(status, in_wbxml=False))


def _whole_status(status: Status, in_wbxml: bool) -> AnyElement:
    children: list[AnyElement] = [
        ("CmdID", status.cmd_id),
        ("MsgRef", status.msg_ref),
        ("CmdRef", status.cmd_ref),
        ("Cmd", status.cmd),
    ]
    for uri in status.target_refs:
        children.append(("TargetRef", uri))
    for uri in status.source_refs:
        children.append(("SourceRef", uri))
    if status.cred:
        children.append(_cred_element(status.cred))
    if status.chal:
        children.append(("Chal", [_proof_element(status.chal, status.chal.next_nonce)]))
    children.append(("Data", str(int(status.code))))
    if status.items:
        children += [_item_element(item, in_wbxml) for item in status.items]
    return "Status", children


def _results_element(results: Results, in_wbxml: bool) -> AnyElement:
    children: list[AnyElement] = [("CmdID", results.cmd_id)]
    if results.msg_ref:
        children.append(("MsgRef", results.msg_ref))
    children.append(("CmdRef", results.cmd_ref))
    if results.meta:
        children.append(_meta_element(results.meta))
    if results.target_ref:
        children.append(("TargetRef", results.target_ref))
    if results.source_ref:
        children.append(("SourceRef", results.source_ref))
    children += [_item_element(item, in_wbxml) for item in results.items]
    return "Results", children


def _alert_element(alert: Alert, in_wbxml: bool) -> AnyElement:
    children = _start(alert.cmd_id, alert.no_resp, None)
    if alert.code is not None:
        children.append(("Data", str(alert.code)))
    if alert.correlator:
        children.append(("Correlator", alert.correlator))
    children += [_item_element(item, in_wbxml) for item in alert.items]
    return "Alert", children


def _verb_element(command: Command, in_wbxml: bool) -> AnyElement:
    children = _start(command.cmd_id, command.no_resp, command.meta)
    if command.correlator:
        children.append(("Correlator", command.correlator))
    children += [_item_element(item, in_wbxml) for item in command.items]
    return command.verb, children


def _group_element(group: Group, in_wbxml: bool) -> AnyElement:
    children = _start(group.cmd_id, group.no_resp, group.meta)
    children += [_WRITERS[type(command)](command, in_wbxml) for command in group.commands]
    return group.verb, children


def _unknown_element(unknown: Unknown, _in_wbxml: bool) -> AnyElement:
    return unknown.element


_WRITERS: dict[type, Callable[[Any, bool], AnyElement]] = {
    Status: _status_element,
    Results: _results_element,
    Alert: _alert_element,
    Command: _verb_element,
    Group: _group_element,
    Unknown: _unknown_element,
}


def _start(cmd_id: str, no_resp: bool, meta: Meta | None) -> list[AnyElement]:
    """The children that every command but Status and Results begins with."""
    children: list[AnyElement] = [("CmdID", cmd_id)]
    if no_resp:
        children.append(("NoResp", ""))
    if meta:
        children.append(_meta_element(meta))
    return children


def _item_element(item: Item, in_wbxml: bool) -> AnyElement:
    children: list[AnyElement] = []
    meta, data = item.meta, item.data
    if isinstance(data, bytes) and not in_wbxml:
        meta = msgspec.structs.replace(meta or Meta(), format="b64")
        data = base64.b64encode(data).decode()
    if item.target:
        children.append(("Target", [("LocURI", item.target)]))
    if item.source:
        children.append(("Source", [("LocURI", item.source)]))
    if meta:
        children.append(_meta_element(meta))
    if data is not None:
        children.append(("Data", list(data) if isinstance(data, tuple) else data))
    if item.more_data:
        children.append(("MoreData", ""))
    return "Item", children


def _meta_element(meta: Meta) -> AnyElement:
    children: list[AnyElement] = []
    if meta.format:
        children.append(("Format", meta.format))
    if meta.type:
        children.append(("Type", meta.type))
    if meta.mark:
        children.append(("Mark", meta.mark))
    if meta.size is not None:
        children.append(("Size", str(meta.size)))
    if meta.next_nonce:
        children.append(("NextNonce", meta.next_nonce))
    if meta.max_msg_size is not None:
        children.append(("MaxMsgSize", str(meta.max_msg_size)))
    if meta.max_obj_size is not None:
        children.append(("MaxObjSize", str(meta.max_obj_size)))
    return "Meta", [*children, *meta.extra]


def _proof_element(proof: Cred | Chal, next_nonce: str = "") -> AnyElement:
    said: tuple[AnyElement, ...] = (("Format", proof.format), ("Type", proof.type), ("NextNonce", next_nonce))
    return "Meta", [element for element in said if element[1]]


def _cred_element(cred: Cred) -> AnyElement:
    return "Cred", [_proof_element(cred), ("Data", cred.data)]


def _place(uri: str, name: str) -> list[AnyElement]:
    return [("LocURI", uri), ("LocName", name)] if name else [("LocURI", uri)]
