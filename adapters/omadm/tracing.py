"""An OMA DM exchange for people: its octets with the secrets covered, why the gateway answered so, and all of it read.

Spec: OMA-TS-DM_Security-V1_2 5.3 (credentials and nonces)
"""

from __future__ import annotations

import base64
import contextlib
import functools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from html import escape
from typing import NamedTuple

from aiohttp import web

from adapters.omadm.codec import Encoding, decode, encoding_of
from adapters.omadm.messages import AnyCommand, Command, Group, Item, Results, Status, SyncML
from adapters.omadm.session import Received, Reply, Turn
from adapters.omadm.tnds import TYPE, absorb_subtree
from adapters.omadm.xml import decode_xml
from adapters.syncml.readable import Conversation, Side, child, header, text
from adapters.wbxml.codec import decode as decode_wbxml
from gateway.errors import DecodeError
from gateway.fleet.awaited import Claims, imei_in
from gateway.fleet.secret import is_secret
from gateway.status import StatusCode
from gateway.store.protocol import TraceEntry
from gateway.trace import Direction, ReadMessage, Tracer

XML, WBXML = "omadm-xml", "omadm-wbxml"
"""The names of this adapter's exchanges in a trace."""

MAX_NAMED = 8
"""Operations that one decision names before only their number is told."""

_PROOFS = {
    Turn.CHALLENGE: "the device has not proved who it is: challenged",
    Turn.END: "the device has not proved who it is, and gets no further try",
    Turn.ABORT: "the message belongs to no session",
}
_ENDS = {
    Turn.ABORT: "broken off",
    Turn.END: "the session is over",
    Turn.NEXT_MESSAGE: "the device has more to say in this package",
}
_REASONS = {
    "diff": "to bring the device to what it shall hold",
    "queue": "that operators or jobs asked for",
    "discover": "to learn what the device holds",
}

_TEXT = re.compile(rb"(?<=>)[^<>]*(?=<)")


def protocol_of(encoding: Encoding) -> str:
    """What the exchange is called in a trace."""
    return WBXML if encoding.wbxml else XML


class Answered(NamedTuple):
    """How a message was answered, by the device it was taken for; ``outcome`` in a word."""

    octets: bytes
    device_id: str
    outcome: str
    proven: bool


def note_awaited(tracer: Tracer, now: datetime, request: web.BaseRequest, body: bytes, answered: Answered) -> None:
    """Keep the exchange for those who wait for such a phone; what cannot be read is kept without its octets."""
    protocol, source, asked, told = XML, "", b"", b""
    with contextlib.suppress(DecodeError):
        encoding = encoding_of(request.headers.get("Content-Type", ""))
        protocol, message = protocol_of(encoding), decode(body, encoding)[0]
        source, asked = message.header.source, cover(body, message)
        told = cover(answered.octets, decode(answered.octets, encoding)[0]) if answered.octets else b""
    taken_for = f"taken for {answered.device_id}" if answered.device_id else f"nobody is known as {source[:100]!r}"

    def entry(owner: str) -> TraceEntry:
        return TraceEntry(
            owner=owner,
            at=now,
            protocol=protocol,
            request=asked,
            answer=told,
            decisions=(taken_for, answered.outcome),
            proven=answered.proven,
        )

    claims = Claims(address=tracer.address_of(request), imei=imei_in(source), owner=answered.device_id)
    tracer.note_awaited(now, len(asked) + len(told), claims, entry, proven=answered.proven)


def cover(octets: bytes, message: SyncML, typed: Iterable[str] = ()) -> bytes:
    """The octets of the message with its credentials, nonces and secret values covered by as many asterisks.

    ``typed`` are secrets that users typed in. Empty when one of all these cannot be found in the octets, for it might
    be there in a spelling of its own.
    """
    for secret in {*_secrets(message), *typed}:
        covered = _cover(octets, secret)
        if covered == octets:
            return b""
        octets = covered
    return octets


def typed_in(received: Received) -> list[str]:
    """What users typed in that was not to be seen while they did."""
    waiting = received.session.outstanding.values() if received.session else ()
    told = [(sent.operation, sent.answers) for sent in waiting]
    told += [(one.operation, one.answers) for outcome in received.outcomes for one in outcome.steps()]
    return [
        answer
        for operation, answers in told
        if operation.prompt is not None and operation.prompt.password
        for answer in answers
        if answer not in ("accept", "reject")
    ]


def decisions(received: Received, reply: Reply) -> tuple[str, ...]:
    """What the gateway made of a message, in words: who it took the device for, what was answered, what goes out."""
    if not received.authenticated:
        return (_PROOFS.get(received.turn, "the device has not proved who it is"),)
    said = []
    if received.client_nonce is not None:
        said.append("credentials accepted, nonce renewed")
    refused = [one for one in received.outcomes if not one.status.is_success]
    said += [f"refused {one.operation.verb} {one.operation.uri}: {one.status}" for one in refused[:MAX_NAMED]]
    if done := len(received.outcomes) - len(refused[:MAX_NAMED]):
        said.append(f"{done} more answers" if refused else f"{done} done")
    said += [f"no answer to {one.verb} {one.uri}" for one in received.unanswered[:MAX_NAMED]]
    said += [f"{one.operation.verb} {one.operation.uri} cannot be sent: {one.status}" for one in reply.outcomes]
    counts = Counter(operation.origin for operation in reply.sent)
    said += [f"sends {count} {_REASONS.get(origin, origin)}" for origin, count in counts.items()]
    if received.turn in _ENDS:
        said.append(_ENDS[received.turn])
    elif not reply.sent:
        over = reply.session is None or reply.session.ended
        said.append(
            "nothing to send: the session is over" if over else "no room for commands: waits for the next message"
        )
    return tuple(said)


def is_failure(received: Received) -> bool:
    """Whether something went wrong that an operator would look into."""
    if not received.authenticated:
        return received.turn is not Turn.CHALLENGE or received.statuses[0].code == StatusCode.INVALID_CREDENTIALS
    return received.turn is Turn.ABORT or any(not outcome.status.is_success for outcome in received.outcomes)


def read_exchanges(entries: Sequence[TraceEntry]) -> list[tuple[ReadMessage, ...]]:
    """The messages of each exchange of one device, in order."""
    conversation, session_id = Conversation(absorb_subtree), ""
    exchanges = []
    for entry in entries:
        messages: list[ReadMessage] = []
        sides: tuple[tuple[Side, Direction, bytes], ...] = (
            ("device", "received", entry.request),
            ("server", "sent", entry.answer),
        )
        for side, direction, octets in sides:
            raw = octets.hex() if entry.protocol == WBXML else octets.decode("utf-8", "replace")
            try:
                root = decode_wbxml(octets)[1] if entry.protocol == WBXML else decode_xml(octets)
            except DecodeError as error:
                why = f"cannot be read: {error}" if octets else "not kept: a secret in it could not be covered"
                messages.append(ReadMessage(direction, why, (), raw))
                continue
            if (session := text(child(root, "SyncHdr"), "SessionID")) != session_id:
                conversation, session_id = Conversation(absorb_subtree), session
            line = f"{len(octets)} octets, {header(root)}"
            messages.append(ReadMessage(direction, line, tuple(conversation.read(root, side)), raw, session))
        exchanges.append(tuple(messages))
    return exchanges


def _secrets(message: SyncML) -> Iterator[str | bytes]:
    if message.header.cred is not None:
        yield message.header.cred.data
    if message.header.meta is not None and message.header.meta.next_nonce:
        yield message.header.meta.next_nonce
    yield from _secrets_of(message.commands)


def _secrets_of(commands: Iterable[AnyCommand]) -> Iterator[str | bytes]:
    for command in commands:
        if isinstance(command, Status):
            if command.cred is not None:
                yield command.cred.data
            if command.chal is not None and command.chal.next_nonce:
                yield command.chal.next_nonce
        elif isinstance(command, Group):
            yield from _secrets_of(command.commands)
        elif isinstance(command, Command | Results):
            for item in command.items:
                yield from _secrets_in(item)


def _secrets_in(item: Item) -> Iterator[str | bytes]:
    """A secret value; of a subtree those in it, or all of it where they do not stand in the message themselves."""
    data = item.data
    if is_secret(item.target or item.source) and isinstance(data, str | bytes) and data:
        yield data
    elif item.meta is not None and item.meta.type.startswith(TYPE) and data:
        nodes = absorb_subtree(data, item.target or item.source) or ()
        secrets = [node.value for node in nodes if node.value and is_secret(node.uri)]
        if isinstance(data, tuple):
            yield from secrets
        elif secrets or not nodes:
            yield data


def _cover(octets: bytes, secret: str | bytes) -> bytes:
    """The octets without the secret, which stands between tags, in an inline string or in opaque octets."""
    for form in _forms(secret):
        text, stars = form.decode("utf-8", "replace"), b"*" * len(form)
        for escaped in {escape(text, quote=quote).encode() for quote in (True, False)}:
            if escaped in octets:
                octets = _TEXT.sub(functools.partial(_starred, escaped, stars), octets)
        octets = octets.replace(b"\x03" + form + b"\x00", b"\x03" + stars + b"\x00")
        opaque = b"\xc3" + _length(len(form))
        octets = octets.replace(opaque + form, opaque + stars)
    return octets


def _starred(secret: bytes, stars: bytes, text: re.Match[bytes]) -> bytes:
    return text[0].replace(secret, stars) if text[0].strip() == secret.strip() else text[0]


def _forms(secret: str | bytes) -> Iterator[bytes]:
    """The octets that may stand for the secret in a message: as it is, and from or to base64."""
    if isinstance(secret, bytes):
        yield secret
        yield base64.b64encode(secret)
        return
    yield secret.encode()
    with contextlib.suppress(ValueError):
        if decoded := base64.b64decode(secret, validate=True):
            yield decoded


def _length(count: int) -> bytes:
    """A WBXML multi-byte integer."""
    groups = [count & 0x7F]
    while count := count >> 7:
        groups.append(count & 0x7F | 0x80)
    return bytes(reversed(groups))
