"""Whole subtrees in one Add: what goes together, and what the answer says of each node."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.fleet.abilities import TNDS, TNDS_REPLACE, forgotten, learn, refusal
from gateway.fleet.desired import DesiredMo
from gateway.fleet.device import Credential, OmaDmState
from gateway.fleet.mirror import Mirror, Outcome, Read
from gateway.fleet.operation import Operation
from gateway.fleet.plan import plan
from gateway.fleet.subtrees import gathered, outcome_of, replaced
from gateway.mo.definition import Definition
from gateway.service import record_outcomes
from gateway.status import StatusCode
from gateway.tree.format import Format
from gateway.tree.uri import NO_LIMITS, Uri

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STATE = OmaDmState(loc_uri="IMEI:490154203237518", client=Credential(name="d", secret=b""))
MOI = "urn:oma:mo:ext-3gpp-ims:1.0"
ENTRY = Definition("", (Format.NODE,), children=(Definition("Address", (Format.CHR,)),))
IMS = Definition("", (Format.NODE,), children=(Definition("PCSCF", (Format.NODE,), children=(ENTRY,)),))
MO = DesiredMo(MOI, Uri.parse("./Vendor/IMS"), IMS, {"Domain": "example.net", "PCSCF/1/Address": "a.example.net"})
ABSENT = Mirror(device_id="s.1").acknowledged(
    [(Operation(id="g", verb="Get", uri=uri), 404) for uri in ("./Vendor", "./Vendor/IMS")], NOW
)
NODES = [
    "./Vendor", "./Vendor/IMS", "./Vendor/IMS/Domain", "./Vendor/IMS/PCSCF", "./Vendor/IMS/PCSCF/1",
    "./Vendor/IMS/PCSCF/1/Address",
]  # fmt: skip


def planned(mirror: Mirror) -> tuple[Operation, ...]:
    return plan([MO], mirror, STATE, (), NOW)


def whole(mirror: Mirror) -> Operation:
    (one,) = gathered(planned(mirror), mirror, "xml")
    return one


def after(mirror: Mirror, status: int) -> Mirror:
    """The mirror after everything that is planned went out as one Add, which was answered so."""
    add = whole(mirror)
    return record_outcomes(mirror.sent([add], NOW), [outcome_of(add, StatusCode(status))], NOW)


def test_all_that_is_added_below_an_added_node_goes_with_it() -> None:
    """One Add has the topmost node that is lacking for its root; the same nodes make the same operation."""
    add = whole(ABSENT)
    assert (add.verb, add.uri, add.format, add.tnds, add.origin) == ("Add", "./Vendor", "node", "xml", "diff")
    assert [member.uri for member in add.members] == NODES
    assert add.id == whole(ABSENT).id
    assert {member.id for member in add.members}.isdisjoint({add.id})


def test_what_changes_what_is_there_stays_alone() -> None:
    """Replace, Delete, Get, a leaf beside others and operators' own operations are left as they are, in their order."""
    others = (
        Operation(id="q", verb="Add", uri="./Q", format="node", origin="queue"),
        Operation(id="r", verb="Add", uri="./Q/A", value="1", origin="queue"),
        Operation(id="1", verb="Replace", uri="./A/B", value="1", origin="diff"),
        Operation(id="2", verb="Add", uri="./A/C", value="1", origin="diff"),
        Operation(id="3", verb="Add", uri="./A/D", format="node", origin="diff"),
        Operation(id="4", verb="Delete", uri="./A/E", origin="diff"),
    )
    assert gathered(others, ABSENT, "xml") == others
    beside = (
        *(
            Operation(id=f"{uri}", verb="Add", uri=uri, format="node", origin="diff")
            for uri in ("./A", "./A/B", "./AB")
        ),
        Operation(id="v", verb="Add", uri="./AB/C", value="1", origin="diff"),
    )
    assert [[member.uri for member in add.members] for add in gathered(beside, ABSENT, "xml")] == [
        ["./A", "./A/B"],
        ["./AB", "./AB/C"],
    ]


def test_success_is_that_of_every_node() -> None:
    """After 200 each node counts as acknowledged with its own value, and nothing is left to do.

    Spec: OMA-TS-DM_RepPro-V1_2 6.6.1
    """
    mirror = after(ABSENT, 200)
    assert [(mirror.facts[uri].status, mirror.facts[uri].exists) for uri in NODES] == [(200, True)] * len(NODES)
    assert mirror.facts["./Vendor/IMS"].type == MOI
    assert mirror.facts["./Vendor/IMS/Domain"].effective == "example.net"
    assert planned(mirror) == ()


@pytest.mark.parametrize("status", [400, 404, 405, 406, 413, 415, 424, 425, 500, 501])
def test_a_refusal_makes_the_device_one_that_takes_no_subtrees(status: int) -> None:
    """None of its nodes is held to be refused: they go out one by one, to this device from then on."""
    mirror = after(ABSENT, status)
    assert [operation.uri for operation in planned(mirror)] == NODES
    add = whole(ABSENT)
    state = learn(STATE, outcome_of(add, StatusCode(status)))
    assert state.refused_verbs == (TNDS,)
    assert refusal(add, NO_LIMITS, state.refused_verbs) == 406
    assert refusal(add.members[0], NO_LIMITS, state.refused_verbs) is None
    assert forgotten(state).refused_verbs == ()


def test_a_root_that_was_there_is_corrected() -> None:
    """After 418 the root exists, the rest of it is added below, and the device still takes subtrees."""
    mirror = after(ABSENT, 418)
    assert learn(STATE, outcome_of(whole(ABSENT), StatusCode.ALREADY_EXISTS)) is STATE
    (rest,) = gathered(planned(mirror), mirror, "xml")
    assert [member.uri for member in rest.members] == NODES[1:]


def test_a_refusal_of_the_moment_waits() -> None:
    """After 420 the root is left alone for a while, and all below it; nothing is learnt of the device."""
    mirror = after(ABSENT, 420)
    assert learn(STATE, outcome_of(whole(ABSENT), StatusCode.DEVICE_FULL)) is STATE
    assert planned(mirror) == ()


def test_what_got_no_answer_is_sent_node_by_node() -> None:
    """A device that passes an Add of a subtree over in silence gets its nodes alone, so that the bad one is found."""
    mirror = ABSENT.passed_over([whole(ABSENT)])
    assert gathered(planned(mirror), mirror, "xml") == planned(mirror)


def test_a_device_that_shows_a_subtree_is_known_for_it() -> None:
    """Who answers ``?list=TNDS`` with nodes serializes subtrees, until it says something new of itself."""
    get = Operation(id="g", verb="Get", uri="./A?list=TNDS")
    shown = (Read("./A", "node"), Read("./A/B", value="1"))
    state = learn(STATE, Outcome(get, StatusCode.OK, shown))
    assert state.serializes
    assert not forgotten(state).serializes
    assert learn(STATE, Outcome(get, StatusCode.OK, shown[:1])) is STATE
    assert not learn(STATE, Outcome(get, StatusCode.NOT_SUPPORTED)).serializes


HELD = Mirror(device_id="s.1").read(
    [
        Read("./Vendor/IMS", "node", MOI),
        Read("./Vendor/IMS/Domain", value="old.example"),
        Read("./Vendor/IMS/PCSCF", "node"),
        Read("./Vendor/IMS/PCSCF/9", "node"),
        Read("./Vendor/IMS/PCSCF/9/Address", value="z.example.net"),
        Read("./Vendor/IMS/Ext", "node"),
        Read("./Vendor/IMS/Ext/Own", "int", value="1"),
    ],
    NOW,
    complete_root=MO.root,
)
"""A device that holds other values, and a node that it put there itself."""


def put(mirror: Mirror) -> tuple[Operation, ...]:
    return replaced(plan([MO], mirror, STATE, (), NOW), [MO], mirror, "xml")


def test_an_object_of_which_most_changes_is_replaced_as_a_whole() -> None:
    """One Replace of its root: what changes are its members, and what the device put there itself stays in it.

    Spec: OMA-TS-DM_RepPro-V1_2 6.6 (Replace); OMA-TS-DM_TNDS-V1_2 5
    """
    (whole,) = put(HELD)
    assert (whole.verb, whole.uri, whole.tnds, whole.origin) == ("Replace", "./Vendor/IMS", "xml", "diff")
    assert whole.members == plan([MO], HELD, STATE, (), NOW)
    assert {one.verb for one in whole.members} == {"Add", "Replace", "Delete"}
    assert [(one.uri, one.value) for one in whole.kept] == [
        ("./Vendor/IMS", None), ("./Vendor/IMS/PCSCF", None), ("./Vendor/IMS/Ext", None), ("./Vendor/IMS/Ext/Own", "1"),
    ]  # fmt: skip


def test_success_of_a_replace_is_that_of_every_change() -> None:
    """After 200 nothing is left to do, and what went is known to be gone."""
    (whole,) = put(HELD)
    mirror = record_outcomes(HELD.sent([whole], NOW), [outcome_of(whole, StatusCode.OK)], NOW + timedelta(seconds=1))
    assert planned(mirror) == ()
    assert not mirror.facts["./Vendor/IMS/PCSCF/9/Address"].exists
    assert mirror.facts["./Vendor/IMS/Domain"].status == 200
    assert mirror.facts["./Vendor/IMS/Ext/Own"].effective == "1"


@pytest.mark.parametrize("status", [404, 405, 406, 415, 425, 500])
def test_a_device_that_refuses_a_replace_gets_the_nodes_one_by_one(status: int) -> None:
    """None of them counts as refused; that it adds subtrees is still believed."""
    (whole,) = put(HELD)
    answer = outcome_of(whole, StatusCode(status))
    mirror = record_outcomes(HELD.sent([whole], NOW), [answer], NOW)
    assert {(one.verb, one.uri) for one in planned(mirror)} == {(one.verb, one.uri) for one in whole.members}
    state = learn(STATE, answer)
    assert state.refused_verbs == (TNDS_REPLACE,)
    assert refusal(whole, NO_LIMITS, state.refused_verbs) == 406
    assert refusal(whole, NO_LIMITS, (TNDS,)) is None


def test_a_replace_that_has_to_wait_makes_its_changes_wait() -> None:
    """After 420 nothing of it is sent again for a while."""
    (whole,) = put(HELD)
    answer = outcome_of(whole, StatusCode.DEVICE_FULL)
    assert planned(record_outcomes(HELD.sent([whole], NOW), [answer], NOW)) == ()
    assert learn(STATE, answer) is STATE


@pytest.mark.parametrize("case", ["not known in full", "few changes", "silence", "refused", "a value nobody has seen"])
def test_a_subtree_that_a_replace_could_harm_changes_node_by_node(case: str) -> None:
    """Where nodes may be there that nobody knows, a change was refused or passed over, or only few values differ."""
    mirror = HELD
    if case == "not known in full":
        mirror = Mirror(device_id="s.1", facts=HELD.facts)
    elif case == "few changes":
        mirror = HELD.read(
            [Read("./Vendor/IMS/PCSCF/1", "node"), Read("./Vendor/IMS/PCSCF/1/Address", value="a.example.net")], NOW
        )
        mirror = mirror.acknowledged([(Operation(id="d", verb="Delete", uri="./Vendor/IMS/PCSCF/9"), 200)], NOW)
    elif case == "silence":
        mirror = HELD.passed_over([Operation(id="r", verb="Replace", uri="./Vendor/IMS/Domain", value="example.net")])
    elif case == "refused":
        mirror = HELD.acknowledged(
            [(Operation(id="r", verb="Replace", uri="./Vendor/IMS/Domain", value="x"), 405)], NOW
        )
    else:
        mirror = HELD.read([Read("./Vendor/IMS/Ext/Own", "chr")], NOW)
    assert put(mirror) == planned(mirror) != ()
