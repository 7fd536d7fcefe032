"""An RCC.14 exchange for people: the request line, the headers that matter and the answer, with the secrets covered.

Spec: RCC.14 2.2, 2.3; TOKEN
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from urllib.parse import parse_qsl

from aiohttp import web

from adapters.rcc14.identity.enrichment import HeaderNames
from adapters.rcc14.messages import Whose
from gateway.fleet.awaited import Claims
from gateway.fleet.secret import is_secret
from gateway.serving.front import query_of
from gateway.store.protocol import Household, TraceEntry
from gateway.trace import Direction, ReadMessage, is_armed

PROTOCOL = "rcc14"
"""The name of this adapter's exchanges in a trace."""

MAX_SHOWN = 60
"""Parameters of a document that are shown, a line each."""

MAX_QUERY = 2000
"""Characters of a query in which an identity is looked for."""

_COVERED = rb"***"
_QUERY = re.compile(rb"(?i)([?&](?:token|otp|eap_?\w*|akatoken|code)=)[^&\s]*")
_VALUE = re.compile(rb'(?i)(<parm\s+name="([^"]*)"\s+value=")[^"]*')
_SHOWN_HEADERS = ("User-Agent", "Accept", "Accept-Language", "Content-Type", "Retry-After", "Location")
_PARM = re.compile(r'<(characteristic)\s+type="([^"]*)"|<parm\s+name="([^"]*)"\s+value="([^"]*)"|(</characteristic>)')


def about(household: Household, now: datetime, *, proven: bool = True) -> Whose:
    """The subscriber as the one an exchange is about, while the device is not known."""
    return Whose(household.subscriber.id, any(is_armed(device, now) for device in household.devices), proven)


def claims_of(request: web.BaseRequest, names: HeaderNames, address: str, owner: str) -> Claims:
    """Whom the query and the identity headers say that a request is from, believed or not."""
    said = {name.lower(): value for name, value in parse_qsl(query_of(request)[:MAX_QUERY])}
    imsis, msisdns, _, _ = names.sort(request.headers.items())
    return Claims(
        address=address,
        imei=said.get("imei", ""),
        imsi=next(iter(imsis.values()), "") or said.get("imsi", ""),
        msisdn=next(iter(msisdns.values()), "") or said.get("msisdn", ""),
        owner=owner,
    )


def record_request(method: str, target: str, headers: Mapping[str, str], identity_headers: Iterable[str]) -> bytes:
    """The request as a trace keeps it: its line and headers of interest, with tokens, codes and cookies covered."""
    shown = [name for name in (*_SHOWN_HEADERS, *identity_headers) if name in headers]
    lines = [f"{method} {target}", *(f"{name}: {headers[name]}" for name in shown)]
    if "Cookie" in headers:
        lines.append("Cookie: ***")
    return _QUERY.sub(rb"\1" + _COVERED, "\n".join(lines).encode("utf-8", "replace"))


def record_answer(status: int, headers: Mapping[str, str], document: bytes) -> bytes:
    """The answer as a trace keeps it, with cookie, token and passwords covered."""
    lines = [f"HTTP {status}", *(f"{name}: {headers[name]}" for name in _SHOWN_HEADERS if name in headers)]
    if "Set-Cookie" in headers:
        lines.append("Set-Cookie: ***")
    return "\n".join(lines).encode() + b"\n\n" + _VALUE.sub(_without_secret, document)


def _without_secret(parameter: re.Match[bytes]) -> bytes:
    name = parameter[2].decode("utf-8", "replace")
    return parameter[1] + _COVERED if is_secret(name) or name.lower() == "token" else parameter[0]


def read_exchanges(entries: Sequence[TraceEntry]) -> list[tuple[ReadMessage, ...]]:
    """The request and the answer of each exchange."""
    return [(_read("received", entry.request), _read("sent", entry.answer)) for entry in entries]


def _read(direction: Direction, octets: bytes) -> ReadMessage:
    raw = octets.decode("utf-8", "replace")
    head, _, document = raw.partition("\n\n")
    line, *says = head.split("\n")
    parameters = _parameters(document)
    says += parameters[:MAX_SHOWN]
    if len(parameters) > MAX_SHOWN:
        says.append(f"and {len(parameters) - MAX_SHOWN} more parameters")
    return ReadMessage(direction, line, tuple(says), raw)


def _parameters(document: str) -> list[str]:
    """The parameters of a provisioning document, each with the characteristics it stands in."""
    within: list[str] = []
    found = []
    for opened, kind, name, value, _closed in _PARM.findall(document):
        if opened:
            within.append(kind)
        elif name:
            found.append(f"{'/'.join([*within, name])} = {value}")
        elif within:
            within.pop()
    return found
