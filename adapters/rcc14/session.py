"""What a proven client is answered: the version it is due, and whether it needs the document.

Pure: a device's RCC.14 state and a request in, the answer's shape and the next state out.

Spec: RCC.14 VERS (version and validity semantics)
"""

from __future__ import annotations

import enum
import zlib
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import msgspec

from adapters.rcc14.identity import token as tokens
from adapters.rcc14.messages import Request
from gateway.fleet.device import Rcc14State
from gateway.fleet.subscriber import ServiceState


class Kind(enum.StrEnum):
    """What sort of document goes out."""

    FULL = "full"
    UNCHANGED = "unchanged"
    DISABLED = "disabled"
    DORMANT = "dormant"
    RESET = "reset"


class Delivery(NamedTuple):
    """The answer's shape: VERS, whether the content goes with it, whether a TOKEN does; and the state that follows."""

    kind: Kind
    version: int
    validity_seconds: int
    issue_token: bool
    state: Rcc14State


class Terms(NamedTuple):
    """How long configurations and tokens are good for; ``jitter_percent`` spreads clients that started together."""

    validity_seconds: int
    jitter_percent: int
    token_seconds: int


_OFF = {
    ServiceState.DISABLED: (Kind.RESET, 0, 0),
    ServiceState.DISABLED_PERMANENTLY: (Kind.DISABLED, -1, -1),
    ServiceState.DISABLED_UNTIL_USER: (Kind.DISABLED, -2, -2),
}


def deliver(
    device_id: str,
    state: Rcc14State,
    request: Request,
    service: ServiceState,
    *,
    key: str,
    digest: Callable[[], bytes],
    terms: Terms,
    now: datetime,
) -> Delivery:
    """The answer to a client that has proven who it is.

    ``key`` names the inputs of the content the client is due; ``digest`` gives the content's own digest and is only
    called when the key is not the one on record. The state that comes back is the same object when nothing is to be
    saved.
    """
    if service in _OFF:
        kind, version, validity = _OFF[service]
        return Delivery(kind, version, validity, False, _noted(state, request, now))
    validity = validity_for(device_id, terms)
    if service is ServiceState.DORMANT:
        return Delivery(Kind.DORMANT, int(service), validity, False, _noted(state, request, now))

    if key != state.key:
        content = digest()
        if content == state.digest:
            state = msgspec.structs.replace(state, key=key)
        else:
            state = msgspec.structs.replace(state, key=key, digest=content, version=state.version + 1)
    if request.vers > state.version:
        # Clients ignore a version that is not higher than theirs: overtake what this one says it holds.
        state = msgspec.structs.replace(state, version=request.vers + 1)

    full = request.vers != state.version
    issue = full
    if tokens.is_due(state, now=now, life_seconds=terms.token_seconds):
        state = msgspec.structs.replace(state, token_serial=state.token_serial + 1, token_issued_at=now)
        issue = True
    if full and state.sent_version != state.version:
        state = msgspec.structs.replace(state, sent_version=state.version, sent_at=now)
    return Delivery(Kind.FULL if full else Kind.UNCHANGED, state.version, validity, issue, _noted(state, request, now))


def validity_for(device_id: str, terms: Terms) -> int:
    """Seconds to the next query, moved by a share of the jitter that is fixed for each device."""
    share = zlib.crc32(device_id.encode()) / 0xFFFFFFFF * 2 - 1
    return max(1, round(terms.validity_seconds * (1 + share * terms.jitter_percent / 100)))


def _noted(state: Rcc14State, request: Request, now: datetime) -> Rcc14State:
    """The state with what the client said of itself, unchanged if it said nothing new."""
    if request.vers == state.reported_version and request.about == state.parameters:
        return state
    return msgspec.structs.replace(state, reported_version=request.vers, reported_at=now, parameters=request.about)
