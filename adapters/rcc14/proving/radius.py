"""The operator's AAA server as authenticator: EAP in RADIUS, over UDP, from one server to the next.

A reply without a Message-Authenticator, or with a wrong one, is none. An exchange stays with the server that began it,
which alone knows its State.

Spec: RFC 2865, RFC 3579 (EAP), RFC 5080 2.2.1 (retransmission)
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from msgspec.structs import replace
from pyrad.client_async import ClientAsync
from pyrad.packet import AccessAccept, AccessChallenge, AccessReject, AuthPacket

from adapters.aka.packet import At, Code, Subtype, Type, decode_packet, unsized
from adapters.rcc14.identity.eap_aka import MAX_IDENTITY_BYTES, permanent_imsi
from adapters.rcc14.proving.authenticator import Turn
from gateway.errors import DecodeError, Unavailable
from gateway.observe import metrics
from gateway.observe.logs import logger

USER_NAME, STATE, NAS_IDENTIFIER, EAP_MESSAGE = 1, 24, 32, 79
MAX_VALUE_BYTES = 253
MAX_EAP_BYTES = 4096


class Server(NamedTuple):
    """One AAA server and the secret shared with it."""

    host: str
    port: int
    secret: bytes


class _Exchange(msgspec.Struct, frozen=True):
    """Where an exchange stands: which server has it and its State.

    ``name`` is the identity it began with, ``named`` the one that the client gave last: it may answer a request for its
    identity with another SIM's.
    """

    server: int
    state: bytes
    name: bytes
    named: bytes


_decode = msgspec.msgpack.Decoder(_Exchange).decode
_encode = msgspec.msgpack.Encoder().encode


class RadiusAaa:
    """An authenticator behind RADIUS. ``tries`` is how often one server is asked, ``seconds`` apart."""

    def __init__(self, servers: Sequence[Server], *, nas_identifier: str, tries: int, seconds: float) -> None:
        self._servers = tuple(servers)
        self._nas_identifier = nas_identifier.encode()
        self._clients = [
            ClientAsync(
                server=server.host, auth_port=server.port, secret=server.secret,
                retries=tries - 1, timeout=seconds, enforce_ma=True,
            )
            for server in servers
        ]  # fmt: skip
        self._preferred = 0

    async def start(self, identity: str, now: datetime) -> Turn:
        """Begin with the server that answered last, or else with the next ones."""
        name = identity.encode()
        if not 0 < len(name) <= MAX_IDENTITY_BYTES:
            raise DecodeError(f"an identity of {len(name)} octets")
        packet = bytes([Code.RESPONSE, 0]) + (5 + len(name)).to_bytes(2) + bytes([Type.IDENTITY]) + name
        count = len(self._servers)
        for index in [(self._preferred + step) % count for step in range(count)]:
            try:
                reply = await self._ask(index, name, packet, b"")
            except Unavailable as error:
                logger().warning("aaa_unreachable", server=self._servers[index].host, why=str(error))
                continue
            self._preferred = index
            return _turn(reply, _Exchange(index, b"", name, name))
        raise Unavailable("no AAA server answers")

    async def resume(self, state: bytes, packet: bytes, now: datetime) -> Turn:
        """Go on with the server that has the exchange."""
        exchange = _decode(state)
        decoded = decode_packet(packet)
        if decoded.code != Code.RESPONSE:
            raise DecodeError("not an EAP response")
        if decoded.type in (Type.AKA, Type.AKA_PRIME):
            if decoded.subtype == Subtype.IDENTITY:
                exchange = replace(exchange, named=unsized(decoded.get(At.IDENTITY) or bytes(2)))
            elif decoded.subtype == Subtype.SYNCHRONIZATION_FAILURE:
                metrics.count(metrics.eap_aka, "sync_failure")
        reply = await self._ask(exchange.server, exchange.name, packet, exchange.state)
        return _turn(reply, exchange)

    async def close(self) -> None:
        """Release the sockets."""
        for client in self._clients:
            await client.deinitialize_transports()

    async def _ask(self, index: int, name: bytes, packet: bytes, state: bytes) -> AuthPacket:
        with metrics.asking("aaa"):
            return await self._send(self._clients[index], name, packet, state)

    async def _send(self, client: ClientAsync, name: bytes, packet: bytes, state: bytes) -> AuthPacket:
        try:
            await client.initialize_transports(enable_auth=True)
            request = client.CreateAuthPacket()
            request[USER_NAME] = [name]
            request[NAS_IDENTIFIER] = [self._nas_identifier]
            request[EAP_MESSAGE] = [
                packet[start : start + MAX_VALUE_BYTES] for start in range(0, len(packet), MAX_VALUE_BYTES)
            ]
            if state:
                request[STATE] = [state]
            return await client.SendPacket(request)
        except (OSError, TimeoutError) as error:
            raise Unavailable(str(error) or "no reply") from None


def _turn(reply: AuthPacket, exchange: _Exchange) -> Turn:
    """What the server's reply says.

    Raises: Unavailable when it says nothing that can be passed on.
    """
    if reply.code == AccessReject:
        metrics.count(metrics.eap_aka, "reject")
        return Turn("rejected")
    if reply.code == AccessAccept:
        imsi = permanent_imsi(_value(reply, USER_NAME)) or permanent_imsi(exchange.named)
        metrics.count(metrics.eap_aka, "ok" if imsi else "backend_error")
        if not imsi:
            logger().warning("aaa_named_nobody", why="neither User-Name nor the client's last identity has the IMSI")
        return Turn("accepted", imsi=imsi) if imsi else Turn("failed")
    packet = _value(reply, EAP_MESSAGE)
    if reply.code != AccessChallenge or not 4 < len(packet) <= MAX_EAP_BYTES or packet[0] != Code.REQUEST:
        raise Unavailable("the AAA server's reply carries no EAP request")
    return Turn("continue", packet, _encode(replace(exchange, state=_value(reply, STATE))))


def _value(packet: AuthPacket, attribute: int) -> bytes:
    """All values of an attribute in a row: an EAP packet comes in pieces."""
    try:
        return b"".join(packet[attribute])
    except KeyError:
        return b""
