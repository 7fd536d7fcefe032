"""What a proven client is answered: the version it is due, and whether it needs the document.

Pure: a device's RCC.14 state and a request in, the answer's shape and the next state out.

Spec: RCC.14 VERS (version and validity semantics), TOKEN
"""

from __future__ import annotations

import enum
import zlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from adapters.rcc14.identity import token as tokens
from adapters.rcc14.messages import MAX_VERS, VERS_USER_DISABLED, Request
from gateway.fleet.activation import USER_ENABLED, parse_rcs_state, rcs_state
from gateway.fleet.device import Content, Rcc14State
from gateway.fleet.subscriber import ServiceState

MAX_WISHES = 4
"""How many clients of one device, or choices of applications, are told apart before the oldest is forgotten."""
REPEATED_WITHIN = timedelta(minutes=1)


class Kind(enum.StrEnum):
    """What sort of document goes out; only FULL has content in it."""

    FULL = "full"
    UNCHANGED = "unchanged"
    DISABLED = "disabled"
    DORMANT = "dormant"
    RESET = "reset"


class Delivery(msgspec.Struct, frozen=True):
    """The answer's shape, and the state that follows.

    ``version`` and ``validity_seconds`` are VERS. ``token_seconds`` is how long the TOKEN that goes with it is still
    good for, 0 when none goes. ``message`` names the MSG that goes with it, empty for none.
    """

    kind: Kind
    version: int
    validity_seconds: int
    token_seconds: int
    state: Rcc14State
    message: str = ""


class Terms(NamedTuple):
    """How long configurations and tokens are good for; ``jitter_percent`` spreads clients that started together.

    ``terms_of_use`` is the edition that users are asked to accept, empty for none.
    """

    validity_seconds: int
    jitter_percent: int
    token_seconds: int
    terms_of_use: str = ""


TERMS_OF_USE = "terms"
"""The name of the MSG that asks for acceptance; the others are named after the state they explain."""


_OFF = {
    ServiceState.DISABLED: (Kind.RESET, 0, 0),
    ServiceState.DISABLED_PERMANENTLY: (Kind.DISABLED, -1, -1),
    ServiceState.DISABLED_UNTIL_USER: (Kind.DISABLED, -2, -2),
}
"""Services that are off: the VERS that says so, version and validity."""


def deliver(
    device_id: str,
    state: Rcc14State,
    request: Request,
    service: ServiceState,
    *,
    wish: str,
    key: str,
    digest: Callable[[], bytes],
    terms: Terms,
    now: datetime,
    tells_to_wait: bool = False,
) -> Delivery:
    """The answer to a client that has proven who it is.

    ``wish`` names what the client is due something of, ``key`` the inputs of that content; ``digest`` gives the
    content's own digest and is only called when the key is not the one on record. ``tells_to_wait`` when the content
    has an application in it that waits for the user. The state that comes back is the same object when nothing is to
    be saved.
    """
    said_before, state = state, _note(state, request, wish, now)
    if service is ServiceState.DISABLED_UNTIL_USER and user_asks(said_before, request, wish, now):
        service, state = ServiceState.ACTIVE, woken(state)
    if service in _OFF:
        kind, version, validity = _OFF[service]
        if service is ServiceState.DISABLED_UNTIL_USER:
            state = _waits(state, wish, now)
        return Delivery(kind, version, validity, 0, state, service.name.lower())
    message = ""
    if service is ServiceState.DORMANT:
        kind, version = Kind.DORMANT, int(service)
    elif request.vers == VERS_USER_DISABLED:
        # Only what was sent before is named: a version without its content would later pass for held.
        kind, version = Kind.UNCHANGED, _held(state, wish) or 1
    else:
        kind, state = _advance(state, request, wish, key, digest, now)
        version = _held(state, wish)
        if kind is Kind.FULL and request.vers <= 0 and terms.terms_of_use not in ("", state.terms_accepted):
            message = TERMS_OF_USE
            if state.terms_sent != terms.terms_of_use:
                state = replace(state, terms_sent=terms.terms_of_use)
        if tells_to_wait and kind is Kind.FULL:
            state = _waits(state, wish, now)
    state, token_seconds = renew(device_id, state, request.token, kind, terms, now)
    return Delivery(kind, version, validity_for(device_id, terms), token_seconds, state, message)


def user_asks(state: Rcc14State, request: Request, wish: str, now: datetime, *, alone: bool = False) -> bool:
    """Whether the client's user asks for what was disabled until then; ``alone`` when that is one application.

    A client says -2 when its user has acted, or by ``rcs_state`` that its user has. Others ask for all anew, or go by
    a version that they kept: as they were told to wait and would not have asked by themselves, or would have said that
    they wait, it is their user who does. Of an application alone they were told in the version that they hold. The
    same request at once again is one whose answer was lost.

    Spec: RCC.14 VERS (-2), RCC.07 rcs_state, rcsDisabledState
    """
    said = parse_rcs_state(request.about.get("rcs_state", ""))
    if said == USER_ENABLED or (request.vers == int(ServiceState.DISABLED_UNTIL_USER) and not alone):
        return True
    if state.told_to_wait != wish or request.vers < 0 or _is_repeated(state, request, now):
        return False
    if said is None:
        return request.vers == 0
    return said == 0 or (said > 0 and (request.vers == 0 or (alone and request.vers == _held(state, wish))))


def woken(state: Rcc14State) -> Rcc14State:
    """The state of a device whose user has asked for what waited for that."""
    return state if state.woken else replace(state, woken=True)


def validity_for(device_id: str, terms: Terms) -> int:
    """Seconds to the next query, moved by a share of the jitter that is fixed for each device."""
    share = zlib.crc32(device_id.encode()) / 0xFFFFFFFF * 2 - 1
    return max(1, round(terms.validity_seconds * (1 + share * terms.jitter_percent / 100)))


def _waits(state: Rcc14State, wish: str, now: datetime) -> Rcc14State:
    """The state of a device that is told to wait for its user: whoever asks the same at once has not heard that."""
    return state if state.told_to_wait == wish else replace(state, told_to_wait=wish, reported_at=now)


def _held(state: Rcc14State, wish: str) -> int:
    """The version of what such a client was sent last; 0 when it was sent nothing."""
    content = state.contents.get(wish)
    return content.version if content else 0


def _is_repeated(state: Rcc14State, request: Request, now: datetime) -> bool:
    """Whether the client said just the same a moment ago."""
    if request.vers != state.reported_version or request.about != state.parameters or state.reported_at is None:
        return False
    return now - state.reported_at < REPEATED_WITHIN


def _note(state: Rcc14State, request: Request, wish: str, now: datetime) -> Rcc14State:
    """The state with what the client said of itself."""
    # What a client sends that nobody knows may be another thing each time: only a new name is worth a write.
    if (
        request.vers == state.reported_version
        and request.about == state.parameters
        and request.unknown.keys() == state.unknown.keys()
    ):
        return state
    state = replace(
        state,
        reported_version=request.vers,
        reported_at=now,
        parameters=request.about,
        unknown=request.unknown,
    )
    # Nothing tells that terms were accepted but that the client goes on with what came with them.
    said = rcs_state(state)
    goes_on = request.vers > 0 and request.vers == _held(state, wish) and (said is None or said > 0)
    return replace(state, terms_accepted=state.terms_sent) if goes_on else state


def _advance(
    state: Rcc14State, request: Request, wish: str, key: str, digest: Callable[[], bytes], now: datetime
) -> tuple[Kind, Rcc14State]:
    """Whether the client needs the content, and the state with the version of that content.

    A device may have several clients, each with a wish of its own: what changes for one changes no version of another.
    """
    held = state.contents.get(wish)
    content = held
    if content is None or content.key != key:
        content = Content(content.version if content else 0, digest(), key)
    if held is None or content.digest != held.digest or request.vers > held.version:
        # Clients ignore a version that is not higher than theirs, so what this one says it holds is overtaken too.
        # Past the highest version there is no way on: the content goes out under that one again.
        content = replace(content, version=min(max(request.vers, state.version) + 1, MAX_VERS))
        state = replace(state, version=content.version)
        kind = Kind.FULL
    else:
        kind = Kind.UNCHANGED if request.vers == content.version else Kind.FULL
    if content is not held:
        others = [(name, one) for name, one in state.contents.items() if name != wish]
        state = replace(state, contents=dict([*others, (wish, content)][-MAX_WISHES:]))
    if kind is Kind.FULL and state.sent_version != content.version:
        state = replace(state, sent_version=content.version, sent_at=now)
    return kind, state


def renew(
    device_id: str, state: Rcc14State, shown: str, kind: Kind, terms: Terms, now: datetime
) -> tuple[Rcc14State, int]:
    """The state with a new token if one is due, and how long the token that goes out is good for: 0 when none goes.

    One goes out when it is new, with every content, and to a client that does not show the newest: it may have dropped
    it, or never have got it.
    """
    if tokens.is_due(state, now=now, life_seconds=terms.token_seconds):
        state = replace(state, token_serial=state.token_serial + 1, token_issued_at=now)
    elif kind is not Kind.FULL and tokens.is_current(shown, device_id, state):
        return state, 0
    return state, tokens.remaining_seconds(state, now=now, life_seconds=terms.token_seconds)
