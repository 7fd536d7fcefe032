"""What a device says it can do, and what its refusals teach."""

import pytest

from gateway.fleet.abilities import ASKS, forgotten, is_known, learn, refusal
from gateway.fleet.device import Credential, OmaDmState
from gateway.fleet.mirror import Outcome, Read
from gateway.fleet.operation import Operation
from gateway.status import StatusCode
from gateway.tree.uri import NO_LIMITS, UriLimits

STATE = OmaDmState(loc_uri="IMEI:490154203237518", client=Credential(name="d", secret=b""))
SUBTREE = Operation(id="d:1", verb="Get", uri="./A?list=StructData")


def told(said: dict[str, str]) -> OmaDmState:
    """The state of a device that answered everything it was asked; 404 where it said nothing."""
    state = STATE
    assert not is_known(state)
    for ask in ASKS:
        value = said.get(ask.uri.rpartition("/")[2])
        reads = () if value is None else (Read(ask.uri, value=value),)
        state = learn(state, Outcome(ask, StatusCode(404 if value is None else 200), reads))
    assert is_known(state)
    return state


def test_a_device_says_its_limits() -> None:
    """MaxDepth, MaxTotLen, MaxSegLen and LrgObj are kept as told; 0, nonsense and silence bound nothing.

    Spec: OMA-TS-DM_StdObj-V1_2 5.2
    """
    state = told({"LrgObj": " True", "MaxDepth": "8", "MaxTotLen": " 127 ", "MaxSegLen": "32"})
    assert (state.large_objects, state.uri_limits) == (True, UriLimits(depth=8, total=127, segment=32))
    for said in ({}, {"LrgObj": "false", "MaxDepth": "0", "MaxTotLen": "many", "MaxSegLen": "-1"}):
        state = told(said)
        assert (state.large_objects, state.uri_limits) == (False, NO_LIMITS)


def test_limits_are_learnt_whoever_asked() -> None:
    """An operator's reading of DevDetail says the same as the gateway's own."""
    reads = (Read("DevDetail/URI/MaxDepth", value="4"), Read("./DevDetail/LrgObj", value="true"))
    state = learn(
        STATE, Outcome(Operation(id="q", verb="Get", uri="./DevDetail?list=StructData"), StatusCode.OK, reads)
    )
    assert (state.large_objects, state.uri_limits) == (True, UriLimits(depth=4))
    names = (Read("./DevDetail/URI/MaxDepth"), Read("./DevDetail/LrgObj", "bool"))
    assert learn(state, Outcome(Operation(id="q", verb="Get", uri="./?list=Struct"), StatusCode.OK, names)) is state


@pytest.mark.parametrize("status", [405, 406])
def test_a_device_that_reads_no_subtrees_is_known_for_it(status: int) -> None:
    """405 or 406 on ``?list=`` is learnt once; other refusals say nothing of the device."""
    state = learn(STATE, Outcome(SUBTREE, StatusCode(status)))
    assert state.refused_verbs == ("list",)
    assert learn(state, Outcome(SUBTREE, StatusCode(status))) is state
    assert learn(STATE, Outcome(SUBTREE, StatusCode(404))) is STATE
    assert refusal(SUBTREE, NO_LIMITS, state.refused_verbs) == 406
    assert refusal(Operation(id="q", verb="Get", uri="./A"), NO_LIMITS, state.refused_verbs) is None


@pytest.mark.parametrize(
    ("verb", "status", "lacking"),
    [
        ("Copy", 406, ("Copy",)),
        ("Atomic", 406, ("Atomic",)),
        ("Sequence", 406, ("Sequence",)),
        ("Copy", 405, ()),
        ("Copy", 500, ()),
        ("Exec", 406, ()),
        ("Replace", 406, ()),
    ],
)
def test_a_command_that_a_device_lacks_is_learnt(verb: str, status: int, lacking: tuple[str, ...]) -> None:
    """406 to an optional command says that the device has not got it; to any other it speaks of one node (RepPro 6.6).

    A group that holds such a command cannot be sent either.
    """
    operation = Operation(id="q", verb=verb, uri="./A")  # type: ignore[arg-type]
    state = learn(STATE, Outcome(operation, StatusCode(status)))
    assert state.refused_verbs == lacking
    group = Operation(id="g", verb="Sequence", members=(operation,))
    assert refusal(group, NO_LIMITS, state.refused_verbs) == (406 if lacking else None)
    assert forgotten(state).refused_verbs == ()


def test_a_uri_that_was_too_long_teaches_as_well() -> None:
    """After a 414 nothing is sent that is as deep and as long with as long a segment: that would be refused alike.

    Spec: OMA-TS-DM_RepPro-V1_2 (414)
    """
    operation = Operation(id="q", verb="Add", uri="./Vendor/Settings/Volume")
    state = learn(STATE, Outcome(operation, StatusCode.URI_TOO_LONG))
    assert state.uri_limits is not None
    assert learn(state, Outcome(operation, StatusCode.URI_TOO_LONG)) is state
    refused = ["./Vendor/Settings/Volume", "./Vendor/Settings/Volumes", "./Vendor/A/B/Settings/Volume"]
    for uri in (*refused, "./Vendor/Settings", "./VendorVendor/Settings"):
        status = refusal(Operation(id="r", verb="Get", uri=uri), state.uri_limits, ())
        assert (uri, status) == (uri, 414 if uri in refused else None)
    copy = Operation(id="c", verb="Copy", uri="./A", source=refused[0])
    assert refusal(copy, state.uri_limits, ()) == 414
