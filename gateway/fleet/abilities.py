"""What one OMA DM device can and cannot do: asked once, learnt from its refusals, and obeyed from then on.

Pure.

Spec: OMA-TS-DM_StdObj-V1_2 5.2 (DevDetail); OMA-TS-DM_RepPro-V1_2 6.6 (406)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec.structs import replace

from gateway.fleet.device import OmaDmState
from gateway.fleet.mirror import Mirror, Outcome
from gateway.fleet.operation import Operation
from gateway.status import StatusCode
from gateway.tree.uri import NO_LIMITS, UriLimits

LIST = "list"
"""Stands in ``OmaDmState.refused_verbs`` for a Get of a whole subtree (``?list=…``)."""

TNDS = "TNDS"
"""Stands there for an Add of a whole subtree."""

TNDS_REPLACE = "TNDS-Replace"
"""Stands there for a Replace of a whole subtree."""

_OPTIONAL = ("Copy", "Atomic", "Sequence")
"""Commands that a device may lack altogether. 406 to any other says something of one node only."""

LEARNT = (*_OPTIONAL, LIST, TNDS, TNDS_REPLACE)
"""All that can stand there."""

_LARGE_OBJECTS = "./DevDetail/LrgObj"
_LIMITS = {
    "./DevDetail/URI/MaxDepth": "depth",
    "./DevDetail/URI/MaxTotLen": "total",
    "./DevDetail/URI/MaxSegLen": "segment",
}

_PARTS = "LrgObj"

ASSUMED_OCTETS = 512
"""So much goes into one message of any device; of what is larger it has to be known whether it may come in parts."""

ASKS = tuple(
    Operation(id=f"d:{uri.rpartition('/')[2]}", verb="Get", uri=uri, origin="discover")
    for uri in (_LARGE_OBJECTS, *_LIMITS)
)
"""What a device is asked before anything is written to it."""

_DEVINFO = tuple(
    Operation(id=f"d:{name}", verb="Get", uri=f"./DevInfo/{name}", origin="discover")
    for name in ("DevId", "Man", "Mod", "DmV", "Lang")
)


def left_out(mirror: Mirror) -> tuple[Operation, ...]:
    """What to ask a device that said of itself less than it has to.

    Spec: OMA-TS-DM_StdObj-V1_2 5.1 (DevInfo)
    """
    return tuple(ask for ask in _DEVINFO if ask.uri not in mirror.facts)


def is_known(state: OmaDmState) -> bool:
    """Whether the device was asked already."""
    return state.large_objects is not None and state.uri_limits is not None


def limits_told(state: OmaDmState | None) -> tuple[str, ...]:
    """What the device has said of its limits, a text for each: ``MaxDepth=8``, ``LrgObj=true``."""
    if state is None or not is_known(state):
        return ()
    bounds = [f"{uri.rpartition('/')[2]}={getattr(state.uri_limits, name)}" for uri, name in _LIMITS.items()]
    return (f"{_PARTS}={'true' if state.large_objects else 'false'}", *bounds)


def is_limit(finding: str) -> bool:
    """Whether that is something that ``limits_told`` gives."""
    return "=" in finding


def with_limits(state: OmaDmState, told: Collection[str]) -> OmaDmState:
    """The state of a device that has not said its limits as if the tightest of those were its own.

    It is the same state where one of the limits is missing.
    """
    found: dict[str, set[str]] = {}
    for name, _, value in (one.partition("=") for one in told if is_limit(one)):
        found.setdefault(name, set()).add(value)
    names = {name: uri.rpartition("/")[2] for uri, name in _LIMITS.items()}
    if is_known(state) or not found.keys() >= {_PARTS, *names.values()}:
        return state
    bounds = {name: min(map(int, found[leaf] - {"0"}), default=0) for name, leaf in names.items()}
    refused = state.uri_limits.refused if state.uri_limits else None
    limits = UriLimits(**bounds, refused=refused)
    return replace(state, large_objects="false" not in found[_PARTS], uri_limits=limits)


def are_exceeded(state: OmaDmState, operations: Iterable[Operation]) -> bool:
    """Whether one of the operations is beyond the limits of the state, or could be."""
    limits = state.uri_limits or NO_LIMITS
    return any(
        refusal(one, limits, ()) is not None
        or (not state.large_objects and any(len(each.value or "") > ASSUMED_OCTETS for each in (one, *one.members)))
        for one in operations
    )


def learn(state: OmaDmState, outcome: Outcome) -> OmaDmState:
    """The state with what this answer says about the device's abilities, or the same state."""
    operation, status = outcome.operation, outcome.status
    for member in outcome.members:
        state = learn(state, member)
    if status == StatusCode.URI_TOO_LONG:
        limits = (state.uri_limits or NO_LIMITS).without(operation.uri)
        return state if limits == state.uri_limits else replace(state, uri_limits=limits)
    if operation.verb == "Get":
        state = _learn_from_reading(state, outcome)
    lacking = ""
    if operation.tnds is not None:
        refused = not (status.is_success or status.is_passing or status == StatusCode.ALREADY_EXISTS)
        # Of one that somebody wrote more can be wrong than that it is a subtree.
        blamed = operation.value is None or status in (StatusCode.UNSUPPORTED_TYPE, StatusCode.NOT_SUPPORTED)
        lacking = subtree_ability(operation) if refused and blamed else ""
    elif operation.verb == "Get" and "?list=" in operation.uri:
        lacking = LIST if status in (StatusCode.NOT_ALLOWED, StatusCode.NOT_SUPPORTED) else ""
    elif operation.verb in _OPTIONAL and status == StatusCode.NOT_SUPPORTED:
        lacking = operation.verb
    if not lacking or lacking in state.refused_verbs:
        return state
    return replace(state, refused_verbs=(*state.refused_verbs, lacking))


def refusal(operation: Operation, limits: UriLimits, lacks: Collection[str]) -> StatusCode | None:
    """With what an operation is refused in place of the device, which would do so: None when it can be sent."""
    if operation.verb in lacks or (LIST in lacks and operation.verb == "Get" and "?list=" in operation.uri):
        return StatusCode.NOT_SUPPORTED
    if operation.tnds is not None and subtree_ability(operation) in lacks:
        return StatusCode.NOT_SUPPORTED
    if limits != NO_LIMITS and (limits.breach(operation.uri) or (operation.source and limits.breach(operation.source))):
        return StatusCode.URI_TOO_LONG
    refusals = (refusal(member, limits, lacks) for member in operation.members)
    return next((status for status in refusals if status is not None), None)


def subtree_ability(operation: Operation) -> str:
    """What a device that refuses this command of a whole subtree lacks."""
    return TNDS_REPLACE if operation.verb == "Replace" else TNDS


def forgotten(state: OmaDmState) -> OmaDmState:
    """The state of a device that is another now, by what it says of itself: it may have learnt something."""
    return replace(
        state,
        refused_verbs=(),
        large_objects=None,
        uri_limits=None,
        serializes=False,
        roots_sought=False,
        names_sought=(),
    )


def _learn_from_reading(state: OmaDmState, outcome: Outcome) -> OmaDmState:
    """The state after the device said one of its limits, or that it has no such leaf; whoever asked."""
    uri = outcome.operation.uri
    asked = uri == _LARGE_OBJECTS or uri in _LIMITS
    told = [(f"./{read.uri.removeprefix('./')}", read.value) for read in outcome.reads]
    said = {node: text for node, text in told if text is not None}
    if asked:
        said.setdefault(uri, "")
    if "?list=TNDS" in uri and len(outcome.reads) > 1 and not state.serializes:
        # More than one node is only told where the serialized subtree could be read.
        state = replace(state, serializes=True)
    limits = state.uri_limits or NO_LIMITS
    for node, text in said.items():
        if node == _LARGE_OBJECTS:
            state = replace(state, large_objects=text.strip().lower() == "true")
        elif node in _LIMITS:
            number = int(text) if text.strip().isdecimal() and len(text) <= 6 else 0
            limits = replace(limits, **{_LIMITS[node]: number})
            state = replace(state, uri_limits=limits)
    return state
