"""Conversations with a device in steps: what the plan sends, what the device answers, what the plan sends then."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from gateway.fleet.desired import DesiredMo
from gateway.fleet.device import Credential, OmaDmState
from gateway.fleet.mirror import Mirror, Read
from gateway.fleet.operation import Operation
from gateway.fleet.plan import RETRY_AFTER, one_in_doubt, plan, read_backs
from gateway.fleet.queue import PATIENCE, Patience, due, settle
from gateway.mo.definition import Definition, Occurrence
from gateway.tree.format import Format
from gateway.tree.uri import Uri

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STATE = OmaDmState(loc_uri="IMEI:490154203237518", client=Credential(name="d", secret=b""))
NO_LIST = OmaDmState(loc_uri=STATE.loc_uri, client=STATE.client, refused_verbs=("list",))
EMPTY = Mirror(device_id="s.1")
MOI = "urn:oma:mo:ext-3gpp-ims:1.0"


def leaf(name: str, fmt: Format = Format.CHR) -> Definition:
    return Definition(name, (fmt,), Occurrence.ZERO_OR_ONE)


ENTRY = Definition("", (Format.NODE,), Occurrence.ONE_OR_MORE, children=(leaf("Address"),))
IMS = Definition(
    "",
    (Format.NODE,),
    children=(
        leaf("Domain"),
        leaf("Timer_T1", Format.INT),
        leaf("SMS", Format.BOOL),
        Definition("PCSCF", (Format.NODE,), children=(ENTRY,)),
    ),
)
VALUES = {"Domain": "ims.example.net", "Timer_T1": "2000", "PCSCF/1/Address": "pcscf.example.net"}


UNREADABLE = EMPTY.acknowledged([(Operation(id="d", verb="Get", uri="./IMS"), 405)], NOW)
"""Of a device that does not even name the children of a node."""


def want(values: dict[str, str], root: str = "./IMS") -> DesiredMo:
    return DesiredMo(MOI, Uri.parse(root), IMS, values)


def told(operations: Iterable[Operation]) -> list[str]:
    return [f"{op.verb} {op.uri}" + ("" if op.value is None else f"={op.value}") for op in operations]


def next_of(
    mirror: Mirror, values: dict[str, str] | None = None, state: OmaDmState = STATE, later: int = 0
) -> list[str]:
    return told(plan([want(VALUES if values is None else values)], mirror, state, (), NOW + timedelta(minutes=later)))


def answered(mirror: Mirror, values: dict[str, str], statuses: dict[str, int], state: OmaDmState = STATE) -> Mirror:
    """The mirror after everything planned went out and was answered 200, or as ``statuses`` says by URI."""
    sent = plan([want(values)], mirror, state, (), NOW)
    answers = [(operation, statuses.get(operation.uri, 200)) for operation in sent]
    return mirror.sent(sent, NOW).acknowledged(answers, NOW)


def reading(values: dict[str, str]) -> Mirror:
    """A device whose IMS MO was read in full."""
    reads = [Read("./IMS", "node"), *(Read(f"./IMS/{path}", value=text) for path, text in values.items())]
    return EMPTY.read(reads, NOW, complete_root=Uri(("IMS",)))


ADDS = [
    "Add ./IMS",
    "Add ./IMS/Domain=ims.example.net",
    "Add ./IMS/PCSCF",
    "Add ./IMS/PCSCF/1",
    "Add ./IMS/PCSCF/1/Address=pcscf.example.net",
    "Add ./IMS/Timer_T1=2000",
]


def test_first_contact_reads_the_mo() -> None:
    """Of an MO nobody knows anything about, the whole subtree is read first (TNDS 5)."""
    (get,) = plan([want(VALUES)], EMPTY, STATE, (), NOW)
    assert (get.verb, get.uri, get.origin, get.created_at) == ("Get", "./IMS?list=StructData", "discover", NOW)


def test_an_absent_mo_is_added_parents_first() -> None:
    """After 404 the MO is created from its root, which carries the MO identifier; then nothing is left to do."""
    (get,) = plan([want(VALUES)], EMPTY, STATE, (), NOW)
    mirror = EMPTY.acknowledged([(get, 404)], NOW)
    operations = plan([want(VALUES)], mirror, STATE, (), NOW)
    assert told(operations) == ADDS
    assert [(op.format, op.type) for op in operations[:2]] == [("node", MOI), ("chr", "")]
    assert {op.origin for op in operations} == {"diff"}
    assert next_of(answered(mirror, VALUES, {})) == []


@pytest.mark.parametrize("above", [200, 418])
def test_what_an_mo_is_below_is_added_once(above: int) -> None:
    """Whether it is there or has just been added: that the MO itself is refused does not bring it up again."""
    mo = want(VALUES, "./Vendor/Acme/IMS")
    (get,) = plan([mo], EMPTY, STATE, (), NOW)
    mirror = EMPTY.acknowledged([(get, 404)], NOW)
    first = plan([mo], mirror, STATE, (), NOW)
    assert told(first)[:3] == ["Add ./Vendor", "Add ./Vendor/Acme", "Add ./Vendor/Acme/IMS"]
    answers = [(one, above if one.uri in ("./Vendor", "./Vendor/Acme") else 405) for one in first]
    assert plan([mo], mirror.sent(first, NOW).acknowledged(answers, NOW), STATE, (), NOW) == ()


@pytest.mark.parametrize(
    ("desired", "operations"),
    [
        (VALUES, []),
        (VALUES | {"Timer_T1": "02000"}, []),
        (VALUES | {"Timer_T1": "4000"}, ["Replace ./IMS/Timer_T1=4000"]),
        (
            {"Timer_T1": "4000", "PCSCF/1/Address": "b.example.net", "Domain": "ims.example.org"},
            [
                "Replace ./IMS/Domain=ims.example.org",
                "Replace ./IMS/PCSCF/1/Address=b.example.net",
                "Replace ./IMS/Timer_T1=4000",
            ],
        ),
        (
            {"Timer_T1": "4000", "PCSCF/2/Address": "b.example.net"},
            [
                "Add ./IMS/PCSCF/2",
                "Add ./IMS/PCSCF/2/Address=b.example.net",
                "Replace ./IMS/Timer_T1=4000",
                "Delete ./IMS/PCSCF/1",
            ],
        ),
        (VALUES | {"SMS": "true"}, ["Add ./IMS/SMS=true"]),
        (
            {"PCSCF/2/Address": "b.example.net"},
            ["Add ./IMS/PCSCF/2", "Add ./IMS/PCSCF/2/Address=b.example.net", "Delete ./IMS/PCSCF/1"],
        ),
        ({"Domain": "ims.example.net"}, []),
    ],
)
def test_only_the_difference_is_sent(desired: dict[str, str], operations: list[str]) -> None:
    """A device that was read in full gets exactly what it lacks; leaves the operator says nothing of are its own."""
    assert next_of(reading(VALUES), desired) == operations


def test_the_same_plan_has_the_same_ids() -> None:
    """Ids follow from the content, so planning again changes nothing, and another value is another operation."""
    first, again = (plan([want(VALUES)], reading({}), STATE, (), NOW + timedelta(days=n)) for n in (0, 1))
    assert [op.id for op in first] == [op.id for op in again]
    assert len({op.id for op in first}) == len(first) == 5
    (one,) = plan([want({"Domain": "a"})], reading({}), STATE, (), NOW)
    (other,) = plan([want({"Domain": "b"})], reading({}), STATE, (), NOW)
    assert one.id != other.id


def walked(mirror: Mirror, tree: dict[str, str | None], statuses: dict[str, int]) -> tuple[Mirror, list[str]]:
    """The mirror after one round of plain Gets to a device with that tree, and what it was asked."""
    gets = plan([want(VALUES)], mirror, NO_LIST, (), NOW)
    for get in gets:
        status = statuses.get(get.uri, 200 if get.uri in tree else 404)
        if status == 200 and tree[get.uri] is None:
            below = {uri[len(get.uri) + 1 :].split("/")[0] for uri in tree if uri.startswith(f"{get.uri}/")}
            mirror = mirror.read([Read(get.uri, "node")], NOW).named(get.uri, sorted(below), walk=True)
        elif status == 200:
            mirror = mirror.read([Read(get.uri, value=tree[get.uri])], NOW)
        mirror = mirror.acknowledged([(get, status)], NOW)
    return mirror, told(gets)


def test_a_device_that_reads_no_subtrees_is_walked() -> None:
    """Its MO is read node by node with plain Gets, the children that each names next; then the difference is sent.

    Spec: OMA-TS-DM_TND-V1_2 (Get of an interior node)
    """
    tree = {
        "./IMS": None,
        "./IMS/Domain": "other.example.net",
        "./IMS/PCSCF": None,
        "./IMS/PCSCF/7": None,
        "./IMS/PCSCF/7/Address": "old.example.net",
        "./IMS/Secret": "never told",
    }
    mirror, asked = EMPTY, []
    for _ in range(4):
        mirror, gets = walked(mirror, tree, {"./IMS/Secret": 405})
        asked.append(gets)
    assert asked == [
        ["Get ./IMS"],
        ["Get ./IMS/Domain", "Get ./IMS/PCSCF", "Get ./IMS/Secret"],
        ["Get ./IMS/PCSCF/7"],
        ["Get ./IMS/PCSCF/7/Address"],
    ]
    assert next_of(mirror, state=NO_LIST) == [
        "Replace ./IMS/Domain=ims.example.net",
        "Add ./IMS/PCSCF/1",
        "Add ./IMS/PCSCF/1/Address=pcscf.example.net",
        "Add ./IMS/Timer_T1=2000",
        "Delete ./IMS/PCSCF/7",
    ]


def test_what_a_device_does_not_name_is_gone() -> None:
    """A node's children are those that it names: another that was believed to be there is added anew."""
    known = reading({"Domain": "ims.example.net", "Timer_T1": "2000", "PCSCF/1/Address": "pcscf.example.net"})
    assert next_of(known, state=NO_LIST) == []
    lost = known.named("./IMS", ("Domain", "Timer_T1"), walk=False)
    assert next_of(lost, state=NO_LIST) == ADDS[2:5]


@pytest.mark.parametrize("status", [404, 405, 406])
def test_a_device_that_names_no_children_is_written_to(status: int) -> None:
    """Where even the root cannot be read, Add and its 418 tell what is there."""
    mirror, asked = walked(EMPTY, {}, {"./IMS": status})
    assert asked == ["Get ./IMS"]
    assert next_of(mirror, state=NO_LIST) == ADDS


def test_what_could_not_be_undone_is_read() -> None:
    """After 516 nobody knows what the node holds: it is asked for, and what it then lacks is sent (RepPro 6.6)."""
    known = reading({"Domain": "ims.example.net", "Timer_T1": "2000", "PCSCF/1/Address": "pcscf.example.net"})
    member = Operation(id="q", verb="Replace", uri="./IMS/Domain", value="x")
    mirror = known.sent([member], NOW).acknowledged([(member, 516)], NOW)
    assert next_of(mirror) == ["Get ./IMS/Domain"]
    (get,) = plan([want(VALUES)], mirror, STATE, (), NOW)
    mirror = mirror.read([Read("./IMS/Domain", value="x")], NOW).acknowledged([(get, 200)], NOW)
    assert next_of(mirror) == ["Replace ./IMS/Domain=ims.example.net"]


def test_a_failing_discovery_is_not_repeated() -> None:
    """Whatever else the device answers to the reading, the next plan goes on without it."""
    (get,) = plan([want(VALUES)], EMPTY, STATE, (), NOW)
    assert next_of(EMPTY.acknowledged([(get, 500)], NOW)) == ADDS


def test_a_node_that_was_there_is_replaced() -> None:
    """418 on Add: a leaf gets its value by Replace, an interior node is simply there (RepPro 10)."""
    mirror = answered(UNREADABLE, VALUES, {"./IMS": 418, "./IMS/PCSCF": 418, "./IMS/Domain": 418}, NO_LIST)
    assert next_of(mirror, state=NO_LIST) == ["Replace ./IMS/Domain=ims.example.net"]
    assert next_of(answered(mirror, VALUES, {}, NO_LIST), state=NO_LIST) == []


def test_a_node_that_was_gone_is_added() -> None:
    """404 on Replace of a value once seen: the node was lost and is created anew."""
    desired = VALUES | {"Timer_T1": "1"}
    mirror = answered(reading(VALUES), desired, {"./IMS/Timer_T1": 404})
    assert next_of(mirror, desired) == ["Add ./IMS/Timer_T1=1"]


def test_a_device_that_contradicts_itself_is_left_alone() -> None:
    """Add answered 418 and Replace 404, over and over, ends after one round."""
    mirror = reading(VALUES)
    for _ in range(4):
        sent = plan([want({"Domain": "x"})], mirror, STATE, (), NOW)
        mirror = mirror.acknowledged([(op, 418 if op.verb == "Add" else 404) for op in sent], NOW)
    assert next_of(mirror, {"Domain": "x"}) == []


def test_a_refused_leaf_waits_for_another_value() -> None:
    """A refusal is about this value: another is tried, the same is not, however it is written."""
    desired = VALUES | {"Timer_T1": "9", "SMS": "true"}
    mirror = answered(reading(VALUES), desired, {"./IMS/Timer_T1": 425, "./IMS/SMS": 405})
    assert next_of(mirror, desired, later=60 * 24 * 30) == []
    assert next_of(mirror, desired | {"Timer_T1": "09", "SMS": "1"}) == []
    assert next_of(mirror, desired | {"Timer_T1": "8"}) == ["Replace ./IMS/Timer_T1=8"]
    assert next_of(mirror, desired | {"SMS": "false"}) == ["Add ./IMS/SMS=false"]
    assert next_of(mirror, VALUES) == []


def test_nothing_is_sent_below_a_refused_interior_node() -> None:
    """What could not be created cannot be filled; the rest of the MO goes on."""
    below = {"./IMS/PCSCF": 405, "./IMS/PCSCF/1": 404, "./IMS/PCSCF/1/Address": 404}
    mirror = answered(reading({}), VALUES, below)
    assert next_of(mirror) == []
    assert next_of(mirror, VALUES | {"PCSCF/2/Address": "b", "Domain": "d"}) == ["Replace ./IMS/Domain=d"]


@pytest.mark.parametrize("status", [215, 216, 417, 420, 503])
def test_a_refusal_of_the_moment_is_tried_again_later(status: int) -> None:
    """A busy or full device is asked again after an hour, and so is what fell with its parent."""
    below = {"./IMS/PCSCF": status, "./IMS/PCSCF/1": 404, "./IMS/PCSCF/1/Address": 404}
    mirror = answered(reading({}), VALUES, below)
    minutes = int(RETRY_AFTER.total_seconds()) // 60
    assert next_of(mirror, later=minutes - 1) == []
    assert next_of(mirror, later=minutes) == ADDS[2:5]


def test_a_list_entry_that_cannot_be_deleted_is_let_be() -> None:
    """The entry the operator removed costs one Delete; a refused Delete is not repeated."""
    mirror = reading(VALUES | {"PCSCF/2/Address": "old.example.net"})
    assert next_of(mirror) == ["Delete ./IMS/PCSCF/2"]
    for status in (200, 404, 405):
        assert next_of(answered(mirror, VALUES, {"./IMS/PCSCF/2": status})) == []


def test_a_node_of_another_kind_gives_way_first() -> None:
    """An interior node takes the place of a leaf once the leaf is gone; if it stays, nothing is added there."""
    mirror = reading({"Domain": "ims.example.net", "Timer_T1": "2000", "PCSCF": "leaf"})
    assert next_of(mirror) == ["Delete ./IMS/PCSCF"]
    assert next_of(answered(mirror, VALUES, {})) == ADDS[2:5]
    assert next_of(answered(mirror, VALUES, {"./IMS/PCSCF": 405})) == []


def test_an_unanswered_write_is_sent_again() -> None:
    """What went out and was never answered has changed nothing that is known."""
    desired = VALUES | {"Domain": "new"}
    mirror = reading(VALUES)
    mirror = mirror.sent(plan([want(desired)], mirror, STATE, (), NOW), NOW)
    assert next_of(mirror, desired) == ["Replace ./IMS/Domain=new"]


def test_operators_operations_come_first_and_end() -> None:
    """Queued operations precede the plan's own, in their order, until answered or sent too often: then 408."""
    queue = [
        Operation(id="1", verb="Exec", uri="./FUMO/Update"),
        Operation(id="2", verb="Get", uri="./DevDetail", status=200),
        Operation(id="3", verb="Get", uri="./DevDetail/SwV", attempts=PATIENCE.tries),
        Operation(id="4", verb="Get", uri="./DevInfo", attempts=PATIENCE.tries - 1),
    ]
    operations = plan([want(VALUES | {"Domain": "d"})], reading(VALUES), STATE, queue, NOW)
    assert [op.id for op in operations[:-1]] == ["1", "4"]
    assert told(operations[-1:]) == ["Replace ./IMS/Domain=d"]


def test_each_mo_goes_its_own_way() -> None:
    """One MO is being discovered while another is brought up to date, and a deep root gets its way first."""
    desired = [want({"Domain": "a"}), want({"Domain": "b"}, "./Vendor/IMS/2")]
    assert told(plan(desired, reading({}), STATE, (), NOW)) == [
        "Get ./Vendor/IMS/2?list=StructData",
        "Add ./IMS/Domain=a",
    ]
    (get,) = plan(desired[1:], EMPTY, NO_LIST, (), NOW)
    absent = EMPTY.acknowledged([(get, 404)], NOW)
    assert told(plan(desired[1:], absent, NO_LIST, (), NOW)) == [
        "Add ./Vendor",
        "Add ./Vendor/IMS",
        "Add ./Vendor/IMS/2",
        "Add ./Vendor/IMS/2/Domain=b",
    ]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (Read("./IMS/PCSCF/2", "node"), ["Delete ./IMS/PCSCF/2"]),
        (Read("./IMS/PCSCF/2/Address", value="old.example.net"), ["Delete ./IMS/PCSCF/2"]),
        (Read("./IMS/Domain", "node"), ["Delete ./IMS/Domain"]),
        (Read("./IMS/PCSCF/1/Address", value="old"), ["Replace ./IMS/PCSCF/1/Address=pcscf.example.net"]),
        (Read("./IMS/Timer_T1", "int", value=" 02000"), []),
        (Read("./IMS/PCSCF/1", "node"), []),
        (Read("./Other/Leaf", value="x"), []),
    ],
)
def test_almost_right_is_not_right(said: Read, expected: list[str]) -> None:
    """One node too many, of another kind or with another value is seen, however much else is as it should be."""
    assert next_of(reading(VALUES).read([said], NOW)) == expected


def test_what_stops_a_device_is_found_alone_and_left_alone() -> None:
    """A change without an answer goes out by itself the next time; after three silences not for a day."""
    first, second = (Operation(id=f"d:{n}", verb="Replace", uri=f"./A/{n}", value="2", origin="diff") for n in "12")
    mirror = EMPTY.sent([first, second], NOW).passed_over([second])
    assert one_in_doubt([first, second], mirror) == (second,)
    assert one_in_doubt([first], mirror) == (first,)


def test_a_device_that_never_answers_a_list_is_not_asked_again() -> None:
    """What it is to hold goes out without."""
    mo = DesiredMo(MOI, Uri.parse("./M"), Definition("", (Format.NODE,), children=(leaf("A"),)), {"A": "1"})
    (ask,) = plan([mo], EMPTY, STATE, [], NOW)
    mirror = EMPTY.passed_over([ask] * PATIENCE.tries)
    assert [operation.verb for operation in plan([mo], mirror, STATE, [], NOW)] == ["Add", "Add"]
    given_up = mirror.sent([Operation(id="d", verb="Add", uri="./M", format="node", value=None)], NOW)
    silent = given_up.passed_over([Operation(id="d", verb="Add", uri="./M")] * PATIENCE.tries)
    assert plan([mo], silent, NO_LIST, [], NOW) == ()
    assert plan([mo], silent, NO_LIST, [], NOW + timedelta(days=1)) != ()


def test_how_often_and_for_how_long_are_the_operators_to_say() -> None:
    """A value is left alone after as many silences as are set, for as long as is set; a queued operation for good."""
    patience = Patience(tries=2, quarantine=timedelta(hours=1))
    change = Operation(id="d", verb="Add", uri="./M", format="node", value=None)
    mo = DesiredMo(MOI, Uri.parse("./M"), Definition("", (Format.NODE,), children=(leaf("A"),)), {"A": "1"})
    known = EMPTY.passed_over([*plan([mo], EMPTY, STATE, [], NOW)] * 2)
    silent = known.sent([change], NOW).passed_over([change] * 2)
    assert plan([mo], silent, NO_LIST, [], NOW, patience) == ()
    assert plan([mo], silent, NO_LIST, [], NOW + timedelta(hours=1), patience) != ()
    assert plan([mo], silent, NO_LIST, [], NOW) != ()
    tried = Operation(id="q", verb="Get", uri="./DevInfo", attempts=2)
    assert (due([tried]), due([tried], patience)) == ((tried,), ())
    ((end,), (before, *_)) = settle([tried], [], (), NOW, (), patience).changed, settle([tried], [], (), NOW).pending
    assert (end.status, before.status) == (408, None)


def test_a_change_is_read_back() -> None:
    """What the device accepted is asked for at once; what it then holds otherwise is not sent again for an hour.

    Sent, acknowledged and read back stay apart.
    """
    mirror = reading(VALUES | {"Domain": "old"})
    (change,) = plan([want(VALUES)], mirror, STATE, (), NOW)
    mirror = mirror.sent([change], NOW).acknowledged([(change, 200)], NOW, check=True)
    (get,) = plan([want(VALUES)], mirror, STATE, (), NOW)
    assert told([get]) == ["Get ./IMS/Domain"]
    right = mirror.read([Read("./IMS/Domain", value="ims.example.net")], NOW).acknowledged([(get, 200)], NOW)
    assert next_of(right) == []
    wrong = mirror.read([Read("./IMS/Domain", value="Old")], NOW).acknowledged([(get, 200)], NOW)
    fact = wrong.facts["./IMS/Domain"]
    assert (fact.sent, fact.acknowledged, fact.read) == ("ims.example.net", "ims.example.net", "Old")
    assert next_of(wrong) == []
    assert next_of(wrong, VALUES | {"Domain": "new"}) == ["Replace ./IMS/Domain=new"]
    assert next_of(wrong, later=61) == ["Replace ./IMS/Domain=ims.example.net"]


def test_a_device_that_keeps_nothing_is_not_asked_for_ever() -> None:
    """A node that was added and is gone when it is looked at is added once more, and then believed for an hour."""
    mirror, asked = reading({path: text for path, text in VALUES.items() if path != "Domain"}), []
    for _ in range(6):
        operations = plan([want(VALUES)], mirror, STATE, (), NOW)
        asked += told(operations)
        answers = [(one, 404 if one.verb == "Get" else 200) for one in operations]
        mirror = mirror.sent(operations, NOW).acknowledged(answers, NOW, check=True)
    add = "Add ./IMS/Domain=ims.example.net"
    assert asked == [add, "Get ./IMS/Domain", add]


@pytest.mark.parametrize(("state", "address"), [(STATE, "./IMS?list=StructData"), (NO_LIST, "./IMS")])
def test_all_that_a_device_holds_is_asked_for(state: OmaDmState, address: str) -> None:
    """As a subtree, or by a walk."""
    assert [operation.uri for operation in read_backs([want(VALUES)], state, NOW)] == [address]
