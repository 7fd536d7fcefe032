"""Where a device has its management objects: found by the identifier in the Type of their roots.

Pure. A device is asked when it has nothing where an object usually is: for the structure of its tree, or, where it
reads no subtrees, for the Type of each node below the root.

Spec: OMA-TS-DM_TND-V1_2 7.7 (Type); OMA-TS-DM_StdObj-V1_2 (identifiers)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace

from gateway.errors import TreeError
from gateway.fleet.abilities import LIST
from gateway.fleet.desired import DesiredMo
from gateway.fleet.device import OmaDmState
from gateway.fleet.mirror import Mirror, Outcome
from gateway.fleet.operation import Operation
from gateway.fleet.plan import is_given_up
from gateway.fleet.queue import PATIENCE, Patience
from gateway.tree.uri import Uri

STRUCTURE = Operation(id="d:structure", verb="Get", uri="./?list=Struct", origin="discover")
NAMES = Operation(id="d:names", verb="Get", uri=".", origin="discover")

MAX_NAMES = 50
"""Nodes below the root whose Type is asked for one by one."""


def searches(
    desired: Sequence[DesiredMo],
    mirror: Mirror,
    state: OmaDmState,
    now: datetime,
    patience: Patience = PATIENCE,
) -> tuple[Operation, ...]:
    """What to ask before an object is added where it usually is; nothing when all are there, or nothing was found."""
    if state.names_sought:
        return tuple(
            Operation(id=f"d:type:{name}", verb="Get", uri=f"./{name}?prop=Type", origin="discover", created_at=now)
            for name in state.names_sought
            if not is_given_up(mirror, f"./{name}", patience)
        )
    if state.roots_sought or is_given_up(mirror, ".", patience):
        return ()
    if not any(_is_absent(mirror, mo.root) for mo in desired):
        return ()
    return (NAMES if LIST in state.refused_verbs else STRUCTURE,)


def find(state: OmaDmState, outcome: Outcome, keys: Mapping[str, str]) -> OmaDmState:
    """The state with what this answer says of roots; ``keys`` are keys of MOs by identifier.

    An object that the device has more than once is left where it usually is.
    """
    operation = outcome.operation
    if operation.id == STRUCTURE.id:
        if not outcome.status.is_success:
            return replace(state, roots_sought=LIST not in state.refused_verbs)
        told = [(read.uri, read.type) for read in outcome.reads]
        return replace(state, roots_sought=True, roots=_found(state.roots, told, keys))
    if operation.id == NAMES.id:
        names = next((read.children for read in outcome.reads if read.children), ())
        return replace(state, roots_sought=True, names_sought=names[:MAX_NAMES])
    if operation.uri.endswith("?prop=Type") and state.names_sought:
        node = operation.uri.partition("?")[0]
        told = [(node, read.value or "") for read in outcome.reads]
        left = tuple(name for name in state.names_sought if f"./{name}" != node)
        return replace(state, names_sought=left, roots=_found(state.roots, told, keys))
    return state


def _found(roots: Mapping[str, str], told: Collection[tuple[str, str]], keys: Mapping[str, str]) -> dict[str, str]:
    places: dict[str, list[str]] = {}
    for uri, type_ in told:
        key = keys.get(type_.strip())
        if key is not None:
            places.setdefault(key, []).append(uri)
    return {**roots, **{key: spelt for key, uris in places.items() if len(uris) == 1 and (spelt := _spelt(uris[0]))}}


def _spelt(uri: str) -> str:
    try:
        return str(Uri.parse(uri))
    except TreeError:
        return ""


def _is_absent(mirror: Mirror, root: Uri) -> bool:
    fact = mirror.facts.get(str(root))
    return fact is not None and fact.removed
