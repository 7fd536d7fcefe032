"""Where a device has its MOs: asked for, and found by their Type."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from gateway.fleet.abilities import learn
from gateway.fleet.desired import DesiredMo
from gateway.fleet.device import Credential, Device, OmaDmState
from gateway.fleet.mirror import Mirror, Outcome, Read
from gateway.fleet.model import Model, model_of
from gateway.fleet.operation import Operation
from gateway.fleet.roots import find, searches
from gateway.mo.definition import Definition
from gateway.status import StatusCode
from gateway.tree.format import Format
from gateway.tree.uri import Uri

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STATE = OmaDmState(loc_uri="IMEI:490154203237518", client=Credential(name="d", secret=b""))
EMPTY = Mirror(device_id="s.1")
DESIRED = [DesiredMo("urn:ims", Uri(("IMS",)), Definition("", (Format.NODE,)), {})]
ABSENT = EMPTY.acknowledged([(Operation(id="g", verb="Get", uri="./IMS?list=StructData"), 404)], NOW)
KEYS = {"urn:ims": "ims", "urn:nap": "nap"}


def asked(state: OmaDmState, mirror: Mirror = ABSENT) -> list[str]:
    return [operation.uri for operation in searches(DESIRED, mirror, state, NOW)]


def after(state: OmaDmState, status: int, reads: dict[str, list[Read]]) -> OmaDmState:
    """The state after the device answered everything it was asked."""
    for operation in searches(DESIRED, ABSENT, state, NOW):
        outcome = Outcome(operation, StatusCode(status), tuple(reads.get(operation.uri, ())))
        state = find(learn(state, outcome), outcome, KEYS)
    return state


def test_an_object_that_is_not_where_it_usually_is_is_searched_for() -> None:
    """Once, by the Type in the structure of the tree; nothing is asked while it may be in its place (TND 7.7)."""
    assert asked(STATE, EMPTY) == []
    assert asked(STATE) == ["./?list=Struct"]
    struct = [Read(".", "node"), Read("./Vendor", "node"), Read("./Vendor/Ims", "node", " urn:ims\n")]
    state = after(STATE, 200, {"./?list=Struct": struct})
    assert state.roots == {"ims": "./Vendor/Ims"}
    assert asked(state) == []


@pytest.mark.parametrize("told", [[], [Read("./A", "node", "urn:ims"), Read("./B", "node", "urn:ims")]])
def test_what_is_not_found_or_found_twice_stays_in_its_usual_place(told: list[Read]) -> None:
    """An object that the device has not got is made where the settings say, and none is guessed."""
    state = after(STATE, 200, {"./?list=Struct": told})
    assert (state.roots, asked(state)) == ({}, [])
    refused = after(STATE, 500, {})
    assert (refused.roots, asked(refused)) == ({}, [])


def test_a_device_that_reads_no_subtrees_is_asked_node_by_node() -> None:
    """The names below the root come by a plain Get, and then the Type of each."""
    state = after(STATE, 406, {})
    assert asked(state) == ["."]
    state = after(state, 200, {".": [Read(".", "node", children=("DevInfo", "Ims"))]})
    assert asked(state) == ["./DevInfo?prop=Type", "./Ims?prop=Type"]
    state = after(state, 200, {"./Ims?prop=Type": [Read("./Ims?prop=Type", value="urn:ims")]})
    assert (state.roots, state.names_sought, asked(state)) == ({"ims": "./Ims"}, (), [])


def test_a_device_that_never_answers_is_not_asked_for_ever() -> None:
    """After three silences it is written to where the object usually is."""
    mirror = ABSENT
    for _ in range(3):
        mirror = mirror.passed_over(searches(DESIRED, mirror, STATE, NOW))
    assert asked(STATE, mirror) == []
    silent = ABSENT
    for _ in range(3):
        silent = silent.passed_over(searches(DESIRED, silent, replace(STATE, names_sought=("A",)), NOW))
    assert asked(replace(STATE, names_sought=("A",)), silent) == []


def test_models_match_by_patterns() -> None:
    """The first that matches counts, in either case of letters; nothing is known of the others."""
    models = [Model(manufacturer="Acme", model="B?", roots={"ims": "./B"}), Model(manufacturer="acme")]
    for name, roots in (("b7", {"ims": "./B"}), ("C7", {})):
        assert model_of(models, Device(id="a.1", manufacturer="ACME", model=name)).roots == roots
    assert model_of(models, Device(id="a.1", manufacturer="Other")) == Model()
