"""What is fuzzed: everything that reads octets of strangers. A target returns, or refuses with DecodeError; no more."""

from __future__ import annotations

import datetime
import io
from collections.abc import Callable

from msgspec.structs import replace

from adapters.aka.packet import Type, decode_packet, encode_packet, unsized
from adapters.detection.capture import Capture
from adapters.detection.map_add import decode_message, decode_transaction
from adapters.detection.sigtran import decode_m3ua, decode_sccp
from adapters.omadm import codec
from adapters.omadm.auth import Account, make_cred
from adapters.omadm.messages import SyncML
from adapters.omadm.notification import decode_notification
from adapters.omadm.session import Peer, receive, respond
from adapters.omadm.session_record import Session, decode_session, encode_session
from adapters.omadm.shapes import Shapes
from adapters.omadm.xml import decode_xml, encode_xml
from adapters.provisioning.document import parse_document
from adapters.provisioning.wbxml import decode_document, encode_document
from adapters.rcc14.identity.gba import digest_response, is_challenged_so, parse_credentials
from adapters.rcc14.messages import parse_request
from adapters.rcc14.proving.eap import decode_body, encode_body
from adapters.sms.pdu import decode_parts
from adapters.sms.wsp import decode_push
from adapters.wbxml import codec as wbxml
from gateway.errors import DecodeError
from gateway.fleet.detection import parse_line
from gateway.fleet.operation import Operation

NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
XML = codec.encoding_of("application/vnd.syncml.dm+xml")
WBXML = codec.encoding_of("application/vnd.syncml.dm+wbxml")
MAX_RELAYED_BYTES = 4096
SEPARATOR = b"\n\n"
"""Between the messages of a session in the fuzzer's octets."""

_CLIENT = Account("phone", "digest", b"nonce")
_PEER = Peer(server_uri="https://dm.example.net/omadm", client=_CLIENT, server=Account("gateway", "other", b"nonce"))
_WORK = tuple(
    Operation(id=str(number), verb=verb, uri=uri, format="chr", value=value, created_at=NOW)
    for number, (verb, uri, value) in enumerate(
        [("Get", "./A?list=StructData", None), ("Add", "./A/B", "b"), ("Replace", "./A/C", "c" * 700)]
    )
)


def read_wbxml(octets: bytes) -> None:
    """WBXML to elements; what was read can be written and read again, and is the same then."""
    header, root = wbxml.decode(octets)
    assert wbxml.decode(wbxml.encode(root, header))[1] == root


def read_xml(octets: bytes) -> None:
    """XML to elements; what was read can be written and read again, and is the same then."""
    root = decode_xml(octets)
    assert decode_xml(encode_xml(root)) == root


def read_syncml_xml(octets: bytes) -> None:
    """A SyncML message as XML, also by the shapes of those before."""
    _read_by_shape(octets, XML)
    _read_again(*codec.decode(octets, XML))


def read_syncml_wbxml(octets: bytes) -> None:
    """A SyncML message as WBXML, also by the shapes of those before."""
    _read_by_shape(octets, WBXML)
    _read_again(*codec.decode(octets, WBXML))


def read_provisioning(octets: bytes) -> None:
    """A wap-provisioningdoc as XML."""
    parse_document(octets)


def read_provisioning_wbxml(octets: bytes) -> None:
    """A wap-provisioningdoc as WBXML; what was read can be written and read again, and is the same then."""
    document = decode_document(octets)
    assert decode_document(encode_document(document)) == document


def read_short_message(octets: bytes) -> None:
    """The user data of a short message, the push in it, and the notification in that."""
    push = decode_push(decode_parts([octets]).payload)
    decode_notification(push.body)


def read_query(octets: bytes) -> None:
    """The query of an RCC.14 request, as aiohttp hands it over."""
    parse_request(octets.decode("utf-8", "surrogateescape"))


def read_eap(octets: bytes) -> None:
    """An EAP packet of a SIM's; what was read of AKA can be written and read again, and is the same then."""
    packet = decode_packet(octets)
    for _, value in packet.attributes:
        unsized(value)
    if packet.type in (Type.AKA, Type.AKA_PRIME):
        assert decode_packet(encode_packet(packet)) == packet


def read_eap_relay(octets: bytes) -> None:
    """The JSON that an EAP packet is relayed in; what was read can be written and read again, and is the same then."""
    packet = decode_body(octets)
    if len(packet) <= MAX_RELAYED_BYTES:
        assert decode_body(encode_body(packet)) == packet


def read_digest(octets: bytes) -> None:
    """An Authorization header with Digest credentials, as aiohttp hands it over."""
    credentials = parse_credentials(octets.decode("utf-8", "surrogateescape"))
    if is_challenged_so(credentials, "naf.example", "/?vers=0"):
        digest_response(credentials, "GET", "password")


def read_map(octets: bytes) -> None:
    """A MAP message inside TCAP."""
    decode_message(octets)


def read_sigtran(octets: bytes) -> None:
    """An M3UA message, what SCCP carries in it, and the MAP message in that."""
    sccp = decode_m3ua(octets)
    unit = decode_sccp(sccp) if sccp is not None else None
    if unit is not None:
        decode_transaction(unit.octets)


def read_capture(octets: bytes) -> None:
    """A capture of SIGTRAN traffic."""
    list(Capture(io.BytesIO(octets)))


def read_sighting(octets: bytes) -> None:
    """A line of a feed."""
    parse_line(octets)


def hold_session(octets: bytes) -> None:
    """A session with a phone that has proved who it is and then says whatever it likes, message after message."""
    session: Session | None = None
    for number, part in enumerate(octets.split(SEPARATOR)[:6]):
        try:
            message, _ = codec.decode(part, XML)
        except DecodeError:
            continue
        proven = replace(message, header=replace(message.header, cred=make_cred(_CLIENT)))
        received = receive(session, proven, _PEER, nonce=bytes([number]) * 16)
        work = _WORK if received.wants_work and number < 4 else ()
        reply = respond(received, work, _PEER, measure=_measure, now=NOW)
        codec.decode(codec.encode(reply.message, XML), XML)
        if reply.session is not None:
            session = reply.session
            assert decode_session(encode_session(session)) == session


def _measure(message: SyncML) -> int:
    return len(codec.encode(message, XML))


def _read_by_shape(octets: bytes, encoding: codec.Encoding) -> None:
    fresh, known = codec.open_message(octets, encoding, Shapes()), codec.open_message(octets, encoding)
    assert (known.header, known.unread, known.encoding) == (fresh.header, fresh.unread, fresh.encoding)
    assert known.read() == fresh.read()
    known.learn()
    again = codec.open_message(octets, encoding)
    assert (again.header, again.unread) == (fresh.header, fresh.unread)


def _read_again(message: SyncML, encoding: codec.Encoding) -> None:
    try:
        octets = codec.encode(message, encoding)
    except ValueError:  # text that only one of the two encodings can carry
        return
    codec.decode(octets, encoding)


TARGETS: dict[str, Callable[[bytes], None]] = {
    function.__name__: function
    for function in (
        read_wbxml,
        read_xml,
        read_syncml_xml,
        read_syncml_wbxml,
        read_provisioning,
        read_provisioning_wbxml,
        read_short_message,
        read_query,
        read_eap,
        read_eap_relay,
        read_digest,
        read_map,
        read_sigtran,
        read_capture,
        read_sighting,
        hold_session,
    )
}
