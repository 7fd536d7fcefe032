"""What two provisioning documents differ in, parameter by parameter: an old server's, and the one meant now.

Pure.

Spec: OMA-WAP-TS-ProvCont-V1_1 4; RCC.14 (XML document)
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from adapters.provisioning.document import Characteristic
from gateway.fleet.secret import is_secret

Kind = Literal["missing", "added", "changed", "order", "case", "version", "token"]
"""``missing`` is what only the old server has, ``added`` what only this one has. ``order`` is another order of the same
values, ``case`` a name in another case. ``version`` and ``token`` differ between any two servers."""

DIFFER_ANYWAY: tuple[Kind, ...] = ("version", "token")
HIDDEN = "(secret)"
_OF_THE_ANSWER: dict[str, Kind] = {"vers": "version", "token": "token"}
_NAMES = ("appid", "name")


class Difference(NamedTuple):
    """One parameter that differs. Several values of one place have blanks between them; secrets are not shown."""

    kind: Kind
    place: str
    theirs: str
    ours: str


class _Place(NamedTuple):
    name: str
    values: list[str]


def has_configuration(document: Characteristic) -> bool:
    """Whether it configures an application; an answer to a client that is up to date does not."""
    return any(one.type.upper() == "APPLICATION" for one in document.characteristics)


def compare_documents(theirs: Characteristic, ours: Characteristic) -> list[Difference]:
    """The parameters that differ, by place; how the documents are written does not count.

    An application is told by its AppID. Of others with the same place the values are compared together.
    """
    left, right = _places(theirs), _places(ours)
    found = []
    for key in sorted(left.keys() | right.keys()):
        old, new = left.get(key), right.get(key)
        kind = _kind(key, old, new)
        if kind is not None:
            place = old or new
            assert place is not None
            found.append(Difference(kind, place.name, _shown(old, kind), _shown(new, kind)))
    return found


def _kind(key: str, old: _Place | None, new: _Place | None) -> Kind | None:
    if old == new:
        return None
    of_the_answer = _OF_THE_ANSWER.get(key.partition("/")[0])
    if of_the_answer is not None and (old is None or new is None or old.values != new.values):
        return of_the_answer
    if new is None:
        return "missing"
    if old is None:
        return "added"
    if old.values == new.values:
        return "case"
    return "order" if sorted(old.values) == sorted(new.values) else "changed"


def _shown(place: _Place | None, kind: Kind) -> str:
    if place is None:
        return ""
    return HIDDEN if kind == "token" or is_secret(place.name) else " ".join(place.values)


def _places(document: Characteristic) -> dict[str, _Place]:
    """The values by place. With a stack of its own, for a document may be as deep as the reader allows."""
    found: dict[str, _Place] = {}
    stack = [(one, "") for one in reversed(document.characteristics)]
    while stack:
        node, above = stack.pop()
        own = f"{above}{node.type}"
        if node.type.upper() == "APPLICATION":
            named = {parm.name.lower(): parm.value for parm in node.parms}
            own += f" {next((named[name] for name in _NAMES if name in named), '')}"
        for name, value in node.parms:
            place = f"{own}/{name}"
            found.setdefault(place.casefold(), _Place(place, [])).values.append(value)
        stack += [(one, f"{own}/") for one in reversed(node.characteristics)]
    return found
