"""Whatever a device answers, the gateway stops talking."""

from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
from hypothesis import given, settings

from gateway.fleet.abilities import learn
from gateway.fleet.desired import DesiredMo
from gateway.fleet.device import Credential, OmaDmState
from gateway.fleet.mirror import Mirror, Outcome, Read
from gateway.fleet.plan import only_changes_values, plan
from gateway.mo.definition import Definition, Occurrence
from gateway.status import StatusCode
from gateway.tree.format import Format
from gateway.tree.uri import Uri

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROOT = Uri(("Vendor", "MO"))
LEAF = Definition("Leaf", (Format.CHR,), Occurrence.ZERO_OR_ONE)
LIST = Definition(
    "List",
    (Format.NODE,),
    children=(Definition("", (Format.NODE,), Occurrence.ZERO_OR_MORE, children=(LEAF,)),),
)
KEPT = Definition("Kept", (Format.CHR,), permanent=True)
DDF = Definition("MO", (Format.NODE,), children=(LEAF, LIST, KEPT))
DESIRED = [DesiredMo("urn:example:mo:1.0", ROOT, DDF, {"Leaf": "1", "List/1/Leaf": "2", "Kept": "3"})]

said = st.dictionaries(
    st.sampled_from(["", "/Leaf", "/Kept", "/List", "/List/1", "/List/1/Leaf", "/List/2", "/List/2/Leaf", "/Leaf/x"]),
    st.sampled_from([("node", None), ("chr", "1"), ("chr", "other")]),
)
held = st.fixed_dictionaries(
    {
        "": st.just(("node", None)),
        "/List": st.just(("node", None)),
        "/List/1": st.just(("node", None)),
        **dict.fromkeys(
            ("/Leaf", "/Kept", "/List/1/Leaf"), st.sampled_from([("chr", "1"), ("chr", "2"), ("chr", "3")])
        ),
    },
    optional={"/List/2": st.just(("node", None))},
)
codes = st.sampled_from([200, 202, 215, 401, 404, 405, 406, 418, 420, 425, 500, 599])


@settings(deadline=None)
@given(reported=st.none() | said, answers=st.data())
def test_a_plan_ends_whatever_the_device_answers(
    reported: dict[str, tuple[str, str | None]] | None, answers: st.DataObject
) -> None:
    """A few rounds of any answers, contradictory ones too, leave nothing more to send at that moment."""
    state = OmaDmState(loc_uri="IMEI:490154203237518", client=Credential(name="d", secret=b""))
    mirror = Mirror(device_id="s.1")
    if reported is not None:
        reads = [Read(f"{ROOT}{path}", fmt, value=value) for path, (fmt, value) in reported.items()]
        mirror = mirror.read(reads, NOW, complete_root=ROOT)
    for _ in range(10):
        operations = plan(DESIRED, mirror, state, (), NOW)
        mirror = mirror.sent(operations, NOW)
        for operation in operations:
            status = answers.draw(codes)
            state = learn(state, Outcome(operation, StatusCode(status)))
            mirror = mirror.acknowledged([(operation, status)], NOW)
            if operation.verb == "Get" and status in (200, 202):
                mirror = mirror.read([], NOW, complete_root=ROOT)
    assert plan(DESIRED, mirror, state, (), NOW) == ()


@settings(deadline=None)
@given(reported=held)
def test_a_device_that_takes_all_new_values_has_nothing_left_to_do(reported: dict[str, tuple[str, str | None]]) -> None:
    """So nobody needs to compare it again to know."""
    state = OmaDmState(loc_uri="IMEI:490154203237518", client=Credential(name="d", secret=b""))
    reads = [Read(f"{ROOT}{path}", fmt, value=value) for path, (fmt, value) in reported.items()]
    mirror = Mirror(device_id="s.1").read(reads, NOW, complete_root=ROOT)
    operations = plan(DESIRED, mirror, state, (), NOW)
    assert only_changes_values(operations, mirror) is ("/List/2" not in reported)
    later = NOW + timedelta(seconds=1)
    mirror = mirror.sent(operations, later).acknowledged([(operation, 200) for operation in operations], later)
    if "/List/2" not in reported:
        assert plan(DESIRED, mirror, state, (), later) == ()
