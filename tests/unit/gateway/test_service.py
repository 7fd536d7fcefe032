"""The device side's use cases: what to hold, what to tell next, and what answers lead to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.fleet.alert import DeviceAlert
from gateway.fleet.device import Credential, Device, OmaDmState
from gateway.fleet.mirror import Fact, Mirror, Outcome, Read
from gateway.fleet.model import Model, ReadBack
from gateway.fleet.operation import Operation
from gateway.fleet.profile import ProfileSet, parse_profile
from gateway.fleet.subscriber import Subscriber
from gateway.mo.catalogue import Catalogue
from gateway.service import (
    MAX_ALERT_EVENTS,
    Service,
    describe_device,
    doubt_writes,
    drift_writes,
    note_alerts,
    queue_writes,
    record_outcomes,
    refusal_writes,
    sent_writes,
)
from gateway.status import StatusCode
from gateway.store.protocol import Append, PutOperation
from gateway.tree.uri import NO_LIMITS, Uri, UriLimits

NOW = datetime(2026, 1, 2, tzinfo=UTC)
CATALOGUE = Catalogue.load(Path(__file__).parents[3] / "config" / "mo", identifiers={})
PROFILE = """\
name = "all"
layer = "operator"
[mo.ims]
Timer_T1 = 2000
Private_user_identity = "{impi}"
[mo.xcap]
Name = "not mounted anywhere"
"""
SUBSCRIBER = Subscriber(id="ann", imsis=("001010000000001",), msisdn="+15550100001")
ASKED = OmaDmState(
    loc_uri="phone", client=Credential(name="ann", secret=b""), large_objects=False, uri_limits=NO_LIMITS
)
DEVICE = Device(id="ann.1", omadm=ASKED)
EMPTY = Mirror(device_id="ann.1")
GET = Operation(id="q1", verb="Get", uri="./A", origin="queue")
LIST = Operation(id="d1", verb="Get", uri="./A?list=StructData", origin="discover")
REPLACE = Operation(id="d2", verb="Replace", uri="./A/B", value="2", origin="diff")
ADD = Operation(id="d3", verb="Add", uri="./A/B", value="2", origin="diff")


@pytest.fixture
def service() -> Service:
    profiles = ProfileSet([parse_profile(PROFILE, "all.toml", CATALOGUE)], CATALOGUE)
    return Service(CATALOGUE, profiles, plmns=["00101"], roots={"ims": "./3GPP_IMS"})


def test_a_device_is_to_hold_what_the_profiles_say_where_its_mos_are(service: Service) -> None:
    """Variables are filled; an MO without a root is left out; the device's own root wins over the settings'."""
    desired = service.desired_mos(SUBSCRIBER, DEVICE, EMPTY)
    assert desired.keys() == {"ims"}
    assert desired["ims"].root == Uri.parse("./3GPP_IMS")
    impi = "001010000000001@ims.mnc001.mcc001.3gppnetwork.org"
    assert desired["ims"].values == {"Timer_T1": "2000", "Private_user_identity": impi}
    assert DEVICE.omadm is not None
    own = replace(DEVICE, omadm=replace(DEVICE.omadm, roots={"ims": "./Vendor/IMS"}))
    assert service.desired_mos(SUBSCRIBER, own, EMPTY)["ims"].root == Uri.parse("./Vendor/IMS")


def test_the_key_tells_whether_the_configuration_can_have_changed(service: Service) -> None:
    """Everything a configuration is made of is in the key; a nonce or a session is not."""
    key = service.configuration_key(SUBSCRIBER, DEVICE)
    changed = [
        (replace(SUBSCRIBER, overrides={"ims": {"Timer_T1": "1"}}, content_revision=2), DEVICE),
        (SUBSCRIBER, replace(DEVICE, overrides={"ims": {"Timer_T1": "1"}}, content_revision=2)),
    ]
    assert key not in [service.configuration_key(*one) for one in changed]
    assert DEVICE.omadm is not None
    later = replace(DEVICE, revision=9, omadm=replace(DEVICE.omadm, synced="x", last_session_at=NOW))
    assert service.configuration_key(replace(SUBSCRIBER, revision=9), later) == key


def test_what_a_device_passed_over_waits_for_another_session(service: Service) -> None:
    """What it left unanswered just now is not sent again at once; without an account there is nothing to say."""
    planned = service.next_operations(SUBSCRIBER, DEVICE, EMPTY, [GET], NOW)
    assert [operation.uri for operation in planned] == ["./A", "./3GPP_IMS?list=StructData"]
    rest = service.next_operations(SUBSCRIBER, DEVICE, EMPTY, [GET], NOW, {operation.id for operation in planned[:1]})
    assert rest == planned[1:]
    assert service.next_operations(SUBSCRIBER, Device(id="ann.2"), EMPTY, [GET], NOW) == ()


@pytest.mark.parametrize(
    ("outcome", "facts"),
    [
        (Outcome(GET, StatusCode.OK, (Read("./A", value="1"),)), {"./A": "1", "./A/Old": "old"}),
        (Outcome(LIST, StatusCode.OK, (Read("./A", "node"), Read("./A/B", value="1"))), {"./A": None, "./A/B": "1"}),
        (Outcome(LIST, StatusCode.NOT_ALLOWED), {"./A/Old": "old"}),
        (Outcome(LIST, StatusCode.NOT_FOUND), {}),
        (Outcome(ADD, StatusCode.OK), {"./A/B": "2", "./A/Old": "old"}),
        (Outcome(ADD, StatusCode.DEVICE_FULL), {"./A/Old": "old"}),
    ],
)
def test_answers_change_the_mirror(outcome: Outcome, facts: dict[str, str | None]) -> None:
    """What was read or accepted is believed; a full list tells what is gone as well; a refusal changes no belief."""
    before = Mirror(device_id="ann.1", facts={"./A/Old": Fact(read="old", read_at=NOW)})
    after = record_outcomes(before, [outcome], NOW)
    assert {uri: fact.effective for uri, fact in after.facts.items() if fact.exists} == facts
    assert after.complete == (("./A",) if len(outcome.reads) > 1 else ())


@pytest.mark.parametrize(
    ("outcome", "refused"),
    [
        (Outcome(GET, StatusCode.NOT_FOUND), []),
        (Outcome(replace(REPLACE, origin="queue"), StatusCode.NOT_ALLOWED), ["./A/B"]),
        (Outcome(REPLACE, StatusCode.OK), []),
        (Outcome(REPLACE, StatusCode(499)), ["./A/B"]),
        (Outcome(ADD, StatusCode.ALREADY_EXISTS), []),
        (Outcome(Operation(id="q2", verb="Alert"), StatusCode.CANCELLED), []),
        (
            Outcome(
                Operation(id="q3", verb="Atomic", members=(ADD, REPLACE)),
                StatusCode.ATOMIC_FAILED,
                members=(Outcome(ADD, StatusCode.ROLLED_BACK), Outcome(REPLACE, StatusCode.FORBIDDEN)),
            ),
            ["./A/B", "./A/B"],
        ),
    ],
)
def test_a_refused_change_is_an_event(outcome: Outcome, refused: list[str]) -> None:
    """Whoever asked for it, and for each step of a group; an answer that only corrects our picture is none."""
    writes = refusal_writes(DEVICE, [outcome], NOW)
    events = [write.event for write in writes if isinstance(write, Append)]
    assert len(events) == len(writes)
    assert [event.detail["uri"] for event in events] == refused
    for event in events:
        assert (event.kind, event.subscriber_id, event.device_id, event.at) == ("value.refused", "ann", "ann.1", NOW)


def test_queued_operations_are_kept_as_they_are_now() -> None:
    """What ended is an event with its status, what began to run is one, what was only released is none."""
    ended = replace(GET, status=200, status_at=NOW)
    failed = replace(GET, id="q4", verb="Exec", status=500, status_at=NOW, result=1405)
    running = replace(GET, id="q2", verb="Exec", accepted_at=NOW)
    released = replace(GET, id="q3")
    writes = queue_writes(DEVICE, [ended, failed, running, released], NOW)
    kept = [write.operation.id for write in writes if isinstance(write, PutOperation)]
    told = [(write.event.kind, write.event.detail) for write in writes if isinstance(write, Append)]
    assert kept == ["q1", "q4", "q2", "q3"]
    assert told == [
        ("operation.ended", {"id": "q1", "verb": "Get", "uri": "./A", "status": "200 OK"}),
        (
            "operation.ended",
            {"id": "q4", "verb": "Exec", "uri": "./A", "status": "500 command failed", "result": "1405"},
        ),
        ("operation.accepted", {"id": "q2", "verb": "Exec", "uri": "./A"}),
    ]  # fmt: skip


def test_each_sending_of_a_queued_operation_counts() -> None:
    """The gateway's own are not kept."""
    (only,) = sent_writes(DEVICE, [GET, REPLACE], NOW)
    assert isinstance(only, PutOperation)
    assert (only.operation.id, only.operation.attempts, only.operation.sent_at) == ("q1", 1, NOW)


def test_what_a_device_alerts_to_is_an_event() -> None:
    """Of a kind by its type where that is known, ``device.alert`` with all it said where it is not."""
    known = DeviceAlert(code=1226, type="Reversed-Domain-Name: org.openmobilealliance.firmwareupdate.DeviceRequest")
    strange = DeviceAlert(code=1226, type="com.example.Fall", mark="fatal", source="./Ex", data="x" * 5000)
    start = DeviceAlert(code=1201)
    writes = note_alerts(DEVICE, [start, known, strange], NOW)
    events = [write.event for write in writes if isinstance(write, Append)]
    assert [event.kind for event in events] == ["firmware.requested", "device.alert"]
    assert events[1].detail == {
        "code": "1226", "type": "com.example.Fall", "mark": "fatal", "source": "./Ex", "data": "x" * 4096,
    }  # fmt: skip


def test_a_device_does_not_fill_the_log_with_alerts() -> None:
    """Of one message a bounded number is kept."""
    assert len(note_alerts(DEVICE, [DeviceAlert(code=1226, type="x")] * 400, NOW)) == MAX_ALERT_EVENTS


def test_a_device_is_known_by_its_answers(service: Service) -> None:
    """A command it does not know is remembered; an answer that teaches nothing gives the same object."""
    assert service.learn_from(DEVICE, [Outcome(REPLACE, StatusCode.OK)]) is DEVICE
    learnt = service.learn_from(DEVICE, [Outcome(LIST, StatusCode.NOT_SUPPORTED)])
    assert learnt.omadm is not None
    assert learnt.omadm.refused_verbs == ("list",)
    bare = Device(id="ann.2")
    assert service.learn_from(bare, [Outcome(REPLACE, StatusCode.NOT_SUPPORTED)]) is bare


def test_a_device_says_what_it_is_once() -> None:
    """Make and model count as new content when they change, in either spelling of the URI; the same again does not."""
    said = [Read("./DevInfo/Man", value="Acme"), Read("DevInfo/Mod", value="B7"), Read("./DevInfo/Lang", value="en")]
    described = describe_device(DEVICE, said)
    assert (described.manufacturer, described.model) == ("Acme", "B7")
    assert described.content_revision == DEVICE.content_revision + 1
    assert describe_device(described, said) is described
    other = describe_device(described, [*said[:2], Read("./DevInfo/Lang", value="fr")])
    assert other is not described
    assert other.content_revision == described.content_revision
    assert describe_device(DEVICE, []) is DEVICE


def test_what_a_device_never_answers_is_left_alone() -> None:
    """The third silence is an event; another answer, or another command there, begins anew."""
    mirror = EMPTY.sent([REPLACE], NOW)
    told = []
    for _ in range(3):
        mirror = mirror.passed_over([REPLACE])
        told.append([w.event.kind for w in doubt_writes(DEVICE, mirror, [REPLACE], NOW) if isinstance(w, Append)])
    assert told == [[], [], ["value.quarantined"]]
    assert mirror.sent([REPLACE], NOW).facts["./A/B"].tries == 3
    assert mirror.sent([replace(REPLACE, value="3")], NOW).facts["./A/B"].tries == 0
    assert record_outcomes(mirror, [Outcome(REPLACE, StatusCode.OK)], NOW).facts["./A/B"].tries == 0


def test_a_device_is_asked_what_it_takes_before_anything_is_written(service: Service) -> None:
    """Its limits come first, along with the first reading of its objects; who never says is written to all the same.

    Spec: OMA-TS-DM_StdObj-V1_2 5.2
    """
    unknown = replace(DEVICE, omadm=replace(ASKED, large_objects=None, uri_limits=None))
    change = Operation(id="q9", verb="Replace", uri="./A", value="v")
    asked = service.next_operations(SUBSCRIBER, unknown, EMPTY, [change], NOW)
    assert [operation.uri for operation in asked] == [
        "./DevDetail/LrgObj",
        "./DevDetail/URI/MaxDepth",
        "./DevDetail/URI/MaxTotLen",
        "./DevDetail/URI/MaxSegLen",
        "./3GPP_IMS?list=StructData",
    ]
    ids = {operation.id for operation in asked}
    assert change in service.next_operations(SUBSCRIBER, unknown, EMPTY, [change], NOW, ids)
    silent = EMPTY
    for _ in range(3):
        silent = silent.passed_over(asked[:4])
    assert change in service.next_operations(SUBSCRIBER, unknown, silent, [change], NOW)
    learnt = service.learn_from(unknown, [Outcome(operation, StatusCode(404)) for operation in asked])
    assert change in service.next_operations(SUBSCRIBER, learnt, EMPTY, [change], NOW)


@pytest.mark.parametrize(
    ("change", "is_sent"),
    [
        (Operation(id="q9", verb="Replace", uri="./A/B", value="v"), True),
        (Operation(id="q9", verb="Replace", uri="./A/B/C/D/E/F/G", value="v"), False),
        (Operation(id="q9", verb="Replace", uri="./A/B", value="v" * 513), False),
        (
            Operation(id="q9", verb="Atomic", members=(Operation(id="m", verb="Add", uri="./A", value="v" * 513),)),
            False,
        ),
    ],
)
def test_the_limits_of_its_model_are_good_for_what_keeps_to_them(
    service: Service, change: Operation, is_sent: bool
) -> None:
    """That goes out at once; for anything beyond, or too large to be sure of, the device is asked for its own first."""
    assumed = replace(DEVICE, omadm=replace(ASKED, uri_limits=UriLimits(depth=6)))
    planned = service.next_operations(SUBSCRIBER, assumed, EMPTY, [change], NOW, limits_assumed=True)
    assert (change in planned, "./DevDetail/LrgObj" in [one.uri for one in planned]) == (is_sent, not is_sent)
    assert change in service.next_operations(SUBSCRIBER, assumed, EMPTY, [change], NOW)


def test_a_device_that_says_something_new_of_itself_is_asked_again() -> None:
    """After an update it may take what it refused before."""
    said = describe_device(DEVICE, [Read("./DevInfo/DmV", value="1")])
    assert said.omadm is not None
    limited = replace(said, omadm=replace(said.omadm, refused_verbs=("Copy",), uri_limits=UriLimits(depth=3)))
    assert describe_device(limited, [Read("./DevInfo/DmV", value="1")]) is limited
    renewed = describe_device(limited, [Read("./DevInfo/DmV", value="2")]).omadm
    assert renewed is not None
    assert (renewed.refused_verbs, renewed.uri_limits, renewed.large_objects) == ((), None, None)


def test_a_value_that_changed_behind_our_back_is_an_event() -> None:
    """What the device accepted and now says otherwise has drifted; what is the same, or was never ours, has not."""
    held = {
        "./A/B": Fact(format="int", acknowledged="2", acknowledged_at=NOW),
        "./A/C": Fact(format="int", acknowledged="2", acknowledged_at=NOW),
        "./A/D": Fact(read="2", read_at=NOW),
    }
    reads = tuple(
        Read(uri, value=value) for uri, value in (("./A/B", "3"), ("A/C", "+2"), ("./A/D", "3"), ("./N", "1"))
    )
    writes = drift_writes(DEVICE, Mirror(device_id="ann.1", facts=held), [Outcome(GET, StatusCode.OK, reads)], NOW)
    told = [(write.event.kind, write.event.detail) for write in writes if isinstance(write, Append)]
    assert told == [("value.drifted", {"uri": "./A/B"})]


def test_a_list_of_nodes_without_values_forgets_none() -> None:
    """After `?list=Struct` new nodes are known, those not named are gone, and values read before still hold.

    Spec: OMA-TS-DM_TND-V1_2 (Struct)
    """
    names = Operation(id="q2", verb="Get", uri="./A?list=Struct")
    before = EMPTY.read([Read("./A", "node"), Read("./A/B", value="2"), Read("./A/C", value="3")], NOW)
    later = NOW.replace(hour=5)
    reads = (Read("./A", "node"), Read("./A/B"), Read("./A/D", "int"))
    mirror = record_outcomes(before, [Outcome(names, StatusCode.OK, reads)], later)
    facts = mirror.facts
    assert (facts["./A/B"].read, facts["./A/B"].read_at) == ("2", NOW)
    assert (facts["./A/D"].exists, facts["./A/D"].read, facts["./A/D"].format) == (True, None, "int")
    assert facts["./A/C"].removed
    assert mirror.complete == ("./A",)


@pytest.mark.parametrize(
    ("query", "absorbed"),
    [
        ("TNDS", True),
        ("TNDS+Format+Value", True),
        ("TNDS-ACL-Title", True),
        ("TNDS+ACL+Format", False),
        ("TNDS-Value", False),
    ],
)
def test_a_serialized_subtree_is_all_there_is(query: str, *, absorbed: bool) -> None:
    """After `?list=TNDS` the nodes in it are known and no others are there; without values or formats it tells nothing.

    What could not be read as a subtree is not taken for the value of the node. Spec: OMA-TS-DM_TNDS-V1_2 5
    """
    asked = Operation(id="q3", verb="Get", uri=f"./A?list={query}")
    before = EMPTY.read([Read("./A", "node"), Read("./A/Old", value="3")], NOW)
    reads = (Read("./A", "node"), Read("./A/B", value="2"))
    mirror = record_outcomes(before, [Outcome(asked, StatusCode.OK, reads)], NOW)
    assert ("./A/B" in mirror.facts, mirror.facts["./A/Old"].removed) == (absorbed, absorbed)
    unread = (Read("./A", "xml", value="<MgmtTree"),)
    assert record_outcomes(before, [Outcome(asked, StatusCode.OK, unread)], NOW) == before


def test_what_a_device_lost_is_an_event() -> None:
    """Values that it accepted and does not name any more, or whose object it has not got, are lost."""
    held = {
        "./A/B": Fact(acknowledged="2", acknowledged_at=NOW),
        "./A/C": Fact(acknowledged="2", acknowledged_at=NOW),
        "./A/D": Fact(read="2", read_at=NOW),
        "./AB": Fact(acknowledged="2", acknowledged_at=NOW),
    }
    mirror = Mirror(device_id="ann.1", facts=held)
    for status, reads, lost in (
        (200, (Read("./A", "node"), Read("A/B", value="2")), ["./A/C"]),
        (404, (), ["./A/B", "./A/C"]),
        (406, (), []),
    ):
        writes = drift_writes(DEVICE, mirror, [Outcome(LIST, StatusCode(status), reads)], NOW)
        told = [(one.event.kind, one.event.detail["uri"]) for one in writes if isinstance(one, Append)]
        assert told == [("value.lost", uri) for uri in lost]


def test_a_device_is_read_back_by_policy() -> None:
    """Every so many seconds, or never; a model's policy goes before that of all."""
    profiles = ProfileSet([parse_profile(PROFILE, "all.toml", CATALOGUE)], CATALOGUE)
    often = Model(manufacturer="Acme", read_back=ReadBack(seconds=60, changes=True))
    service = Service(
        CATALOGUE, profiles, plmns=[], roots={"ims": "./IMS"}, models=[often], read_back=ReadBack(seconds=3600)
    )
    for manufacturer, seconds, changes in (("Acme", 60, True), ("Other", 3600, False)):
        device = replace(DEVICE, manufacturer=manufacturer)
        assert service.checks_changes(device) is changes
        assert service.is_read_back_due(device, NOW)
        read = replace(device, omadm=replace(ASKED, read_back_at=NOW))
        assert not service.is_read_back_due(read, NOW + timedelta(seconds=seconds - 1))
        assert service.is_read_back_due(read, NOW + timedelta(seconds=seconds))
    never = Service(CATALOGUE, profiles, plmns=[], roots={})
    assert not never.is_read_back_due(DEVICE, NOW)
    held = EMPTY.read([Read("./IMS", "node"), Read("./IMS/Timer_T1", "int", value="2000")], NOW)
    asked = service.next_operations(SUBSCRIBER, DEVICE, held, [], NOW, read_back=True)
    assert [operation.uri for operation in asked if operation.verb == "Get"] == ["./IMS?list=StructData"]


@pytest.mark.parametrize(
    ("declared", "state", "form"),
    [
        ("auto", ASKED, None),
        ("auto", replace(ASKED, serializes=True), "inline"),
        ("xml", ASKED, "xml"),
        ("off", replace(ASKED, serializes=True), None),
        ("xml", replace(ASKED, refused_verbs=("TNDS",)), None),
    ],
)
def test_whole_subtrees_go_to_devices_that_take_them(declared: str, state: OmaDmState, form: str | None) -> None:
    """The model says so, or the device has shown it; one that refused a subtree gets none whatever the model says."""
    profiles = ProfileSet([parse_profile(PROFILE, "all.toml", CATALOGUE)], CATALOGUE)
    models = [Model(manufacturer="Acme", subtrees=declared)]  # type: ignore[arg-type]
    service = Service(CATALOGUE, profiles, plmns=["00101"], roots={"ims": "./3GPP_IMS"}, models=models, tnds="inline")
    device = replace(DEVICE, manufacturer="Acme", omadm=replace(state, roots_sought=True))
    absent = EMPTY.acknowledged([(Operation(id="g", verb="Get", uri="./3GPP_IMS"), 404)], NOW)
    operations = service.next_operations(SUBSCRIBER, device, absent, (), NOW)
    assert (len(operations) == 1) == (form is not None)
    assert {operation.tnds for operation in operations} == {form}
    # What it passed over in silence is not sent again in the same session.
    assert form is None or service.next_operations(SUBSCRIBER, device, absent, (), NOW, [operations[0].id]) == ()


def test_a_device_is_asked_for_what_it_left_out_of_its_introduction(service: Service) -> None:
    """Each leaf of DevInfo that it has to say and has not said; the answer is a variable as if it had.

    Spec: OMA-TS-DM_StdObj-V1_2 5.1 (DevInfo)
    """
    said = EMPTY.read([Read("./DevInfo/DevId", value="phone"), Read("DevInfo/DmV", value="1.2")], NOW)
    asked = service.next_operations(SUBSCRIBER, DEVICE, said, (), NOW, introduced=True)
    gets = [operation for operation in asked if "DevInfo" in operation.uri]
    assert [(one.verb, one.uri) for one in gets] == [("Get", f"./DevInfo/{name}") for name in ("Man", "Mod", "Lang")]
    again = service.next_operations(SUBSCRIBER, DEVICE, said, (), NOW)
    assert not any("DevInfo" in operation.uri for operation in again)
    told = service.learn_from(DEVICE, [Outcome(gets[1], StatusCode.OK, (Read("DevInfo/Mod", value="Z9"),))])
    assert (told.model, told.content_revision) == ("Z9", DEVICE.content_revision + 1)


def test_software_is_known_when_it_was_read(service: Service) -> None:
    """Who answers a Get of DevDetail/SwV is known for that software from then on, which its configuration may name."""
    get = Operation(id="q", verb="Get", uri="./DevDetail/SwV", origin="queue")
    told = service.learn_from(DEVICE, [Outcome(get, StatusCode.OK, (Read("DevDetail/SwV", value="1.0"),))])
    assert (told.software, told.content_revision) == ("1.0", DEVICE.content_revision + 1)
    assert service.learn_from(told, [Outcome(get, StatusCode.OK, (Read("./DevDetail/SwV", value="1.0"),))]) is told
    assert service.learn_from(told, [Outcome(get, StatusCode.NOT_FOUND)]) is told
